"""The speech embedding with a dense head of our training: listening. Needs no torch.

A score every 80 ms, from the last 16 embeddings. `speech_embedding_train.py` makes the head.
"""

from __future__ import annotations

import common
import numpy as np
from embedding import HOP, SEEN, SIZE, Embedding, weights

WINDOWS = 16  # embeddings that a score sees: 1.975 s of audio
BLOCK = 20 * common.RATE


def logits(head: dict[str, np.ndarray], embeddings: np.ndarray) -> np.ndarray:
    """(n, 96) → (n - 15,): dense, norm, ReLU, twice; then one number."""
    x = np.lib.stride_tricks.sliding_window_view(embeddings, WINDOWS, axis=0)
    x = x.transpose(0, 2, 1).reshape(-1, WINDOWS * SIZE)
    for layer in ("0", "3"):
        x = x @ head[f"{layer}.weight"].T + head[f"{layer}.bias"]
        norm = str(int(layer) + 1)
        x = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5)
        x = np.maximum(x * head[f"{norm}.weight"] + head[f"{norm}.bias"], 0)
    return (x @ head["6.weight"].T + head["6.bias"])[:, 0]


def main() -> None:
    job = common.job()
    head = dict(np.load(job["model"]))
    network = Embedding()
    stream = common.Stream(job["audio"])
    past = np.zeros((0, SIZE), dtype=np.float32)
    scores: list[np.ndarray] = []
    for block in stream.blocks(BLOCK):
        past = np.concatenate([past, network.feed(block.astype(np.float32) / 32768)])
        if len(past) >= WINDOWS:
            scores.append(logits(head, past))
            past = past[-(WINDOWS - 1) :]
    found = np.concatenate(scores)
    times = ((np.arange(len(found)) + WINDOWS - 1) * HOP + SEEN) / common.RATE
    common.write(stream, [weights(), job["model"]], scores=np.column_stack([times, found]))


if __name__ == "__main__":
    main()
