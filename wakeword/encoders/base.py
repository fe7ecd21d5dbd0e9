"""The contract that every encoder fulfils, and what a family of encoders states about itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from wakeword.encoders.formats import Tensors
from wakeword.encoders.spec import EncoderSpec, Format, Settings, StreamingMode, StripReport
from wakeword.errors import ConfigError

State = Any
"""State of a stream between two calls: an opaque value, never mutated. None starts a stream."""

MAX_FRAMES = 1500
"""Upper limit of every setting that counts frames: 30 s at 50 frames a second."""


class Encoder(nn.Module):
    """The acoustic encoder of a speech recogniser: features in, frames out.

    `forward(features, state=None) -> (frames, state)` maps (batch, T, features) to
    (batch, U, len(output_layers) · dim). Processing a whole recording
    is one call on a fresh state (`state=None`).

    An encoder has `depth` layer groups: the stem, which takes the features, and one group a layer.
    Training freezes the lower groups and computes their output once: `forward(x, start=d)`
    continues from what `forward(features, stop=d)` returned.

    Attributes:
        spec: constants of the pretrained encoder.
        streaming: "chunked" (each frame is computed once, any chunking equals offline) or "window"
            (a sliding window is recomputed at every hop).
        hop_setting: name of the setting that holds the hop in frames; "" where the hop is fixed.
        look_ahead_ms: audio after the end of a frame that the frame waits for and depends on.
        frame_rate_hz: frames per second.
        hop_frames: frames come in groups of this many.
        first_features: feature frames after which the first hop of frames comes out.
        dim: width of one layer's output.
        depth: number of layer groups.
        output_layers: layers, counted from 1, whose outputs are concatenated; the last one by
            default.
        trunk: the network, with its weights under the checkpoint's tensor names.
    """

    spec: EncoderSpec
    streaming: ClassVar[StreamingMode]
    hop_setting: ClassVar[str] = ""
    look_ahead_ms: float
    frame_rate_hz: float
    hop_frames: int
    first_features: int
    dim: int
    depth: int
    output_layers: tuple[int, ...]
    trunk: nn.Module

    def __init__(self, spec: EncoderSpec, output_layers: tuple[int, ...] = ()) -> None:
        """Set what the spec determines.

        Raises:
            ConfigError: `output_layers` are not layers in rising order.
        """
        super().__init__()
        self.spec, self.dim, self.frame_rate_hz = spec, spec.dim, spec.frame_rate_hz
        self.depth, self.output_layers = 1 + spec.layers, output_layers or (spec.layers,)
        _check_output_layers(self.output_layers, spec.layers)

    def forward(
        self, x: Tensor, state: State = None, *, start: int = 0, stop: int | None = None
    ) -> tuple[Tensor, State]:
        """Run the layer groups from `start` up to `stop` (all by default) on the next piece.

        Args:
            x: (batch, T, features), or the output of a call with `stop=start`.
            state: what the previous call of the same stream returned.
            start: first layer group to run.
            stop: layer group before which to stop.

        Returns:
            Frames (batch, U, len(output_layers) · dim), and the state for the next call.
        """
        raise NotImplementedError

    def initial_state(self, position: Tensor) -> State:
        """Return the state of streams without a past whose first frame has a given position.

        A detector that runs for days meets a keyword at any position, so training must as well.
        Encoders without positions return None.

        Args:
            position: (batch,) integers.
        """
        return None

    def layer_groups(self) -> list[list[nn.Module]]:
        """Return the modules of each layer group, lowest first: the units of freezing."""
        raise NotImplementedError

    def cacheable_depths(self) -> list[int]:
        """Return the depths at which frames may be computed once and cached for training."""
        raise NotImplementedError

    def settings(self) -> Settings:
        """Return the keyword arguments that build the same encoder again.

        Spec, streaming mode and weights come on top.
        """
        raise NotImplementedError


class ChunkedEncoder(Encoder):
    """An encoder that computes each frame once, layer by layer, with a state for each layer."""

    streaming = "chunked"

    def layer_range(self, start: int, stop: int | None) -> range:
        """Return the layers, counted from 0, that lead from one depth to another.

        Layers above the highest output layer are left out.

        Raises:
            ValueError: no layer lies between the two depths.
        """
        stop = self.depth if stop is None else stop
        if stop == 0 or max(start, 1) > stop:
            raise ValueError(f"layer groups {start} to {stop} of {self.depth}")
        return range(max(start, 1) - 1, max(self.output_layers) if stop == self.depth else stop - 1)

    def cacheable_depths(self) -> list[int]:
        """Every depth up to the lowest output layer, and the finished frames."""
        return [*range(min(self.output_layers) + 1), self.depth]

    def join_outputs(self, outputs: Sequence[Tensor], x: Tensor) -> Tensor:
        """Concatenate the output layers' frames: (batch, U, len(output_layers) · dim).

        Args:
            outputs: of each output layer (batch, U, dim); empty where no layer ran.
            x: the last layer's (batch, 0, dim), for its width, where no layer ran.
        """
        return (
            torch.cat(list(outputs), dim=2) if outputs else x.repeat(1, 1, len(self.output_layers))
        )


class OfflineEncoder(Encoder):
    """An encoder as it was trained: over all of its input at once, without a state.

    It cannot stream by itself: `encoders.window` runs it over a sliding window.

    Attributes:
        max_frames: the most frames that it encodes at once.
        trailing_frames_lost: frames at the end of the input that do not come out, because a frame
            depends on samples after its own.
    """

    max_frames: int
    trailing_frames_lost: int = 0

    def forward_layers(self, features: Tensor, last: int = 0) -> Tensor:
        """Encode all of the features: (batch, T, features) → (batch, U, len(output_layers) · dim).

        Args:
            features: the whole input.
            last: number of frames to return, counted from the end; 0 returns all.
        """
        raise NotImplementedError

    def settings(self) -> Settings:
        """The output layers, which is all that an encoder without a stream needs."""
        return {"output_layers": self.output_layers}


@dataclass(frozen=True, kw_only=True)
class Hub:
    """A model hub whose encoders are found by name instead of being registered here.

    Attributes:
        prefix: names that begin with it belong to the hub's family.
        resolve: from a name and the settings of a model file (empty for a new model) to the
            constants of the encoder. Raises CheckpointError or ConfigError.
        read_weights: from a name to the encoder's tensors, what was stripped, and the SHA-256 of
            the file that held them. Raises CheckpointError.
    """

    prefix: str
    resolve: Callable[[str, Mapping[str, Any]], EncoderSpec]
    read_weights: Callable[[str], tuple[Tensors, StripReport, str]]


@dataclass(frozen=True, kw_only=True)
class Family:
    """What the encoders of one architecture have in common.

    Each family lives in one file, which alone knows the settings of its encoders: they are the
    parameters of the classes below.

    Attributes:
        specs: the pretrained encoders of this family that have a name here.
        chunked: the class that streams with a state; None where the architecture cannot.
        offline: the class that runs over a sliding window; None where that is not offered.
        formats: formats of the checkpoints that hold its weights.
        strip: from a checkpoint's tensors, its format, the spec and the checkpoint's path to the
            encoder's tensors under our names and a report. Raises CheckpointError where they do
            not fit. None where no checkpoint file is read.
        weights: the checkpoints in words: what `--weights` may point at.
        how_to_get: how to obtain weights that have no source, as a short phrase.
        hub: where encoders without a constant here come from.
        head: name of the head that a new model gets unless another one is chosen.
        head_layers: number of upper layers that this head mixes by default.
    """

    specs: tuple[EncoderSpec, ...] = ()
    chunked: type[ChunkedEncoder] | None = None
    offline: type[OfflineEncoder] | None = None
    formats: tuple[Format, ...] = ()
    strip: Callable[[Tensors, str, EncoderSpec, str], tuple[Tensors, StripReport]] | None = None
    weights: str
    how_to_get: str = "give it: --weights"
    hub: Hub | None = None
    head: str = "conv"
    head_layers: int = 3

    @property
    def streaming_modes(self) -> tuple[StreamingMode, ...]:
        """How its encoders can be streamed, the best mode first."""
        modes: list[StreamingMode] = ["chunked"] if self.chunked else []
        return (*modes, "window") if self.offline else tuple(modes)


def require_frame_counts(**settings: object) -> None:
    """Check settings that count frames; they may come from an untrusted model file.

    Raises:
        ConfigError: a value is not an integer from 1 to MAX_FRAMES.
    """
    for name, value in settings.items():
        if not (type(value) is int and 0 < value <= MAX_FRAMES):
            raise ConfigError(f"{name} of {value!r}: expected an integer from 1 to {MAX_FRAMES}.")


def _check_output_layers(output_layers: object, layers: int) -> None:
    """Raise ConfigError unless output layers are a tuple of layer numbers in rising order."""
    numbers = list(output_layers) if isinstance(output_layers, (tuple, list)) else [None]
    if (
        not all(isinstance(number, int) and 1 <= number <= layers for number in numbers)
        or numbers != sorted(set(numbers))  # type: ignore[type-var]
    ):
        raise ConfigError(
            f"output layers {output_layers!r}: expected numbers from 1 to {layers} in rising "
            "order, each once."
        )
