"""A model of this project, fed as the live detector feeds it: hop by hop, state kept between."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any

import common
import numpy as np
import torch

import wakeword
from wakeword import runtime
from wakeword.trigger import smooth

BLOCK = 1280  # samples, 80 ms


@torch.inference_mode()
def main() -> None:
    job = common.job()
    torch.set_num_threads(1)
    model, step = _engine(job["model"])
    keyword = model.keywords.index(job["word"])
    stream = common.Stream(job["audio"])
    state = None
    pending = np.zeros(0, dtype=np.float32)
    needed = model.first_block
    times, logits = array("d"), array("d")
    for block in stream.blocks(BLOCK):
        pending = np.concatenate([pending, block.astype(np.float32) / 32768])
        while len(pending) >= needed:
            hop, pending = np.split(pending, [needed])
            needed = model.block
            out, state = step(hop, state)
            logits.extend(out[:, keyword].tolist())
            times.extend([stream.heard_s] * len(out))
    smoothing = max(1, round(model.point.smoothing_s / model.frame_s))
    scores = smooth(np.asarray(logits)[:, None], smoothing)
    common.write(stream, [job["model"]], scores=np.column_stack([times, scores]))


def _engine(path: str) -> tuple[Any, Callable[[Any, Any], tuple[Any, Any]]]:
    """A model file, or an exported one by the runtime that goes without torch."""
    if path.endswith(".onnx"):
        exported = runtime.load(path)
        return exported, exported
    model = wakeword.load(path)

    def step(hop: Any, state: Any) -> tuple[Any, Any]:
        logits, state = model(torch.from_numpy(hop)[None], state)
        return logits[0], state

    return model, step


if __name__ == "__main__":
    main()
