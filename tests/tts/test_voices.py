"""Voices have stable unique ids, are listed when they can be used, and split by speaker."""

from __future__ import annotations

import pytest

from wakeword.errors import ConfigError
from wakeword.tts.engine import Engine
from wakeword.tts.voices import (
    ENGINES,
    HELD_OUT_SPEAKERS,
    all_voices,
    list_voices,
    split_voices,
)


def test_voices_have_unique_ids_and_split_by_speaker() -> None:
    voices = all_voices()
    ids = {voice.id for voice in voices}
    assert len(ids) == len(voices)
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-") for name in ids)
    train, held_out = split_voices(voices)
    assert len(train) + len(held_out) == len(voices)
    assert not {voice.speaker for voice in train} & {voice.speaker for voice in held_out}
    assert sum(voice.natural for voice in train) > sum(voice.natural for voice in held_out) >= 4
    assert not HELD_OUT_SPEAKERS - {voice.speaker for voice in voices}


@pytest.mark.usefixtures("espeak_installed")
def test_listed_voices_belong_to_installed_engines() -> None:
    voices = list_voices()
    assert voices == list_voices()
    assert all(not ENGINES[voice.engine].missing_packages() for voice in voices)


def test_without_engines_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Engine, "missing_packages", lambda self: ["some-engine"])
    with pytest.raises(ConfigError, match=r'pip install "wakeword\[demo\]"'):
        list_voices()
