"""TODO."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from wakeword.encoders.frontend import FRONT_ENDS, FrontEnd, Kind

Format = Literal["pytorch", "ctranslate2", "safetensors", "onnx"]
StreamingMode = Literal["chunked", "window"]
Settings = dict[str, int | str | tuple[int, ...]]


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
class StripReport:
    """What loading kept of a checkpoint and what it threw away."""

    kept_tensors: int
    kept_parameters: int
    stripped_tensors: int
    stripped_parameters: int

    @classmethod
    def of(cls, kept: Collection[Tensor], stripped: Collection[Tensor]) -> StripReport:
        sizes = [sum(tensor.numel() for tensor in tensors) for tensors in (kept, stripped)]
        return cls(len(kept), sizes[0], len(stripped), sizes[1])

    def __str__(self) -> str:
        return (
            f"kept {self.kept_tensors} encoder tensors ({self.kept_parameters / 1e6:.1f} M), "
            f"stripped the transcription head: {self.stripped_tensors} decoder tensors "
            f"({self.stripped_parameters / 1e6:.1f} M)"
        )
