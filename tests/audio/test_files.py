"""Files of any format are read as 16 kHz mono, or refused by an error that names the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import tiny as tiny_family

from wakeword.audio.files import AudioInfo, audio_info, iter_audio, load_audio, save_audio
from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.errors import AudioError, ConfigError

SOUND = tiny_family.synthetic_audio(1.0)


def tone(rate: int, seconds: float = 0.5, hz: float = 440.0) -> Samples:
    return (0.4 * np.sin(2 * np.pi * hz * np.arange(round(rate * seconds)) / rate)).astype("f4")


def write(path: Path, samples: Samples, rate: int = SAMPLE_RATE, **how: str) -> Path:
    soundfile.write(path, samples, rate, **how)
    return path


def loudest_hz(samples: Samples) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(spectrum.argmax()) * SAMPLE_RATE / len(samples)


# ---------------------------------------------------------------- reading


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000])
def test_every_rate(tmp_path: Path, rate: int) -> None:
    path = write(tmp_path / "tone.wav", tone(rate), rate)
    samples = load_audio(path)
    assert samples.dtype == np.float32
    assert len(samples) == pytest.approx(8000, abs=1)
    assert loudest_hz(samples) == pytest.approx(440, abs=2)
    assert np.abs(samples[2000:6000]).max() == pytest.approx(0.4, abs=0.01)


@pytest.mark.parametrize("channels", [1, 2, 8])
def test_every_number_of_channels(tmp_path: Path, channels: int) -> None:
    gains = np.arange(1, channels + 1, dtype=np.float32) / channels
    path = write(tmp_path / "many.wav", SOUND[:, None] * gains, subtype="FLOAT")
    np.testing.assert_allclose(load_audio(path), SOUND * gains.mean(), atol=1e-6)
    for channel in range(channels):
        one = load_audio(path, channel=channel)
        np.testing.assert_array_equal(one, SOUND * gains[channel])
    for channel in (-1, channels):
        with pytest.raises(AudioError, match=f"has {channels} channel"):
            load_audio(path, channel=channel)


@pytest.mark.parametrize(
    ("suffix", "subtype", "error"),
    [
        ("wav", "PCM_U8", 1e-2),
        ("wav", "PCM_16", 1e-4),
        ("wav", "PCM_24", 1e-6),
        ("wav", "PCM_32", 1e-7),
        ("wav", "FLOAT", 0.0),
        ("wav", "DOUBLE", 0.0),
        ("wav", "ULAW", 2e-2),
        ("flac", "PCM_16", 1e-4),
        ("flac", "PCM_24", 1e-6),
        ("aiff", "PCM_16", 1e-4),
    ],
)
def test_every_format(tmp_path: Path, suffix: str, subtype: str, error: float) -> None:
    path = write(tmp_path / f"some.{suffix}", SOUND, subtype=subtype)
    np.testing.assert_allclose(load_audio(path), SOUND, atol=error, rtol=0)
    assert audio_info(path) == AudioInfo(SAMPLE_RATE, 1, 1.0)


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_lossy_formats(tmp_path: Path, subtype: str) -> None:
    path = write(tmp_path / "some.ogg", tone(SAMPLE_RATE), format="OGG", subtype=subtype)
    samples = load_audio(path)
    assert len(samples) == 8000
    assert loudest_hz(samples) == pytest.approx(440, abs=2)


@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_a_part_of_a_file(tmp_path: Path, rate: int) -> None:
    path = write(tmp_path / "some.wav", tone(rate, 1.0), rate)
    assert len(load_audio(path, offset_s=0.25, duration_s=0.5)) == pytest.approx(8000, abs=1)
    assert len(load_audio(path, offset_s=0.9, duration_s=5.0)) == pytest.approx(1600, abs=1)
    with pytest.raises(AudioError, match="no samples"):
        load_audio(path, offset_s=2.0)


# ---------------------------------------------------------------- broken files


def truncated(path: Path, share: float) -> Path:
    path.write_bytes(path.read_bytes()[: round(path.stat().st_size * share)])
    return path


def broken(folder: Path, kind: str) -> Path:
    """A file that cannot be read as audio."""
    path = folder / f"{kind}.wav"
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_text("this is no audio\n" * 50)
    elif kind == "header":
        return truncated(write(path, SOUND), 0.0005)
    elif kind == "no samples":
        write(path, SOUND[:0])
    elif kind in ("nan", "inf"):
        samples = SOUND.copy()
        samples[12_000] = float(kind)
        write(path, samples, subtype="FLOAT")
    elif kind == "flac":
        return truncated(write(folder / "flac.flac", SOUND), 0.5)
    elif kind == "folder":
        path.mkdir()
    return path


BROKEN = ["missing", "empty", "text", "header", "no samples", "nan", "inf", "flac", "folder"]


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_files_are_refused_by_name(tmp_path: Path, kind: str) -> None:
    path = broken(tmp_path, kind)
    with pytest.raises(AudioError, match=path.name):
        load_audio(path)


@pytest.mark.parametrize("kind", BROKEN)
def test_reading_in_blocks_refuses_the_same_files(tmp_path: Path, kind: str) -> None:
    path = broken(tmp_path, kind)
    with pytest.raises(AudioError, match=path.name):
        list(iter_audio(path))


# ---------------------------------------------------------------- reading in blocks


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])
@pytest.mark.parametrize("block_s", [0.0, 0.013, 0.5, 60.0])
def test_joined_blocks_equal_the_whole_file(tmp_path: Path, rate: int, block_s: float) -> None:
    samples = tiny_family.synthetic_audio(0.05 if block_s == 0 else 1.0, rate=rate)
    path = write(tmp_path / "some.wav", np.stack([samples, samples / 2], axis=1), rate)
    joined = np.concatenate(list(iter_audio(path, block_s)))
    loaded = load_audio(path)
    assert len(joined) == len(loaded)
    np.testing.assert_allclose(joined, loaded, atol=1e-5)


# ---------------------------------------------------------------- writing


@pytest.mark.parametrize("name", ["some.wav", "some.flac"])
def test_save_and_load(tmp_path: Path, name: str) -> None:
    save_audio(tmp_path / "new" / name, 3 * SOUND)
    loaded = load_audio(tmp_path / "new" / name)
    np.testing.assert_allclose(loaded, np.clip(3 * SOUND, -1, 1), atol=1e-4)
    assert [path.name for path in (tmp_path / "new").iterdir()] == [name]


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, *_: object, **__: object) -> None:
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    save_audio(tmp_path / "some.wav", SOUND)
    before = (tmp_path / "some.wav").read_bytes()
    monkeypatch.setattr(soundfile, "write", full)
    with pytest.raises(ConfigError, match="No space left"):
        save_audio(tmp_path / "some.wav", SOUND)
    assert (tmp_path / "some.wav").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1
