"""A model of this project, or its exported file, fed as the live detector feeds it."""

from __future__ import annotations

from array import array
from pathlib import Path

import common
import numpy as np

from wakeword.cli import detector_factory
from wakeword.detection.trigger import smooth

BLOCK = 1280  # samples, 80 ms


def main() -> None:
    job = common.job()
    detector = detector_factory.open_detector(Path(job["model"]), None)
    keyword = detector.model.keywords.index(job["word"])
    stream = common.Stream(job["audio"])
    times, logits = array("d"), array("d")
    for block in stream.blocks(BLOCK):
        out = detector.logits(block)
        logits.extend(out[:, keyword].tolist())
        times.extend([stream.heard_s] * len(out))
    scores = smooth(np.asarray(logits)[:, None], detector.trigger.smoothing)
    common.write(stream, [job["model"]], scores=np.column_stack([times, scores]))


if __name__ == "__main__":
    main()
