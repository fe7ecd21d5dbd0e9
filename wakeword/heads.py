"""New layers on top of an encoder: frames in, one logit per keyword and frame out. No sigmoid.

Every head averages pairs of frames (50 → 25 a second), normalises them, mixes the encoder's
layers if it is given several, and then looks at the past alone: `forward(frames, state)` gives the
same logits for any chunking.
"""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wakeword.errors import ConfigError, unknown

State = Any
POOL = 2  # encoder frames to one logit


class _HeadState(NamedTuple):
    odd: Tensor  # (batch, < POOL, dim): frames that wait for their pair
    inner: State


class Head(nn.Module):
    """Pool, normalise, mix layers, project to `width`; subclasses look at time in `_over_time`.

    Args:
        dim: width of one layer's frames.
        keywords: logits per frame.
        layers: how many layers the frames hold side by side, (batch, U, layers · dim).
        width: channels after the projection.
        dropout: applied to the projection while training.
    """

    receptive_field: int  # frames of the encoder that one logit sees

    def __init__(
        self, dim: int, keywords: int, *, layers: int = 1, width: int = 64, dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.dim, self.layers = dim, layers
        self.norm = nn.LayerNorm(dim)
        if layers > 1:
            self.mix = nn.Parameter(torch.zeros(layers))
        self.project = nn.Linear(dim, width)
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(width, keywords)

    def forward(self, frames: Tensor, state: _HeadState | None = None) -> tuple[Tensor, _HeadState]:
        """(batch, U, layers · dim) → logits (batch, ⌊U / 2⌋, keywords), and the state."""
        if state is None:
            state = _HeadState(frames[:, :0], None)
        frames = torch.cat([state.odd, frames], dim=1)
        whole = frames.shape[1] - frames.shape[1] % POOL
        frames, odd = frames[:, :whole], frames[:, whole:]
        pairs = frames.reshape(len(frames), whole // POOL, POOL, self.layers, self.dim)
        x = self.norm(pairs.mean(dim=2))
        x = torch.einsum("bulc,l->buc", x, self.mix.softmax(0)) if self.layers > 1 else x[:, :, 0]
        x = self.dropout(self._project(x))
        x, inner = self._over_time(x, state.inner)
        return self.out(x), _HeadState(odd, inner)

    def _project(self, x: Tensor) -> Tensor:
        return F.gelu(self.project(x))

    def _over_time(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        raise NotImplementedError


class LinearHead(Head):
    """One new layer: a logit from a single pair of frames. The encoder alone sees the past."""

    receptive_field = POOL

    def __init__(self, dim: int, keywords: int, *, layers: int = 1, dropout: float = 0.1) -> None:
        super().__init__(dim, keywords, layers=layers, width=dim, dropout=dropout)
        self.project = cast(nn.Linear, nn.Identity())

    def _project(self, x: Tensor) -> Tensor:
        return x

    def _over_time(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        return x, None


class ConvHead(Head):
    """Temporal convolutions over the past: kernel 5, dilations 1, 2, 5, about 1.3 s in all."""

    KERNEL = 5
    DILATIONS = (1, 2, 5)
    receptive_field = POOL * (1 + (KERNEL - 1) * sum(DILATIONS))

    def __init__(
        self, dim: int, keywords: int, *, layers: int = 1, width: int = 64, dropout: float = 0.1
    ) -> None:
        super().__init__(dim, keywords, layers=layers, width=width, dropout=dropout)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(width, width, self.KERNEL, dilation=dilation) for dilation in self.DILATIONS
        )

    def _over_time(self, x: Tensor, state: tuple[Tensor, ...] | None) -> tuple[Tensor, State]:
        pasts: list[Tensor] = []
        for i, conv in enumerate(self.convolutions):
            reach = (self.KERNEL - 1) * self.DILATIONS[i]
            past = x.new_zeros(len(x), reach, x.shape[2]) if state is None else state[i]
            seen = torch.cat([past, x], dim=1)
            pasts.append(seen[:, seen.shape[1] - reach :])
            if x.shape[1]:
                x = x + self.dropout(F.gelu(conv(seen.mT)).mT)
        return x, tuple(pasts)


class GruHead(Head):
    """A gated recurrent layer: all of the past, in one vector."""

    receptive_field = 0  # unbounded

    def __init__(
        self, dim: int, keywords: int, *, layers: int = 1, width: int = 64, dropout: float = 0.1
    ) -> None:
        super().__init__(dim, keywords, layers=layers, width=width, dropout=dropout)
        self.gru = nn.GRU(width, width, batch_first=True)

    def _over_time(self, x: Tensor, state: Tensor | None) -> tuple[Tensor, State]:
        return self.gru(x, state) if x.shape[1] else (x, state)


class AttentionHead(Head):
    """Pooling by attention over the last 1.28 s: a learned query weighs the frames of it."""

    WINDOW = 32
    receptive_field = POOL * WINDOW

    def __init__(
        self, dim: int, keywords: int, *, layers: int = 1, width: int = 64, dropout: float = 0.1
    ) -> None:
        super().__init__(dim, keywords, layers=layers, width=width, dropout=dropout)
        self.place = nn.Parameter(0.02 * torch.randn(self.WINDOW, width))
        self.query = nn.Linear(width, 1)
        self.value = nn.Linear(width, width)

    def _over_time(self, x: Tensor, state: Tensor | None) -> tuple[Tensor, State]:
        past = x.new_zeros(len(x), self.WINDOW - 1, x.shape[2]) if state is None else state
        seen = torch.cat([past, x], dim=1)
        if x.shape[1]:
            window = seen.unfold(1, self.WINDOW, 1).mT + self.place  # (batch, U, WINDOW, width)
            weights = self.query(torch.tanh(window)).softmax(dim=2)
            x = (weights * F.gelu(self.value(window))).sum(dim=2)
        return x, seen[:, seen.shape[1] - (self.WINDOW - 1) :]


HEADS: dict[str, type[Head]] = {
    "linear": LinearHead,
    "conv": ConvHead,
    "gru": GruHead,
    "attention": AttentionHead,
}


def build_head(kind: str, dim: int, keywords: int, layers: int = 1) -> Head:
    """A head by name, randomly initialised. Raises ConfigError with the nearest name."""
    if kind not in HEADS:
        raise ConfigError(unknown("head", kind, HEADS))
    return HEADS[kind](dim, keywords, layers=layers)
