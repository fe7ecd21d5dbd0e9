"""The constants of a pretrained encoder, and the report of loading one."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from wakeword.encoders.front_ends import FRONT_ENDS, FrontEndKind
from wakeword.encoders.frontend import FrontEnd

Format = Literal["pytorch", "ctranslate2", "safetensors", "onnx"]
"""File formats of checkpoints."""
StreamingMode = Literal["chunked", "window"]
"""How an encoder is streamed; see `encoders.base.Encoder`."""
Settings = dict[str, int | str | tuple[int, ...]]
"""Keyword arguments of an encoder class, as a model file holds them."""


@dataclass(frozen=True)
class Source:
    """One place that holds an encoder's weights.

    Attributes:
        kind: "package" (a file inside an installed Python package) or "url".
        location: "package:path inside it", or the URL.
        sha256: hash of the file, checked before it is read; "" where the publisher states none and
            the connection is all that vouches for it.
        format: format of the file.
        companion: URL of a second file that belongs to it and is kept in the same folder, under
            the last part of its URL; "" where there is none.
    """

    kind: Literal["package", "url"]
    location: str
    sha256: str
    format: Format
    companion: str = ""


@dataclass(frozen=True)
class EncoderSpec:
    """A pretrained encoder as a documented constant.

    Attributes:
        name: how `--encoder` and `load_encoder` call it.
        family: key of its family in `encoders.families.FAMILIES`.
        sources: places that hold its weights, all of them the same.
        licence: SPDX identifier of the weights' licence, or what is known of it.
        trained_on: the recogniser's training data in words.
        hours: transcribed speech that the recogniser was trained on; 0 where unknown.
        mels: mel bands of the front end; 0 where the encoder takes samples.
        dim: width of a frame.
        layers: number of layers above the stem.
        heads: attention heads; 0 where there are none.
        frame_rate_hz: frames per second.
        front_end: kind of features that the encoder takes.
    """

    name: str
    family: str
    sources: tuple[Source, ...]
    licence: str
    trained_on: str
    hours: int
    mels: int
    dim: int
    layers: int
    heads: int
    frame_rate_hz: float
    front_end: FrontEndKind = "log-mel"

    def new_front_end(self) -> FrontEnd:
        """Return a front end that computes the features of the recogniser's training."""
        return FRONT_ENDS[self.front_end](self.mels)


@dataclass(frozen=True)
class StripReport:
    """What loading kept of a checkpoint and what it removed."""

    kept_tensors: int
    kept_parameters: int
    stripped_tensors: int
    stripped_parameters: int

    @classmethod
    def of(cls, kept: Collection[Tensor], stripped: Collection[Tensor]) -> StripReport:
        """Count the tensors and parameters of both parts."""
        sizes = [sum(tensor.numel() for tensor in tensors) for tensors in (kept, stripped)]
        return cls(len(kept), sizes[0], len(stripped), sizes[1])

    def __str__(self) -> str:
        return (
            f"kept {self.kept_tensors} encoder tensors ({self.kept_parameters / 1e6:.1f} M), "
            f"stripped the transcription head: {self.stripped_tensors} decoder tensors "
            f"({self.stripped_parameters / 1e6:.1f} M)"
        )
