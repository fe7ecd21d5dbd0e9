"""An encoder whose name, streaming mode and settings are settled, before it is built or loaded."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from wakeword.encoders import checkpoints
from wakeword.encoders.base import Encoder, Family
from wakeword.encoders.spec import EncoderSpec, Settings, StreamingMode, StripReport
from wakeword.encoders.window import WindowEncoder
from wakeword.errors import ConfigError, unknown_name_message
from wakeword.progress import ProgressCallback


class LoadedEncoder(NamedTuple):
    """A pretrained encoder and where its weights come from.

    Attributes:
        encoder: in evaluation mode, without its transcription head.
        report: what loading kept of the checkpoint and what it removed.
        sha256: hash of the checkpoint.
    """

    encoder: Encoder
    report: StripReport
    sha256: str


@dataclass(frozen=True)
class ResolvedEncoder:
    """Everything that determines an encoder; `registry.resolve_encoder` makes it from a name.

    Attributes:
        spec: constants of the encoder.
        family: its family.
        streaming: how it is streamed.
        settings: keyword arguments of its class.
        weights: a checkpoint to load instead of the encoder's own sources.
    """

    spec: EncoderSpec
    family: Family
    streaming: StreamingMode
    settings: Settings = field(default_factory=dict)
    weights: Path | str | None = None

    def with_settings(self, **settings: Any) -> ResolvedEncoder:
        """Return the same encoder with some settings replaced."""
        return replace(self, settings={**self.settings, **settings})

    def build(self) -> Encoder:
        """Return the encoder with random weights.

        Raises:
            ConfigError: a setting does not exist or is out of range.
        """
        settings: dict[str, Any] = dict(self.settings)
        if self.streaming == "chunked":
            assert self.family.chunked is not None
            self._check_names(self.family.chunked)
            return self.family.chunked(self.spec, **settings)
        assert self.family.offline is not None
        self._check_names(self.family.offline, WindowEncoder)
        window = {key: settings.pop(key) for key in ("window", "hop") if key in settings}
        return WindowEncoder(self.family.offline(self.spec, **settings), **window)

    def load(self, progress: ProgressCallback | None = None) -> LoadedEncoder:
        """Return the encoder with its pretrained weights, in evaluation mode.

        Raises:
            ConfigError: a setting does not exist or is out of range.
            CheckpointError: no weights, or weights of another encoder.
        """
        encoder = self.build()
        if self.family.hub and self.weights is None:
            tensors, report, sha256 = self.family.hub.read_weights(self.spec.name)
        else:
            found = checkpoints.find_checkpoint(self.spec, self.weights, progress=progress)
            tensors, report = checkpoints.read_checkpoint(found, self.spec)
            sha256 = found.sha256
        encoder.trunk.load_state_dict(tensors)
        return LoadedEncoder(encoder.eval(), report, sha256)

    def _check_names(self, *classes: Callable[..., Encoder]) -> None:
        """Raise ConfigError for a setting that is no parameter of the encoder's classes."""
        known = {name for each in classes for name in inspect.signature(each).parameters}
        known -= {"spec", "offline"}
        for name in self.settings:
            if name not in known:
                kind = f"setting of {self.spec.name} ({self.streaming})"
                raise ConfigError(unknown_name_message(kind, name, known))
