"""A model of this project, fed as the live detector feeds it: hop by hop, state kept between."""

from __future__ import annotations

from array import array

import common
import numpy as np
import torch

import wakeword
from wakeword.trigger import smooth

BLOCK = 1280  # samples, 80 ms


@torch.inference_mode()
def main() -> None:
    job = common.job()
    torch.set_num_threads(1)
    model = wakeword.load(job["model"])
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
            out, state = model(torch.from_numpy(hop)[None], state)
            logits.extend(out[0, :, keyword].tolist())
            times.extend([stream.heard_s] * out.shape[1])
    smoothing = max(1, round(model.point.smoothing_s / model.frame_s))
    scores = smooth(np.asarray(logits)[:, None], smoothing)
    common.write(stream, [job["model"]], scores=np.column_stack([times, scores]))


if __name__ == "__main__":
    main()
