"""Fit the dense head of the speech embedding, and choose its best epoch on held-out streams."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import engine_io
import numpy as np
import torch
from embedding import HOP, SIZE
from speech_embedding import WINDOW, score_end_s
from torch import Tensor, nn

from wakeword.data.clip import KeywordSegment
from wakeword.detection.trigger import Trigger
from wakeword.evaluation import metrics
from wakeword.evaluation.results import HIT_TOLERANCE_S
from wakeword.training.losses import frame_bce
from wakeword.training.result import best_epoch

UNITS, EPOCHS, BATCH, LEARNING_RATE, WEIGHT_DECAY = 128, 14, 64, 1e-3, 0.02
FALSE_ACCEPT_RATES = (0.5, 1, 2, 4, 8, 16, 32)
"""False accepts per hour over which the held-out miss rate is averaged."""


@dataclass(frozen=True)
class EmbeddedStream:
    """A test stream as embeddings.

    Attributes:
        embeddings: (n, 96).
        segments: where the keyword is spoken.
        hours: of audio.
    """

    embeddings: Tensor
    segments: Sequence[KeywordSegment]
    hours: float


def fit(x: Tensor, targets: Tensor, held_out: Sequence[EmbeddedStream]) -> dict[str, np.ndarray]:
    """Train the head; return the weights of its `best_epoch`.

    Args:
        x: embeddings of the training examples, (examples, n, 96).
        targets: (examples, n - 15, 1).
        held_out: streams of keywords, and last the stream of negatives.
    """
    flat = x.float().reshape(-1, SIZE)
    mean, scale = flat.mean(0), flat.std(0)
    head = nn.Sequential(
        *(nn.Linear(WINDOW * SIZE, UNITS), nn.LayerNorm(UNITS), nn.ReLU()),
        *(nn.Linear(UNITS, UNITS), nn.LayerNorm(UNITS), nn.ReLU()),
        nn.Linear(UNITS, 1),
    )

    def logits(embeddings: Tensor) -> Tensor:
        """(batch, n, 96) → (batch, n - 15, 1)."""
        windows = ((embeddings.float() - mean) / scale).unfold(1, WINDOW, 1)
        return head(windows.transpose(2, 3).flatten(2))

    optimiser = torch.optim.AdamW(head.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    steps = -(-len(x) // BATCH)
    misses: list[float] = []
    best: dict[str, Tensor] = {}
    for epoch in range(EPOCHS):
        head.train()
        for step, batch in enumerate(torch.randperm(len(x)).split(BATCH)):
            progress = (epoch + step / steps) / EPOCHS
            warmup = min(1.0, progress / 0.03 + 1e-3)
            cosine = 0.5 * (1 + math.cos(math.pi * progress))
            optimiser.param_groups[0]["lr"] = LEARNING_RATE * (warmup * cosine)
            loss = frame_bce(logits(x[batch]), targets[batch])
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(head.parameters(), 1.0)
            optimiser.step()
        head.eval()
        with torch.inference_mode():
            scored = [
                torch.cat([logits(part) for part in _overlapping_parts(stream.embeddings)], 1)[0]
                for stream in held_out
            ]
        miss_rate = mean_miss_rate([each.double().numpy() for each in scored], held_out)
        print(f"epoch {epoch}: held-out miss rate {miss_rate:.3f}", flush=True)
        misses.append(miss_rate)
        if best_epoch(misses, len(held_out[0].segments)) == epoch:
            best = {name: value.clone() for name, value in head.state_dict().items()}
    return _with_normalisation_folded_in(best, mean, scale)


def mean_miss_rate(logits: Sequence[np.ndarray], streams: Sequence[EmbeddedStream]) -> float:
    """Return the miss rate over all conditions, averaged over `FALSE_ACCEPT_RATES`.

    Args:
        logits: (n, 1) of each stream.
        streams: streams of keywords, and last the stream of negatives.
    """
    refractory = round(engine_io.SAMPLE_RATE / HOP)  # scores in a second

    def events(stream_logits: np.ndarray) -> metrics.Events:
        def at(threshold: float) -> list[float]:
            triggered, _ = Trigger((threshold,), 1, refractory).run(stream_logits)
            return [score_end_s(event.frame) for event in triggered]

        return at

    *positives, negatives = logits
    thresholds = [float(t) for t in 1 / (1 + np.exp(-np.linspace(-5.0, 16.0, 127)))]
    curves = [
        metrics.sweep(
            events(each), stream.segments, events(negatives), streams[-1].hours, thresholds,
            HIT_TOLERANCE_S,
        )
        for each, stream in zip(positives, streams[:-1], strict=True)
    ]  # fmt: skip
    curve = metrics.merge_curves(curves)
    points = [metrics.at_false_accepts(curve, rate) for rate in FALSE_ACCEPT_RATES]
    return sum(point.miss_rate if point else 1.0 for point in points) / len(points)


def _overlapping_parts(embeddings: Tensor, size: int = 4096) -> list[Tensor]:
    """Cut (n, 96) into (1, up to size + 15, 96), so that their scores join without a gap."""
    overlap = WINDOW - 1
    starts = range(0, len(embeddings) - overlap, size)
    return [embeddings[None, i : i + size + overlap] for i in starts]


def _with_normalisation_folded_in(
    weights: dict[str, Tensor], mean: Tensor, scale: Tensor
) -> dict[str, np.ndarray]:
    """Return the weights of a head that takes embeddings as they are."""
    first = weights["0.weight"] / scale.repeat(WINDOW)
    bias = weights["0.bias"] - first @ mean.repeat(WINDOW)
    weights = {**weights, "0.weight": first, "0.bias": bias}
    return {name: value.numpy() for name, value in weights.items()}
