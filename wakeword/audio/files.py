"""Audio files of any rate, channel count and format, as 16 kHz mono. The only user of soundfile."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from wakeword.audio.resampling import StreamResampler, resample
from wakeword.audio.samples import SAMPLE_RATE, Samples, check_channel, to_mono
from wakeword.errors import AudioError
from wakeword.storage import atomic_write


@dataclass(frozen=True)
class AudioInfo:
    """What the header of a file states.

    Attributes:
        rate: in Hz.
        channels: number of channels.
        seconds: duration.
    """

    rate: int
    channels: int
    seconds: float


def audio_info(path: Path | str) -> AudioInfo:
    """Read the header of a file. Raises AudioError where soundfile cannot read it."""
    with _open(Path(path)) as file:
        return AudioInfo(file.samplerate, file.channels, file.frames / file.samplerate)


def load_audio(
    path: Path | str,
    *,
    offset_s: float = 0.0,
    duration_s: float | None = None,
    channel: int | None = None,
) -> Samples:
    """Read a recording as 16 kHz mono.

    Args:
        path: any file that soundfile reads.
        offset_s: where to start, in seconds.
        duration_s: how much to read, in seconds; None reads to the end.
        channel: the channel to take, from 0; None mixes all of them.

    Returns:
        (samples,) float32 in [-1, 1].

    Raises:
        AudioError: the file is unreadable or empty, has no such channel, or holds NaN or infinity.
    """
    path = Path(path)
    with _open(path) as file:
        rate = file.samplerate
        position = min(round(offset_s * rate), file.frames)
        frames = -1 if duration_s is None else round(duration_s * rate)
        raw = _read(file, frames, path, position)
    check_channel(channel, raw.shape[1], str(path))
    mono = to_mono(raw, channel)
    if mono.size == 0:
        raise AudioError(_no_samples_message(path))
    _check_finite(mono, path)
    return resample(mono, rate, SAMPLE_RATE)


def iter_audio(path: Path | str, block_s: float = 10.0) -> Iterator[Samples]:
    """Read a recording of any length in blocks, as 16 kHz mono.

    Args:
        path: any file that soundfile reads.
        block_s: about this many seconds a block.

    Yields:
        (samples,) float32 in [-1, 1]; joined, they are what `load_audio` returns.

    Raises:
        AudioError: as `load_audio`.
    """
    path = Path(path)
    with _open(path) as file:
        stream = StreamResampler(file.samplerate)
        if file.frames == 0:
            raise AudioError(_no_samples_message(path))
        size = max(1, round(block_s * file.samplerate))
        while True:
            raw = _read(file, size, path)
            _check_finite(raw, path)
            last = len(raw) < size
            yield stream.feed(to_mono(raw), last=last)
            if last:
                return


def save_audio(path: Path | str, samples: Samples, rate: int = SAMPLE_RATE) -> None:
    """Write (n,) mono samples as 16-bit PCM; the suffix chooses WAV or FLAC.

    The file appears under its name only when it is complete. Values beyond [-1, 1] are clipped.

    Raises:
        ConfigError: the file cannot be written.
    """
    path = Path(path)
    container = path.suffix.lstrip(".").upper() or "WAV"
    with atomic_write(path) as part:
        soundfile.write(part, np.clip(samples, -1.0, 1.0), rate, "PCM_16", format=container)


def wav_bytes(samples: Samples, rate: int = SAMPLE_RATE) -> bytes:
    """Return (n,) mono samples as a WAV file of 16-bit PCM; values beyond [-1, 1] are clipped."""
    file = io.BytesIO()
    soundfile.write(file, np.clip(samples, -1.0, 1.0), rate, "PCM_16", format="WAV")
    return file.getvalue()


def _open(path: Path) -> soundfile.SoundFile:
    if not path.exists():
        raise AudioError(f"{path}: no such file. Check the path and the folder it is relative to.")
    if path.stat().st_size == 0:
        raise AudioError(f"{path}: the file is empty (0 bytes). Record it again or remove it.")
    try:
        return soundfile.SoundFile(path)
    except (soundfile.SoundFileError, RuntimeError, TypeError) as error:
        raise AudioError(_unreadable_message(path, error)) from error


def _read(
    file: soundfile.SoundFile, frames: int, path: Path, position: int | None = None
) -> npt.NDArray[np.float32]:
    """(frames, channels) from a position, or from where the last read ended; -1 reads all."""
    try:
        if position is not None:
            file.seek(position)
        raw: npt.NDArray[np.float32] = file.read(frames, dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise AudioError(_unreadable_message(path, error)) from error
    return raw


def _check_finite(samples: npt.NDArray[np.float32], path: Path) -> None:
    if not np.isfinite(samples).all():
        raise AudioError(
            f"{path}: contains samples that are not numbers (NaN or infinite). "
            "Export it again as 16-bit PCM, or remove it."
        )


def _no_samples_message(path: Path) -> str:
    return f"{path}: contains no samples. Record it again or remove it."


def _unreadable_message(path: Path, error: Exception) -> str:
    return (
        f"{path}: cannot be read as audio ({error}). Expected WAV, FLAC, Ogg or MP3; "
        "convert it (for example: ffmpeg -i IN -ar 16000 -ac 1 OUT.wav) or remove it."
    )
