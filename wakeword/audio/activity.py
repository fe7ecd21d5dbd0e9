"""TODO."""

from __future__ import annotations

from typing import cast

import numpy as np

from wakeword.audio.samples import SAMPLE_RATE, Samples

_ENERGY_WINDOW = SAMPLE_RATE // 40  # 25 ms
_ENERGY_HOP = SAMPLE_RATE // 100  # 10 ms


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
