"""Data that several commands are run on."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny as tiny_family

from wakeword.audio.files import save_audio


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three held-out clips of two seconds of each keyword and of other audio."""
    for number, word in enumerate(("alexa", "computer", "negatives")):
        for clip in range(3):
            samples = tiny_family.synthetic_audio(2.0, seed=10 * number + clip)
            save_audio(tmp_path / "data" / "dev" / word / f"{clip}.wav", samples)
    return tmp_path / "data"
