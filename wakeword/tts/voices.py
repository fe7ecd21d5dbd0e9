"""The voices of all engines, and which of them are held out of training."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass

from wakeword.errors import ConfigError
from wakeword.tts import espeak, hibari, kokoro, piper
from wakeword.tts.engine import INSTALL_COMMAND

ENGINES = {
    engine.name: engine for engine in (kokoro.ENGINE, hibari.ENGINE, piper.ENGINE, espeak.ENGINE)
}
"""Engines by name, the most natural first."""

HELD_OUT_SPEAKERS = frozenset(
    {"joe", "kokoro_af_kore", "kokoro_am_michael", "kokoro_bf_emma", "kokoro_bm_lewis"}
    | {"kokoro_ff_siwis", "kokoro_im_nicola", "espeak_Annie", "espeak_announcer", "espeak_f3"}
    | {"espeak_m4", "espeak_m7", "espeak_pablo"}
)


@dataclass(frozen=True)
class Voice:
    """One voice of one engine.

    Attributes:
        engine: "kokoro", "hibari", "joe" or "espeak".
        name: the engine's own name of the voice: "af_heart", "heart", "joe", "en-us+f3".
        speaker: shared by voices that have the same vocal tract (the accents of one eSpeak variant;
            a Kokoro speaker and her distilled model). Split data by this.
    """

    engine: str
    name: str
    speaker: str

    @property
    def id(self) -> str:
        """Stable and unique, safe in file names: "kokoro_af_heart", "espeak_en-us_f3"."""
        return re.sub(r"[^a-z0-9_-]+", "_", f"{self.engine}_{self.name}".lower())

    @property
    def natural(self) -> bool:
        """True for voices trained on recordings of a person, False for formant synthesis."""
        return self.engine != "espeak"


def list_voices() -> list[Voice]:
    """List the voices that can be used now, natural ones first, always in the same order.

    Kokoro's voices are included once `wakeword.tts.kokoro.fetch_kokoro_voices` has run.

    Raises:
        ConfigError: no engine is installed.
    """
    ready = ready_engines()
    return [voice for voice in all_voices() if voice.engine in ready]


def ready_engines() -> set[str]:
    """Return the names of the engines that can be used now.

    Raises:
        ConfigError: no engine is installed.
    """
    installed = [engine for engine in ENGINES.values() if not engine.missing_packages()]
    if not installed:
        raise ConfigError(
            f"no speech synthesis engine is installed. Install all of them: {INSTALL_COMMAND}"
        )
    return {engine.name for engine in installed if engine.is_ready()}


def split_voices(voices: Iterable[Voice]) -> tuple[list[Voice], list[Voice]]:
    """Divide voices into those to train on and those to hold out; no speaker is in both.

    Held out are natural speakers of both sexes and several accents, the only voice of its engine
    (joe), and a few eSpeak variants.
    """
    train: list[Voice] = []
    held_out: list[Voice] = []
    for voice in voices:
        (held_out if voice.speaker in HELD_OUT_SPEAKERS else train).append(voice)
    return train, held_out


@functools.cache
def all_voices() -> tuple[Voice, ...]:
    """All voices of all engines, installed or not, in the order of `list_voices`."""
    return tuple(
        Voice(engine.name, name, speaker)
        for engine in ENGINES.values()
        for name, speaker in engine.speakers.items()
    )
