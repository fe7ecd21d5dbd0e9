"""What every encoder is and states about itself."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from torch import Tensor, nn

from wakeword.encoders.formats import Tensors
from wakeword.errors import ConfigError
from wakeword.frontend import FRONT_ENDS, FrontEnd, Kind

Format = Literal["pytorch", "ctranslate2", "safetensors", "onnx"]
Streaming = Literal["exact", "window"]
Settings = dict[str, int | str | tuple[int, ...]]
State = Any  # one opaque value a stage; None starts a stream; never mutated


@dataclass(frozen=True)
class Source:
    """One place that holds the very same weights, and how its file is proved.

    Where the publisher states no hash, `sha256` is "": the connection is all that vouches for it.
    Another file that belongs to it lies beside it, under the name that its address ends with.
    """

    kind: Literal["package", "url"]
    location: str  # "package:path inside it", or the address
    sha256: str
    format: Format
    beside: str = ""  # address of the other file


@dataclass(frozen=True)
class EncoderSpec:
    """A pretrained encoder as a documented constant."""

    name: str
    family: str
    sources: tuple[Source, ...]
    licence: str
    trained_on: str
    hours: int  # of transcribed speech that the recogniser was trained on
    mels: int  # 0 where it takes in the sound itself
    dim: int
    layers: int
    heads: int
    frame_rate_hz: float
    front_end: Kind = "log-mel"

    def new_front_end(self) -> FrontEnd:
        """What makes the features that its training saw."""
        return FRONT_ENDS[self.front_end](self.mels)


@dataclass(frozen=True)
class Stripped:
    """What loading kept of a checkpoint and what it threw away."""

    kept_tensors: int
    kept_parameters: int
    stripped_tensors: int
    stripped_parameters: int

    @classmethod
    def of(cls, kept: Collection[Tensor], stripped: Collection[Tensor]) -> Stripped:
        sizes = [sum(tensor.numel() for tensor in tensors) for tensors in (kept, stripped)]
        return cls(len(kept), sizes[0], len(stripped), sizes[1])

    def __str__(self) -> str:
        return (
            f"kept {self.kept_tensors} encoder tensors ({self.kept_parameters / 1e6:.1f} M), "
            f"stripped the transcription head: {self.stripped_tensors} decoder tensors "
            f"({self.stripped_parameters / 1e6:.1f} M)"
        )


class Encoder(nn.Module):
    """Features to frames: the part of a recogniser that knows how speech sounds.

    `forward(features, state=None) -> (frames, state)`, (batch, T, mels) → (batch, U, taps · dim).
    Offline is a stream that is fed once. An encoder is a pile of `depth` stages (the first takes
    the features in), so that training can freeze, and compute once, the lower ones:
    `forward(x, start=d)` takes what `forward(features, stop=d)` gave.

    Attributes:
        streaming: "exact" (each frame is computed once, any chunking equals offline) or "window"
            (a sliding window is computed anew every hop).
        look_ahead_ms: audio after the start of a frame's last sample that it may wait for and see.
        frame_rate_hz: frames a second.
        hop_frames: frames come in groups of this many.
    """

    spec: EncoderSpec
    streaming: ClassVar[Streaming]
    look_ahead_ms: float
    frame_rate_hz: float
    hop_frames: int
    dim: int
    depth: int
    taps: tuple[int, ...]  # layers whose outputs are given side by side; the last one by default
    first_features: int  # feature frames after which the first hop of frames comes out
    trunk: nn.Module  # holds the weights under the names of the checkpoint

    def __init__(self, spec: EncoderSpec, taps: tuple[int, ...] = ()) -> None:
        """Takes what the spec says of it; raises ConfigError unless taps are layers, rising."""
        super().__init__()
        self.spec, self.dim, self.frame_rate_hz = spec, spec.dim, spec.frame_rate_hz
        self.depth, self.taps = 1 + spec.layers, taps or (spec.layers,)
        _check_taps(self.taps, spec.layers)

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

    def stages(self) -> list[list[nn.Module]]:
        """The modules of each stage, lowest first: what freezing and learning rates go by."""
        raise NotImplementedError

    def splits(self) -> list[int]:
        """Depths at which frames may be computed once and kept while the rest learns."""
        raise NotImplementedError

    def settings(self) -> Settings:
        """What is needed, beside spec, way of streaming and weights, to build the same again."""
        raise NotImplementedError


class Exact(Encoder):
    """An encoder that computes each frame once, layer by layer, with a state for each."""

    streaming = "exact"

    def between(self, start: int, stop: int | None) -> range:
        """The layers, counted from 0, that lead from one depth to another: up to the last tap.

        Raises ValueError where none do.
        """
        stop = self.depth if stop is None else stop
        if stop == 0 or max(start, 1) > stop:
            raise ValueError(f"stages {start} to {stop} of {self.depth}")
        return range(max(start, 1) - 1, max(self.taps) if stop == self.depth else stop - 1)

    def splits(self) -> list[int]:
        return [*range(min(self.taps) + 1), self.depth]


class Full(Encoder):
    """An encoder as it was trained: over all that it is given at once, with nothing kept between.

    Not a stream by itself: `encoders.window` runs it over a sliding window.
    """

    most_frames: int  # that it can take in at once

    def tapped(self, features: Tensor, last: int = 0) -> Tensor:
        """(batch, T, features) → (batch, U, taps · dim), or of the last frames alone."""
        raise NotImplementedError

    def settings(self) -> Settings:
        return {"taps": self.taps}


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
    ways: tuple[Streaming, ...]
    build: Callable[[EncoderSpec, str, dict[str, Any]], Encoder]
    strip: Callable[[Tensors, str, EncoderSpec, str], tuple[Tensors, Stripped]]
    formats: tuple[Format, ...]
    weights: str


def _check_taps(taps: tuple[int, ...], layers: int) -> None:
    """Raises ConfigError unless taps are layers in rising order."""
    whole = all(isinstance(tap, int) and 1 <= tap <= layers for tap in taps)
    if not whole or list(taps) != sorted(set(taps)):
        raise ConfigError(
            f"layers {taps}: expected numbers from 1 to {layers} in rising order, each once."
        )
