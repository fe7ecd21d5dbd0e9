"""The speech embedding with a dense head that was trained here. Runs without torch.

It gives a score every 80 ms, from the last 16 embeddings. `speech_embedding_train.py` makes the
head.
"""

from __future__ import annotations

import engine_io
import numpy as np
from embedding import HOP, RECEPTIVE_FIELD, SIZE, Embedding, weights

WINDOW = 16  # embeddings that a score sees: 1.975 s of audio
BLOCK = 20 * engine_io.SAMPLE_RATE


def score_end_s(score: np.ndarray | int) -> np.ndarray | float:
    """Return the end of the audio that a score depends on, in seconds."""
    return ((score + WINDOW - 1) * HOP + RECEPTIVE_FIELD) / engine_io.SAMPLE_RATE


def logits(head: dict[str, np.ndarray], embeddings: np.ndarray) -> np.ndarray:
    """Apply the head to (n, 96) embeddings; return (n - 15,).

    Dense, layer norm, ReLU, twice; then a dense layer with one output.
    """
    x = np.lib.stride_tricks.sliding_window_view(embeddings, WINDOW, axis=0)
    x = x.transpose(0, 2, 1).reshape(-1, WINDOW * SIZE)
    for layer in ("0", "3"):
        x = x @ head[f"{layer}.weight"].T + head[f"{layer}.bias"]
        norm = str(int(layer) + 1)
        x = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5)
        x = np.maximum(x * head[f"{norm}.weight"] + head[f"{norm}.bias"], 0)
    return (x @ head["6.weight"].T + head["6.bias"])[:, 0]


def main() -> None:
    """Score a stream with the head in the job's model file."""
    job = engine_io.read_job()
    head = dict(np.load(job["model"]))
    network = Embedding()
    stream = engine_io.AudioStream(job["audio"])
    past = np.zeros((0, SIZE), dtype=np.float32)
    parts: list[np.ndarray] = []
    for block in stream.blocks(BLOCK):
        past = np.concatenate([past, network.feed(block.astype(np.float32) / 32768)])
        if len(past) >= WINDOW:
            parts.append(logits(head, past))
            past = past[-(WINDOW - 1) :]
    scores = np.concatenate(parts)
    timed_scores = np.column_stack([score_end_s(np.arange(len(scores))), scores])
    engine_io.write_result(stream, [weights(), job["model"]], scores=timed_scores)


if __name__ == "__main__":
    main()
