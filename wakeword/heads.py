"""New layers on top of an encoder: frames in, one logit per keyword and frame out. No sigmoid.

Every head averages frames down to 25 a second, normalises them, mixes the encoder's layers if it is
given several, and then looks at the past alone: `forward(frames, state)` gives the same logits for
any chunking.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wakeword.encoders.convolution import convolve_valid
from wakeword.errors import ConfigError, unknown_name_message

State = Any
LOGIT_RATE_HZ = 25.0


class _HeadState(NamedTuple):
    odd: Tensor  # (batch, < pool, dim): frames that wait for those they are averaged with
    inner: State


class Head(nn.Module):
    """Pool, normalise, mix layers, project to `width`; subclasses look at time in `_over_time`.

    Args:
        dim: width of one layer's frames.
        keywords: logits per frame.
        layers: how many layers the frames hold side by side, (batch, U, layers · dim).
        pool: frames to one logit.
        width: channels after the projection.
        dropout: applied to the projection while training.
    """

    seen: ClassVar[int]  # averaged frames that one logit sees; 0: all of the past

    def __init__(
        self,
        dim: int,
        keywords: int,
        *,
        layers: int = 1,
        pool: int = 2,
        width: int = 64,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.dim, self.layers, self.pool = dim, layers, pool
        self.norm = nn.LayerNorm(dim)
        if layers > 1:
            self.mix = nn.Parameter(torch.zeros(layers))
        self.project = nn.Linear(dim, width)
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(width, keywords)

    @property
    def receptive_field(self) -> int:
        """Frames of the encoder that one logit sees; 0: all of the past."""
        return self.pool * self.seen

    def forward(self, frames: Tensor, state: _HeadState | None = None) -> tuple[Tensor, _HeadState]:
        """(batch, U, layers · dim) → logits (batch, ⌊U / pool⌋, keywords), and the state."""
        if state is None:
            state = _HeadState(frames[:, :0], None)
        x, odd = self.mixed(frames, state.odd)
        x = self.dropout(self._project(x))
        x, inner = self._over_time(x, state.inner)
        return self.out(x), _HeadState(odd, inner)

    def mixed(self, frames: Tensor, odd: Tensor) -> tuple[Tensor, Tensor]:
        """(batch, U, layers · dim) and those that waited → (batch, ⌊U / pool⌋, dim): averaged,
        normalised, the layers mixed; and those that wait now."""
        if self.pool > 1:
            frames = torch.cat([odd, frames], dim=1)
            whole = frames.shape[1] - frames.shape[1] % self.pool
            frames, odd = frames[:, :whole], frames[:, whole:]
            frames = frames.reshape(len(frames), -1, self.pool, frames.shape[2]).mean(dim=2)
        x = self.norm(frames.reshape(*frames.shape[:2], self.layers, self.dim))
        return self.mix.softmax(0) @ x if self.layers > 1 else x[:, :, 0], odd

    def _project(self, x: Tensor) -> Tensor:
        return F.gelu(self.project(x))

    def _over_time(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        raise NotImplementedError


class LinearHead(Head):
    """One new layer: a logit from frames of 40 ms. The encoder alone sees the past."""

    seen = 1

    def __init__(self, dim: int, keywords: int, **sizes: Any) -> None:
        super().__init__(dim, keywords, width=dim, **sizes)
        self.project = cast(nn.Linear, nn.Identity())

    def _project(self, x: Tensor) -> Tensor:
        return x

    def _over_time(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        return x, None


class ConvHead(Head):
    """Temporal convolutions over the past: kernel 5, dilations 1, 2, 5, about 1.3 s in all."""

    KERNEL = 5
    DILATIONS = (1, 2, 5)
    seen = 1 + (KERNEL - 1) * sum(DILATIONS)

    def __init__(self, dim: int, keywords: int, *, width: int = 64, **sizes: Any) -> None:
        super().__init__(dim, keywords, width=width, **sizes)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(width, width, self.KERNEL, dilation=dilation) for dilation in self.DILATIONS
        )

    def _over_time(self, x: Tensor, state: tuple[Tensor, ...] | None) -> tuple[Tensor, State]:
        pasts: list[Tensor] = []
        for i, conv in enumerate(self.convolutions):
            reach = (self.KERNEL - 1) * self.DILATIONS[i]
            past = x.new_zeros(len(x), reach, x.shape[2]) if state is None else state[i]
            seen = torch.cat([past, x], dim=1)
            pasts.append(seen[:, x.shape[1] :])
            x = x + self.dropout(F.gelu(convolve_valid(cast(nn.Conv1d, conv), seen)))
        return x, tuple(pasts)


class GruHead(Head):
    """A gated recurrent layer: all of the past, in one vector."""

    seen = 0

    def __init__(self, dim: int, keywords: int, *, width: int = 64, **sizes: Any) -> None:
        super().__init__(dim, keywords, width=width, **sizes)
        self.gru = nn.GRU(width, width, batch_first=True)

    def _over_time(self, x: Tensor, state: Tensor | None) -> tuple[Tensor, State]:
        if not x.shape[1]:
            return x, state
        x, last = self.gru(x, None if state is None else state.transpose(0, 1).contiguous())
        return x, last.transpose(0, 1)  # (batch, 1, width): every state has the batch in front


class AttentionHead(Head):
    """Pooling by attention over the last 1.28 s: a learned query weighs the frames of it."""

    WINDOW = 32
    seen = WINDOW

    def __init__(self, dim: int, keywords: int, *, width: int = 64, **sizes: Any) -> None:
        super().__init__(dim, keywords, width=width, **sizes)
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


class ExamplesHead(Head):
    """Nothing learned: how near the past is to some spoken examples, by dynamic time warping.

    Each frame goes one frame on in an example, stays, or goes two on at the price of both. What is
    paid is one minus the cosine of the two frames, their mean over the example's frames counts, and
    of all examples the nearest. A line makes it a logit: `wakeword.training.enroll` sets all of it.
    """

    EXAMPLES = 10
    FRAMES = 50  # of 40 ms, of the longest example
    seen = 0
    _FAR = 100.0  # the price of what has not begun
    mean: Tensor
    deviation: Tensor
    examples: Tensor
    lengths: Tensor

    def __init__(self, dim: int, keywords: int, **sizes: Any) -> None:
        super().__init__(dim, keywords, width=keywords, **sizes)
        self.project = cast(nn.Linear, nn.Identity())
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("deviation", torch.ones(dim))
        self.register_buffer("examples", torch.zeros(keywords, self.EXAMPLES, self.FRAMES, dim))
        self.register_buffer("lengths", torch.zeros(keywords, self.EXAMPLES))  # 0: none there

    def directions(self, x: Tensor) -> Tensor:
        """(..., dim) frames, layers mixed → of length 1, each dimension as a deviation."""
        return F.normalize((x - self.mean) / self.deviation, dim=-1)

    def _project(self, x: Tensor) -> Tensor:
        return self.directions(x)

    def _over_time(self, x: Tensor, state: Tensor | None) -> tuple[Tensor, State]:
        """Costs (batch, U, keywords), and what has been paid up to each frame of each example."""
        begun = (len(x), *self.examples.shape[:3])
        paid = x.new_full(begun, self._FAR) if state is None else state
        last = (self.lengths.long() - 1).clamp(0, self.FRAMES - 1)
        last = last.expand(len(x), -1, -1)[..., None]
        ends: list[Tensor] = []
        for part in torch.split(x, 500, dim=1):
            prices = 1 - torch.einsum("bud,ketd->buket", part, self.examples)
            for price in prices.unbind(1):
                one = F.pad(paid[..., :-1], (1, 0))  # whoever begins has paid nothing
                two = F.pad(paid[..., :-2], (2, 0), value=self._FAR)
                paid = price + torch.minimum(torch.minimum(paid, one), two + price)
                ends.append(paid.gather(3, last))
        if not ends:
            return x.new_zeros(len(x), 0, len(self.lengths)), paid
        costs = torch.stack(ends, 1)[..., 0] / self.lengths.clamp(min=1)
        return torch.where(self.lengths > 0, costs, self._FAR).amin(3), paid


HEADS: dict[str, type[Head]] = {  # those that learn
    "linear": LinearHead,
    "conv": ConvHead,
    "gru": GruHead,
    "attention": AttentionHead,
}


def build_head(
    kind: str, dim: int, keywords: int, layers: int = 1, frame_rate_hz: float = 2 * LOGIT_RATE_HZ
) -> Head:
    """A head by name, randomly initialised. Raises ConfigError with the nearest name."""
    known: dict[str, type[Head]] = {**HEADS, "examples": ExamplesHead}
    if kind not in known:
        raise ConfigError(unknown_name_message("head", kind, HEADS))
    return known[kind](dim, keywords, layers=layers, pool=round(frame_rate_hz / LOGIT_RATE_HZ))
