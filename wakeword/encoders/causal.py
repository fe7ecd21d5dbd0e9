"""What the encoders of causal layers over a stem share: hop, layers, and their checkpoints."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import nn

from wakeword.encoders.base import ChunkedEncoder, require_frame_counts
from wakeword.encoders.formats import Tensors, select_tensors
from wakeword.encoders.spec import EncoderSpec, Settings, StripReport

HEAD_PREFIX = "ctc."
"""What the names of the transcription head's tensors begin with in their checkpoints."""


def strip_head(
    tensors: Tensors, trunk: nn.Module, spec: EncoderSpec, name: str
) -> tuple[Tensors, StripReport]:
    """Keep the tensors of a trunk; drop the transcription head, if there is one.

    Raises:
        CheckpointError: tensors are missing or of another shape than the trunk's.
    """
    kept = {key: tensor for key, tensor in tensors.items() if not key.startswith(HEAD_PREFIX)}
    kept = select_tensors(kept, trunk.state_dict(), spec.name, name)
    dropped = [tensor for key, tensor in tensors.items() if key.startswith(HEAD_PREFIX)]
    return kept, StripReport.of(kept.values(), dropped)


class CausalEncoder(ChunkedEncoder):
    """A causal encoder: no frame depends on later audio, and each is computed once.

    Args:
        spec: constants of the encoder.
        hop: frames that are computed at once; it changes their cost and when they come, but not
            their values.
        output_layers: layers whose outputs are concatenated.
    """

    hop_setting = "hop"
    features_per_frame: ClassVar[int]
    trunk: Any  # with a stem and layers

    def __init__(self, spec: EncoderSpec, hop: int, output_layers: tuple[int, ...] = ()) -> None:
        super().__init__(spec, output_layers)
        require_frame_counts(hop=hop)
        self.hop_frames, self.first_features = hop, hop * self.features_per_frame
        self.look_ahead_ms = 0.0

    def layer_groups(self) -> list[list[nn.Module]]:
        """The stem, and each layer."""
        return [[self.trunk.stem], *([layer] for layer in self.trunk.layers)]

    def settings(self) -> Settings:
        """The hop in frames, and the output layers."""
        return {"hop": self.hop_frames, "output_layers": self.output_layers}
