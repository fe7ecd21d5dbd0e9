"""Models for microcontrollers in pymicro-wakeword: microWakeWord's own, or one of this project.

The score is the mean of the last probabilities, of as many as the model's manifest says.
"""

from __future__ import annotations

from array import array
from pathlib import Path

import engine_io
import numpy as np
from pymicro_wakeword import MicroWakeWord, MicroWakeWordFeatures, Model

BLOCK = 1280  # samples, 80 ms


def main() -> None:
    """Score a stream with the model of a manifest, or the built-in model of the keyword."""
    job = engine_io.read_job()
    if job["model"]:
        engine = MicroWakeWord.from_config(job["model"])
    else:
        engine = MicroWakeWord.from_builtin(Model(job["keyword"]))
    features = MicroWakeWordFeatures()
    stream = engine_io.AudioStream(job["audio"])
    times, scores = array("d"), array("d")
    frames = 0
    for block in stream.blocks(BLOCK):
        for frame in features.process_streaming(block.tobytes()):
            score = engine.process_streaming_prob(frame)
            frames += 1
            if frames % engine.stride == 0:  # between two strides the score is 0
                times.append(stream.fed_s)
                scores.append(score)
    timed_scores = np.column_stack([times, scores])
    engine_io.write_result(stream, [Path(engine.tflite_model)], scores=timed_scores)


if __name__ == "__main__":
    main()
