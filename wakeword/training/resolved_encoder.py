"""The encoder of a training, resolved from its name once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from wakeword.encoders import registry
from wakeword.encoders.base import Encoder
from wakeword.encoders.spec import EncoderSpec, Settings, StripReport
from wakeword.progress import ProgressCallback


@dataclass(frozen=True)
class ResolvedEncoder:
    """Everything that determines an encoder before it is built.

    Attributes:
        spec: constants of the encoder.
        streaming: streaming mode.
        settings: keyword arguments of its class.
        weights: a checkpoint to load instead of the encoder's own sources.
    """

    spec: EncoderSpec
    streaming: str
    settings: Settings = field(default_factory=dict)
    weights: Path | str | None = None

    def with_settings(self, **settings: Any) -> ResolvedEncoder:
        """Return the same encoder with some settings replaced."""
        return replace(self, settings={**self.settings, **settings})

    def build(self) -> Encoder:
        """Return the encoder with random weights. Raises ConfigError for an unknown setting."""
        return registry.build_encoder(self.spec.name, self.streaming, **self.settings)

    def load(self, progress: ProgressCallback | None = None) -> tuple[Encoder, StripReport, str]:
        """Return the pretrained encoder, what was stripped, and the SHA-256 of the checkpoint.

        Raises:
            ConfigError: unknown setting.
            CheckpointError: no weights, or weights of another encoder.
        """
        return registry.load_encoder(
            self.spec.name,
            path=self.weights,
            streaming=self.streaming,
            progress=progress,
            **self.settings,
        )


def resolve_encoder(
    name: str,
    *,
    streaming: str = "",
    hop_ms: int | None = None,
    weights: Path | str | None = None,
    **settings: Any,
) -> ResolvedEncoder:
    """Resolve an encoder's name and mode.

    Raises:
        ConfigError: unknown name, or a hop that the encoder cannot have.
    """
    streaming = streaming or registry.streaming_modes(name)[0]
    spec = registry.encoder_spec(name, str(settings.get("about", "")))
    settings = {**registry.hop_settings(name, streaming, hop_ms), **settings}
    return ResolvedEncoder(spec, streaming, settings, weights)
