"""What every encoder is and states about itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from wakeword.encoders.formats import Tensors
from wakeword.encoders.spec import EncoderSpec, Format, Settings, StreamingMode, StripReport
from wakeword.errors import ConfigError

State = Any  # one opaque value a stage; None starts a stream; never mutated


class Encoder(nn.Module):
    """Features to frames: the part of a recogniser that knows how speech sounds.

    `forward(features, state=None) -> (frames, state)`, (batch, T, mels) → (batch, U, taps · dim).
    Offline is a stream that is fed once. An encoder is a pile of `depth` stages (the first takes
    the features in), so that training can freeze, and compute once, the lower ones:
    `forward(x, start=d)` takes what `forward(features, stop=d)` gave.

    Attributes:
        streaming: "chunked" (each frame is computed once, any chunking equals offline) or "window"
            (a sliding window is computed anew every hop).
        look_ahead_ms: audio after the start of a frame's last sample that it may wait for and see.
        frame_rate_hz: frames a second.
        hop_frames: frames come in groups of this many.
    """

    spec: EncoderSpec
    streaming: ClassVar[StreamingMode]
    look_ahead_ms: float
    frame_rate_hz: float
    hop_frames: int
    dim: int
    depth: int
    output_layers: tuple[
        int, ...
    ]  # layers whose outputs are given side by side; the last one by default
    first_features: int  # feature frames after which the first hop of frames comes out
    trunk: nn.Module  # holds the weights under the names of the checkpoint

    def __init__(self, spec: EncoderSpec, output_layers: tuple[int, ...] = ()) -> None:
        """Takes what the spec says of it; raises ConfigError unless taps are layers, rising."""
        super().__init__()
        self.spec, self.dim, self.frame_rate_hz = spec, spec.dim, spec.frame_rate_hz
        self.depth, self.output_layers = 1 + spec.layers, output_layers or (spec.layers,)
        _check_output_layers(self.output_layers, spec.layers)

    def forward(
        self, x: Tensor, state: State = None, *, start: int = 0, stop: int | None = None
    ) -> tuple[Tensor, State]:
        raise NotImplementedError

    def begin(self, first: Tensor) -> State:
        """The state of streams without a past whose first frame stands at a given position.

        A detector that runs for days meets a word at any position, so training must as well.
        Encoders without positions begin with None.

        Args:
            first: (batch,) whole numbers.
        """
        return None

    def layer_groups(self) -> list[list[nn.Module]]:
        """The modules of each stage, lowest first: what freezing and learning rates go by."""
        raise NotImplementedError

    def splits(self) -> list[int]:
        """Depths at which frames may be computed once and kept while the rest learns."""
        raise NotImplementedError

    def settings(self) -> Settings:
        """What is needed, beside spec, way of streaming and weights, to build the same again."""
        raise NotImplementedError


class ChunkedEncoder(Encoder):
    """An encoder that computes each frame once, layer by layer, with a state for each."""

    streaming = "chunked"

    def between(self, start: int, stop: int | None) -> range:
        """The layers, counted from 0, that lead from one depth to another: up to the last tap.

        Raises ValueError where none do.
        """
        stop = self.depth if stop is None else stop
        if stop == 0 or max(start, 1) > stop:
            raise ValueError(f"stages {start} to {stop} of {self.depth}")
        return range(max(start, 1) - 1, max(self.output_layers) if stop == self.depth else stop - 1)

    def splits(self) -> list[int]:
        return [*range(min(self.output_layers) + 1), self.depth]


class OfflineEncoder(Encoder):
    """An encoder as it was trained: over all that it is given at once, with nothing kept between.

    Not a stream by itself: `encoders.window` runs it over a sliding window.
    """

    most_frames: int  # that it can take in at once

    def forward_layers(self, features: Tensor, last: int = 0) -> Tensor:
        """(batch, T, features) → (batch, U, taps · dim), or of the last frames alone."""
        raise NotImplementedError

    def settings(self) -> Settings:
        return {"output_layers": self.output_layers}


@dataclass(frozen=True)
class Family:
    """What is common to encoders of one architecture: how they are built, and out of what.

    Attributes:
        specs: its members that have a name here.
        ways: how they can be streamed, the best one first.
        build: an encoder with untrained weights: spec, way of streaming, settings.
        strip: of a whole recogniser, by format, spec and name: the encoder's tensors under our
            names, and a report. Raises CheckpointError where they do not fit.
        formats: of the files that hold its weights.
        weights: these files in words: what `--weights` may point at.
    """

    specs: tuple[EncoderSpec, ...]
    ways: tuple[StreamingMode, ...]
    build: Callable[[EncoderSpec, str, dict[str, Any]], Encoder]
    strip: Callable[[Tensors, str, EncoderSpec, str], tuple[Tensors, StripReport]]
    formats: tuple[Format, ...]
    weights: str


def _check_output_layers(output_layers: tuple[int, ...], layers: int) -> None:
    """Raises ConfigError unless taps are layers in rising order."""
    whole = all(isinstance(tap, int) and 1 <= tap <= layers for tap in output_layers)
    if not whole or list(output_layers) != sorted(set(output_layers)):
        raise ConfigError(
            f"layers {output_layers}: expected numbers from 1 to {layers} in rising order, "
            "each once."
        )
