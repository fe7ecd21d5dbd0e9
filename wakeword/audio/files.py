"""Samples in, samples out: 16 kHz mono float32 in [-1, 1]. The only importer of soundfile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import soundfile

from wakeword.audio.resampling import StreamResampler, resample
from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.errors import AudioError
from wakeword.storage import atomic_write


@dataclass(frozen=True)
class AudioInfo:
    """What the header of a file says."""

    rate: int
    channels: int
    seconds: float


def audio_info(path: Path | str) -> AudioInfo:
    """Read a file's header. Raises AudioError where soundfile cannot read it."""
    with _open(Path(path)) as file:
        return AudioInfo(file.samplerate, file.channels, file.frames / file.samplerate)


def load_audio(
    path: Path | str,
    *,
    offset_s: float = 0.0,
    duration_s: float | None = None,
    channel: int | None = None,
) -> Samples:
    """Read a recording of any rate, channel count and format as 16 kHz mono.

    Args:
        path: any file that soundfile reads.
        offset_s, duration_s: the part to read, in seconds.
        channel: the channel to take, from 0; None mixes all of them.

    Returns:
        (samples,) float32 in [-1, 1].

    Raises:
        AudioError: unreadable, empty, or with samples that are not numbers.
    """
    path = Path(path)
    with _open(path) as file:
        rate = file.samplerate
        try:
            file.seek(min(round(offset_s * rate), file.frames))
            frames = -1 if duration_s is None else round(duration_s * rate)
            raw = file.read(frames, dtype="float32", always_2d=True)
        except (soundfile.SoundFileError, RuntimeError) as error:
            raise AudioError(_broken(path, error)) from error
    mono = to_mono(raw, channel, str(path))
    if mono.size == 0:
        raise AudioError(_silent_header(path))
    if not np.isfinite(mono).all():
        raise AudioError(
            f"{path}: holds samples that are not numbers (NaN or infinite). "
            "Export it again as 16-bit PCM, or remove it."
        )
    return resample(mono, rate, SAMPLE_RATE)


def iter_audio(path: Path | str, block_s: float = 10.0) -> Iterator[Samples]:
    """Read a recording of any length piece by piece, as 16 kHz mono; same errors as `load`."""
    path = Path(path)
    with _open(path) as file:
        stream = StreamResampler(file.samplerate)
        if file.frames == 0:
            raise AudioError(_silent_header(path))
        size = max(1, round(block_s * file.samplerate))
        while True:
            try:
                raw = file.read(size, dtype="float32", always_2d=True)
            except (soundfile.SoundFileError, RuntimeError) as error:
                raise AudioError(_broken(path, error)) from error
            if not np.isfinite(raw).all():
                raise AudioError(f"{path}: holds samples that are not numbers. Export it again.")
            last = len(raw) < size
            yield stream.feed(to_mono(raw, None, str(path)), last=last)
            if last:
                return


def save_audio(path: Path | str, samples: Samples, rate: int = SAMPLE_RATE) -> None:
    """Write mono samples as 16-bit WAV or FLAC (by the suffix), whole or not at all."""
    path = Path(path)
    container = path.suffix.lstrip(".").upper() or "WAV"
    with atomic_write(path) as part:
        soundfile.write(part, np.clip(samples, -1.0, 1.0), rate, "PCM_16", format=container)


def to_mono(frames: npt.NDArray[np.float32], channel: int | None, name: str) -> Samples:
    """(frames, channels) → (frames,): one channel, or the mean of all."""
    if channel is None:
        return cast(Samples, frames.mean(axis=1, dtype=np.float32))
    if not 0 <= channel < frames.shape[1]:
        raise AudioError(
            f"{name}: has {frames.shape[1]} channel(s), channel {channel} was asked for. "
            f"Choose 0 to {frames.shape[1] - 1}, or leave the channel out to mix them all."
        )
    return np.ascontiguousarray(frames[:, channel])


def _open(path: Path) -> soundfile.SoundFile:
    if not path.exists():
        raise AudioError(f"{path}: no such file. Check the path and the folder it is relative to.")
    if path.stat().st_size == 0:
        raise AudioError(f"{path}: the file is empty (0 bytes). Record it again or remove it.")
    try:
        return soundfile.SoundFile(path)
    except (soundfile.SoundFileError, RuntimeError, TypeError) as error:
        raise AudioError(_broken(path, error)) from error


def _silent_header(path: Path) -> str:
    return f"{path}: no samples in it (expected speech or noise). Record it again or remove it."


def _broken(path: Path, error: Exception) -> str:
    return (
        f"{path}: cannot be read as audio ({error}). Expected WAV, FLAC, Ogg or MP3; "
        "convert it (for example: ffmpeg -i IN -ar 16000 -ac 1 OUT.wav) or remove it."
    )
