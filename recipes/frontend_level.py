"""What a fixed reference level costs against Whisper's own front end.

Whisper clips its log-mel 80 dB below the loudest point of the window. A stream has no window, so
`LogMel` clips below a fixed level. This prints, for several levels, how far the features and the
frames of the bidirectional encoder move away from the original on the speech of a data set:

    python recipes/frontend_level.py DATA [--clips 200]

Data: any layout that `wakeword train` reads; its negatives (speech) are used, each clip alone.
Takes a few minutes on one core. On 100 clips of 2 to 15 s (dev split of the corpus, `--clips 100`):

    level   features moved   mean |Δ|   cosine of frames
      0.0           21.1%     0.0373            0.9907
      0.5           23.3%     0.0329            0.9908
      1.0           27.8%     0.0439            0.9862
      1.5           34.7%     0.0750            0.9763
      2.0           43.4%     0.1215            0.9625
      2.5           51.6%     0.1813            0.9462

Levels of 0 to 1 stay nearest to the original on these clips; 1.5, the default, hides more of what
is quiet and leaves the frames at a cosine of 0.976. What that does to a detector was not measured
against the lower levels.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
import torch.nn.functional as F

from wakeword.data.readers import read_dataset
from wakeword.encoders.frontend import FIXED_LEVEL, LogMel
from wakeword.encoders.registry import load_encoder
from wakeword.encoders.whisper import WhisperOffline

LEVELS = (0.0, 0.5, 1.0, FIXED_LEVEL, 2.0, 2.5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("--clips", type=int, default=200)
    arguments = parser.parse_args()

    clips = [c for c in read_dataset(arguments.data).subset("dev").negatives]
    order = np.random.default_rng(0).permutation(len(clips))
    windowed, _, _ = load_encoder(streaming="window")
    encoder: WhisperOffline = windowed.offline
    original = LogMel(level=None)
    moved: dict[float, list[tuple[float, float, float]]] = {level: [] for level in LEVELS}
    with torch.inference_mode():
        for i in order:
            samples = clips[i].load()
            if not 2 * 16_000 <= len(samples) <= 15 * 16_000:
                continue
            audio = torch.from_numpy(samples)[None]
            features, _ = original(audio)
            frames = encoder.layers(features)[-1]
            for level in LEVELS:
                fixed, _ = LogMel(level=level)(audio)
                delta = (fixed - features).abs()
                cosine = F.cosine_similarity(encoder.layers(fixed)[-1], frames, dim=-1).mean()
                share = (delta > 0.01).float().mean()
                moved[level].append((float(share), float(delta.mean()), float(cosine)))
            if len(moved[FIXED_LEVEL]) == arguments.clips:
                break
    print(f"{len(moved[FIXED_LEVEL])} clips")
    print("level   features moved   mean |Δ|   cosine of frames")
    for level, values in moved.items():
        share, delta, cosine = np.mean(values, axis=0)
        print(f"{level:5.1f}   {share:13.1%}   {delta:8.4f}   {cosine:15.4f}")


if __name__ == "__main__":
    main()
