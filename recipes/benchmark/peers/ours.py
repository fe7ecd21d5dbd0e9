"""A model of this project, or its exported file, fed block by block like the live detector."""

from __future__ import annotations

from array import array
from pathlib import Path

import engine_io
import numpy as np

from wakeword.cli import detector_factory
from wakeword.detection.trigger import smooth

BLOCK = 1280  # samples, 80 ms


def main() -> None:
    """Score a stream with a model file or an exported file."""
    job = engine_io.read_job()
    detector = detector_factory.open_detector(Path(job["model"]), None)
    keyword = detector.model.keywords.index(job["keyword"])
    stream = engine_io.AudioStream(job["audio"])
    times, logits = array("d"), array("d")
    for block in stream.blocks(BLOCK):
        new = detector.logits(block)
        logits.extend(new[:, keyword].tolist())
        times.extend([stream.fed_s] * len(new))
    scores = smooth(np.asarray(logits)[:, None], detector.trigger.smoothing)
    engine_io.write_result(stream, [job["model"]], scores=np.column_stack([times, scores]))


if __name__ == "__main__":
    main()
