"""Voices of the engines that are installed; tests of the others are skipped."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from wakeword.tts.voices import ENGINES, Voice

NAMES = {"kokoro": "af_bella", "hibari": "heart", "joe": "joe", "espeak": "en-us+f3"}


@pytest.fixture
def get_voice() -> Callable[[str], Voice]:
    """Returns a voice of an engine, or skips the test where it cannot speak."""

    def get(engine: str) -> Voice:
        if missing := ENGINES[engine].missing_packages():
            pytest.skip(f"{', '.join(missing)} not installed (extra 'demo')")
        if not ENGINES[engine].is_ready():
            pytest.skip("Kokoro's voices are not in the cache (fetch_kokoro_voices downloads them)")
        return Voice(engine, NAMES[engine], "anyone")

    return get


@pytest.fixture
def espeak_installed(get_voice: Callable[[str], Voice]) -> None:
    """Skips the test where eSpeak NG is not installed."""
    get_voice("espeak")
