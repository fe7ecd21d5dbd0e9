"""Trigger heads: the new layers on an encoder, frames in, one logit per keyword and frame out.

Every head averages frames down to about 25 a second, normalises them (except `DepthwiseHead`),
mixes the encoder's layers where it takes several, and then depends on past frames alone:
`forward(frames, state)` returns the same logits for any chunking. There is no sigmoid.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wakeword.encoders.convolution import convolve_valid, newest_frames
from wakeword.errors import ConfigError, unknown_name_message

State = Any
LOGIT_RATE_HZ = 25.0


class _HeadState(NamedTuple):
    pending: Tensor  # (batch, < pool, layers · dim): frames that wait to be averaged
    temporal: State


class Head(nn.Module):
    """Pool, normalise, mix layers, project to `width`; subclasses add `_over_time`.

    Args:
        dim: width of one layer's frames.
        keywords: number of keywords, of logits per frame.
        layers: number of encoder layers that a frame holds, (batch, U, layers · dim).
        pool: frames that are averaged into one.
        width: channels after the projection.
        dropout: applied to the projection while training.

    Attributes:
        context: averaged frames that one logit depends on; 0 is all of the past.
    """

    context: ClassVar[int]

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
        """Frames of the encoder that one logit depends on; 0 is all of the past."""
        return self.pool * self.context

    def forward(self, frames: Tensor, state: _HeadState | None = None) -> tuple[Tensor, _HeadState]:
        """Map (batch, U, layers · dim) to logits (batch, ⌊U / pool⌋, keywords).

        Args:
            frames: of the encoder.
            state: what the previous call of the same stream returned.

        Returns:
            The logits, and the state for the next call.
        """
        if state is None:
            state = _HeadState(frames[:, :0], None)
        x, pending = self.pool_and_mix(frames, state.pending)
        x = self.dropout(self._project(x))
        x, temporal = self._over_time(x, state.temporal)
        return self.out(x), _HeadState(pending, temporal)

    def pool_and_mix(self, frames: Tensor, pending: Tensor) -> tuple[Tensor, Tensor]:
        """Average, normalise and mix: (batch, U, layers · dim) → (batch, ⌊U / pool⌋, dim).

        Args:
            frames: of the encoder.
            pending: (batch, < pool, layers · dim) frames left over by the previous call.

        Returns:
            The averaged frames, and the frames left over.
        """
        if self.pool > 1:
            frames = torch.cat([pending, frames], dim=1)
            complete = frames.shape[1] - frames.shape[1] % self.pool
            frames, pending = frames[:, :complete], frames[:, complete:]
            frames = frames.reshape(len(frames), -1, self.pool, frames.shape[2]).mean(dim=2)
        x = self.norm(frames.reshape(*frames.shape[:2], self.layers, self.dim))
        return self.mix.softmax(0) @ x if self.layers > 1 else x[:, :, 0], pending

    def _project(self, x: Tensor) -> Tensor:
        return F.gelu(self.project(x))

    def _over_time(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        raise NotImplementedError


class LinearHead(Head):
    """One linear layer: a logit from each frame of 40 ms; only the encoder spans time."""

    context = 1

    def __init__(self, dim: int, keywords: int, **sizes: Any) -> None:
        super().__init__(dim, keywords, width=dim, **sizes)
        self.project = cast(nn.Linear, nn.Identity())

    def _project(self, x: Tensor) -> Tensor:
        return x

    def _over_time(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        return x, None


class ConvHead(Head):
    """Causal convolutions: kernel 5, dilations 1, 2 and 5, about 1.3 s in all."""

    KERNEL = 5
    DILATIONS = (1, 2, 5)
    context = 1 + (KERNEL - 1) * sum(DILATIONS)

    def __init__(self, dim: int, keywords: int, *, width: int = 64, **sizes: Any) -> None:
        super().__init__(dim, keywords, width=width, **sizes)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(width, width, self.KERNEL, dilation=dilation) for dilation in self.DILATIONS
        )

    def _over_time(self, x: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        """The state holds the frames before, convolution by convolution, along its second axis."""
        sizes = [(self.KERNEL - 1) * dilation for dilation in self.DILATIONS]
        if state is None:
            state = x.new_zeros(len(x), sum(sizes), x.shape[2])
        inputs: list[Tensor] = []
        pasts: list[Tensor] = []
        for conv, past in zip(self.convolutions, torch.split(state, sizes, dim=1), strict=True):
            padded = torch.cat([past, x], dim=1)
            inputs.append(x)
            pasts.append(padded[:, x.shape[1] :])
            x = x + self.dropout(F.gelu(convolve_valid(cast(nn.Conv1d, conv), padded)))
        if torch.compiler.is_exporting():
            return x, newest_frames(state, sizes, inputs)
        return x, torch.cat(pasts, dim=1)


class DepthwiseHead(Head):
    """One depthwise convolution over 25 frames, in operations that microcontrollers have.

    There is no norm, and the activation is ReLU. At 33.3 frames a second it spans 0.75 s.
    """

    KERNEL = 25
    context = KERNEL

    def __init__(self, dim: int, keywords: int, *, width: int = 64, **sizes: Any) -> None:
        super().__init__(dim, keywords, width=width, **sizes)
        self.norm = cast(nn.LayerNorm, nn.Identity())
        self.depthwise = nn.Conv1d(width, width, self.KERNEL, groups=width)

    def _project(self, x: Tensor) -> Tensor:
        return F.relu(self.project(x))

    def _over_time(self, x: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        """The state holds the 24 frames before."""
        if state is None:
            state = x.new_zeros(len(x), self.KERNEL - 1, x.shape[2])
        if not x.shape[1]:
            return x, state
        padded = torch.cat([state, x], dim=1)
        return F.relu(self.depthwise(padded.mT)).mT, padded[:, x.shape[1] :]


class GruHead(Head):
    """A gated recurrent layer: all of the past, in one vector."""

    context = 0

    def __init__(self, dim: int, keywords: int, *, width: int = 64, **sizes: Any) -> None:
        super().__init__(dim, keywords, width=width, **sizes)
        self.gru = nn.GRU(width, width, batch_first=True)

    def _over_time(self, x: Tensor, state: Tensor | None) -> tuple[Tensor, State]:
        if not x.shape[1]:
            return x, state
        x, last = self.gru(x, None if state is None else state.transpose(0, 1).contiguous())
        return x, last.transpose(0, 1)  # (batch, 1, width): the batch is every state's first axis


class AttentionHead(Head):
    """Attention pooling over the last 1.28 s: a learned query weighs its frames."""

    WINDOW = 32
    context = WINDOW

    def __init__(self, dim: int, keywords: int, *, width: int = 64, **sizes: Any) -> None:
        super().__init__(dim, keywords, width=width, **sizes)
        self.place = nn.Parameter(0.02 * torch.randn(self.WINDOW, width))
        self.query = nn.Linear(width, 1)
        self.value = nn.Linear(width, width)

    def _over_time(self, x: Tensor, state: Tensor | None) -> tuple[Tensor, State]:
        past = x.new_zeros(len(x), self.WINDOW - 1, x.shape[2]) if state is None else state
        padded = torch.cat([past, x], dim=1)
        if x.shape[1]:
            window = padded.unfold(1, self.WINDOW, 1).mT + self.place  # (batch, U, WINDOW, width)
            weights = self.query(torch.tanh(window)).softmax(dim=2)
            x = (weights * F.gelu(self.value(window))).sum(dim=2)
        return x, padded[:, padded.shape[1] - (self.WINDOW - 1) :]


class ExamplesHead(Head):
    """Distance to spoken examples by subsequence dynamic time warping; nothing is learned.

    A path advances through the frames of an example by none, one or two frames per frame of the
    stream; two frames cost as much as both. The local cost is 1 − cosine, normalised by the length
    of the example, and the nearest example counts. A linear function of that cost is the logit.
    `wakeword.training.enroll` sets all of it.
    """

    EXAMPLES = 10
    FRAMES = 50  # of 40 ms, of the longest example
    context = 0
    _FAR = 100.0  # the cost of a path that has not begun
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
        self.register_buffer("lengths", torch.zeros(keywords, self.EXAMPLES))  # 0: no example

    def directions(self, x: Tensor) -> Tensor:
        """Standardise (..., dim) frames and scale them to unit length."""
        return F.normalize((x - self.mean) / self.deviation, dim=-1)

    def _project(self, x: Tensor) -> Tensor:
        return self.directions(x)

    def _over_time(self, x: Tensor, state: Tensor | None) -> tuple[Tensor, State]:
        """Return costs (batch, U, keywords), and the path costs up to each frame of an example."""
        shape = (len(x), *self.examples.shape[:3])
        path_costs = x.new_full(shape, self._FAR) if state is None else state
        last = (self.lengths.long() - 1).clamp(0, self.FRAMES - 1)
        last = last.expand(len(x), -1, -1)[..., None]
        ends: list[Tensor] = []
        for part in torch.split(x, 500, dim=1):
            local_costs = 1 - torch.einsum("bud,ketd->buket", part, self.examples)
            for local in local_costs.unbind(1):
                one = F.pad(path_costs[..., :-1], (1, 0))  # a path begins at no cost
                two = F.pad(path_costs[..., :-2], (2, 0), value=self._FAR)
                path_costs = local + torch.minimum(torch.minimum(path_costs, one), two + local)
                ends.append(path_costs.gather(3, last))
        if not ends:
            return x.new_zeros(len(x), 0, len(self.lengths)), path_costs
        costs = torch.stack(ends, 1)[..., 0] / self.lengths.clamp(min=1)
        return torch.where(self.lengths > 0, costs, self._FAR).amin(3), path_costs


HEADS: dict[str, type[Head]] = {
    "linear": LinearHead,
    "conv": ConvHead,
    "depthwise": DepthwiseHead,
    "gru": GruHead,
    "attention": AttentionHead,
}
"""The heads that are trained, by name."""


def build_head(
    kind: str, dim: int, keywords: int, layers: int = 1, frame_rate_hz: float = 2 * LOGIT_RATE_HZ
) -> Head:
    """Return a head with random weights.

    Args:
        kind: one of `HEADS`, or "examples".
        dim: width of one layer's frames.
        keywords: number of keywords.
        layers: number of encoder layers that a frame holds.
        frame_rate_hz: frames per second of the encoder.

    Raises:
        ConfigError: unknown name; the message suggests the nearest one.
    """
    pool = round(frame_rate_hz / LOGIT_RATE_HZ)
    return head_class(kind)(dim, keywords, layers=layers, pool=pool)


def head_class(kind: str) -> type[Head]:
    """Return the class of a head.

    Args:
        kind: one of `HEADS`, or "examples".

    Raises:
        ConfigError: unknown name; the message suggests the nearest one.
    """
    known: dict[str, type[Head]] = {**HEADS, "examples": ExamplesHead}
    if kind not in known:
        raise ConfigError(unknown_name_message("head", kind, HEADS))
    return known[kind]
