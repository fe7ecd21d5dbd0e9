"""microWakeWord as shipped, by pymicro-wakeword: the mean of its last five probabilities."""

from __future__ import annotations

from pathlib import Path

import common
from pymicro_wakeword import MicroWakeWord, MicroWakeWordFeatures, Model

BLOCK = 1280  # samples, 80 ms


def main() -> None:
    job = common.job()
    engine = MicroWakeWord.from_builtin(Model(job["word"]))
    features = MicroWakeWordFeatures()
    stream = common.Stream(job["audio"])
    scores: list[tuple[float, float]] = []
    for block in stream.blocks(BLOCK):
        for frame in features.process_streaming(block.tobytes()):
            scores.append((stream.heard_s, engine.process_streaming_prob(frame)))
    common.write(stream, [Path(engine.tflite_model)], scores=scores)


if __name__ == "__main__":
    main()
