"""Samples in, samples out: 16 kHz mono float32 in [-1, 1]. The only importer of soundfile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import soundfile

from wakeword.errors import AudioError
from wakeword.sound import SAMPLE_RATE as SAMPLE_RATE
from wakeword.sound import Samples as Samples
from wakeword.sound import StreamResampler as StreamResampler
from wakeword.sound import resample as resample
from wakeword.storage import whole

_ENERGY_WINDOW = SAMPLE_RATE // 40  # 25 ms
_ENERGY_HOP = SAMPLE_RATE // 100  # 10 ms


@dataclass(frozen=True)
class AudioInfo:
    """What the header of a file says."""

    rate: int
    channels: int
    seconds: float


def info(path: Path | str) -> AudioInfo:
    """Read a file's header. Raises AudioError where soundfile cannot read it."""
    with _open(Path(path)) as file:
        return AudioInfo(file.samplerate, file.channels, file.frames / file.samplerate)


def load(
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


def blocks(path: Path | str, block_s: float = 10.0) -> Iterator[Samples]:
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


def save(path: Path | str, samples: Samples, rate: int = SAMPLE_RATE) -> None:
    """Write mono samples as 16-bit WAV or FLAC (by the suffix), whole or not at all."""
    path = Path(path)
    container = path.suffix.lstrip(".").upper() or "WAV"
    with whole(path) as part:
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


def word_bounds(
    samples: Samples, first_s: float = 0.0, last_s: float | None = None
) -> tuple[float, float]:
    """Where the loudest word lies between two times, by energy: its start and end in seconds.

    Loud is what stands out of the recording: within 25 dB of the peak, and within six tenths of
    the way down to the floor where a recording is noisy. Where hum or rumble is nearly as loud as
    the word, levels are those above 200 Hz. Loud stretches less than 0.2 s apart are one word. A
    recording that is all one level counts as one word from end to end.
    """
    if len(samples) < _ENERGY_WINDOW:
        return 0.0, len(samples) / SAMPLE_RATE
    level_db = _level_db(samples)
    if _contrast_db(level_db) < 20.0:
        without_hum_db = _level_db(_without_hum(samples))
        if _contrast_db(without_hum_db) > _contrast_db(level_db) + 3.0:
            level_db = without_hum_db
    frames_s = _ENERGY_HOP / SAMPLE_RATE
    first = min(int(first_s / frames_s), len(level_db) - 1)
    last = len(level_db) if last_s is None else max(first + 1, int(last_s / frames_s) + 1)
    inside = level_db[first:last]
    peak_db, floor_db = float(inside.max()), float(np.percentile(level_db, 10))
    loud_db = peak_db - min(25.0, 0.6 * (peak_db - floor_db))
    loud = inside >= min(loud_db, peak_db)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], loud, [0]])))
    stretches = [(int(edges[0]), int(edges[1]))]
    for start, end in zip(edges[2::2], edges[3::2], strict=True):
        if (start - stretches[-1][1]) * frames_s <= 0.2:
            stretches[-1] = (stretches[-1][0], int(end))
        else:
            stretches.append((int(start), int(end)))
    start, end = max(stretches, key=lambda s: float(np.sum(inside[s[0] : s[1]] - loud_db)))
    total_s = len(samples) / SAMPLE_RATE
    start_s = min((first + start) * frames_s, max(0.0, total_s - frames_s))
    latest_s = total_s if last_s is None else min(total_s, max(last_s, start_s + frames_s))
    return start_s, min((first + end) * frames_s, latest_s)


def _level_db(samples: Samples) -> Samples:
    """Every `_ENERGY_HOP` samples, dB of full scale."""
    import librosa  # slow to import, and only data preparation needs it

    power = librosa.feature.rms(y=samples, frame_length=_ENERGY_WINDOW, hop_length=_ENERGY_HOP)
    level_db = librosa.amplitude_to_db(power[0], ref=1.0, amin=1e-5, top_db=None)
    return cast(Samples, level_db)


def _contrast_db(level_db: Samples) -> float:
    """How far the loudest stands out of the floor."""
    return float(level_db.max() - np.percentile(level_db, 10))


def _without_hum(samples: Samples) -> Samples:
    """What is above 200 Hz, nothing moved in time."""
    import scipy.signal  # slow, too

    sos = scipy.signal.butter(2, 200, "highpass", fs=SAMPLE_RATE, output="sos")
    return cast(Samples, scipy.signal.sosfiltfilt(sos, samples).astype(np.float32))


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
