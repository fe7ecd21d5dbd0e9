"""Word bounds: where the word lies in a recorded clip, by energy.

This is the detector for whole clips. It needs the clip to its end, finds the loudest word to within
about 10 ms and so decides training labels. For a live stream see `wakeword.audio.endpointing`,
which waits for a pause, and `wakeword.audio.silence_gate`, which only finds silence.
"""

from __future__ import annotations

from typing import cast

import numpy as np
import numpy.typing as npt

from wakeword.audio.levels import power_to_db
from wakeword.audio.samples import SAMPLE_RATE, Samples

_FRAME = SAMPLE_RATE // 40  # 25 ms
_HOP = SAMPLE_RATE // 100  # 10 ms
_HOP_S = _HOP / SAMPLE_RATE
_LONGEST_PAUSE_S = 0.2  # within a word
_LOW_CONTRAST_DB = 20.0  # peak over floor; below it, hum may hide the word
_FLOOR_PERCENTILE = 10


def word_bounds(
    samples: Samples, first_s: float = 0.0, last_s: float | None = None
) -> tuple[float, float]:
    """Find the loudest word between two times.

    A frame belongs to a word when it is within 25 dB of the peak or, in a noisy recording, within
    60 % of the distance from the peak down to the floor. Where hum or rumble is nearly as loud as
    the word, levels are measured above 200 Hz. Pauses of up to 0.2 s belong to the word. A
    recording of constant level counts as one word from end to end.

    Args:
        samples: (n,) at 16 kHz.
        first_s: where the search begins, in seconds.
        last_s: where it ends, in seconds; None is the end.

    Returns:
        Start and end of the word, in seconds.
    """
    if len(samples) < _FRAME:
        return 0.0, len(samples) / SAMPLE_RATE
    level_db = _levels_db(samples)
    if _contrast_db(level_db) < _LOW_CONTRAST_DB:
        without_hum_db = _levels_db(_remove_hum(samples))
        if _contrast_db(without_hum_db) > _contrast_db(level_db) + 3.0:
            level_db = without_hum_db
    first = min(int(first_s / _HOP_S), len(level_db) - 1)
    last = len(level_db) if last_s is None else max(first + 1, int(last_s / _HOP_S) + 1)
    searched_db = level_db[first:last]
    peak_db = float(searched_db.max())
    floor_db = float(np.percentile(level_db, _FLOOR_PERCENTILE))
    threshold_db = peak_db - min(25.0, 0.6 * (peak_db - floor_db))
    words = _active_stretches(searched_db >= min(threshold_db, peak_db))
    start, end = max(words, key=lambda w: float(np.sum(searched_db[w[0] : w[1]] - threshold_db)))
    total_s = len(samples) / SAMPLE_RATE
    start_s = min((first + start) * _HOP_S, max(0.0, total_s - _HOP_S))
    latest_s = total_s if last_s is None else min(total_s, max(last_s, start_s + _HOP_S))
    return start_s, min((first + end) * _HOP_S, latest_s)


def _active_stretches(active: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last + 1 frame of each active stretch; short pauses are bridged."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], active, [0]])))
    stretches = [(int(edges[0]), int(edges[1]))]
    for start, end in zip(edges[2::2], edges[3::2], strict=True):
        if (start - stretches[-1][1]) * _HOP_S <= _LONGEST_PAUSE_S:
            stretches[-1] = (stretches[-1][0], int(end))
        else:
            stretches.append((int(start), int(end)))
    return stretches


def _levels_db(samples: Samples) -> Samples:
    """(n,) samples → (1 + n // 160,) dBFS of centred frames of 25 ms, one every 10 ms."""
    import librosa  # slow to import, and only data preparation needs it

    frame_rms = librosa.feature.rms(y=samples, frame_length=_FRAME, hop_length=_HOP)[0]
    return power_to_db(np.square(frame_rms))


def _contrast_db(level_db: Samples) -> float:
    """Distance from the floor to the peak."""
    return float(level_db.max() - np.percentile(level_db, _FLOOR_PERCENTILE))


def _remove_hum(samples: Samples) -> Samples:
    """Keep what is above 200 Hz, without a shift in time (zero-phase filter)."""
    import scipy.signal  # slow to import

    sos = scipy.signal.butter(2, 200, "highpass", fs=SAMPLE_RATE, output="sos")
    return cast(Samples, scipy.signal.sosfiltfilt(sos, samples).astype(np.float32))
