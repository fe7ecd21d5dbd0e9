"""microWakeWord as shipped, by pymicro-wakeword: the mean of its last five probabilities."""

from __future__ import annotations

from array import array
from pathlib import Path

import common
import numpy as np
from pymicro_wakeword import MicroWakeWord, MicroWakeWordFeatures, Model

BLOCK = 1280  # samples, 80 ms


def main() -> None:
    job = common.job()
    engine = MicroWakeWord.from_builtin(Model(job["word"]))
    features = MicroWakeWordFeatures()
    stream = common.Stream(job["audio"])
    times, scores = array("d"), array("d")
    frames = 0
    for block in stream.blocks(BLOCK):
        for frame in features.process_streaming(block.tobytes()):
            score = engine.process_streaming_prob(frame)
            frames += 1
            if frames % engine.stride == 0:  # in between it says 0
                times.append(stream.heard_s)
                scores.append(score)
    scored = np.column_stack([times, scores])
    common.write(stream, [Path(engine.tflite_model)], scores=scored)


if __name__ == "__main__":
    main()
