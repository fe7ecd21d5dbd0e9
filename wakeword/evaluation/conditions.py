"""Under what a keyword is heard: noise, rooms, level, band."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from wakeword.audio import SAMPLE_RATE, Samples, resample
from wakeword.data import Dataset
from wakeword.errors import ConfigError, unknown

SNR_DB = (10.0, 5.0, 0.0)


@dataclass(frozen=True)
class Condition:
    """What happens to every keyword clip of a stream, in this order: room, noise, band, level."""

    name: str
    room: str | None = None  # "near" or "far": see `room_kind`
    snr_db: float | None = None  # against the word between its bounds
    noise: str | None = None  # only noises of this source; None: all of them
    band_hz: float | None = None  # nothing above this frequency, as over a telephone
    gain_db: float = 0.0

    @property
    def adds_sound(self) -> bool:
        """Echo or noise comes on top, and may take a clip beyond full scale."""
        return self.room is not None or self.snr_db is not None


CLEAN = Condition("clean")


def noisy(snr_db: float, noise: str | None = None) -> Condition:
    """Noise at a signal-to-noise ratio, of all kinds or of one source."""
    return Condition(f"{snr_db:g} dB" + (f" {noise}" if noise else ""), snr_db=snr_db, noise=noise)


ROOMS = (Condition("near room", room="near"), Condition("far room", room="far"))
QUIET = Condition("30 dB quieter", gain_db=-30.0)
NARROW = Condition("8 kHz", band_hz=4000.0)  # what is left of a recording at 8 kHz


def conditions(data: Dataset, *, by_noise: bool = False) -> tuple[Condition, ...]:
    """All conditions that a data set has the sound for; each kind of noise alone if asked for."""
    kinds = sorted({clip.source for clip in data.noises if clip.source}) if by_noise else []
    rooms = ROOMS if data.rooms else ()
    alone = [noisy(snr, kind) for snr in SNR_DB for kind in kinds]
    return (CLEAN, *(noisy(snr) for snr in SNR_DB), *rooms, QUIET, NARROW, *alone)


def by_name(names: Iterable[str], data: Dataset) -> tuple[Condition, ...]:
    """Conditions by their names. Raises ConfigError with the nearest name."""
    known = {condition.name: condition for condition in conditions(data, by_noise=True)}
    for name in names:
        if name not in known:
            raise ConfigError(unknown("condition", name, known))
    return tuple(known[name] for name in names)


def room_kind(response: Samples) -> str:
    """ "near" where the direct sound, 2.5 ms around the peak, outweighs the rest; else "far"."""
    energy = np.square(response, dtype=np.float64)
    peak = int(energy.argmax())
    reach = round(0.0025 * SAMPLE_RATE)
    direct = energy[max(0, peak - reach) : peak + reach].sum()
    return "near" if direct >= energy[peak + reach :].sum() else "far"


def narrowed(samples: Samples, band_hz: float) -> Samples:
    """The same length with nothing above a frequency: down to twice that rate, and up again."""
    rate = round(2 * band_hz)
    low = resample(samples, SAMPLE_RATE, rate)
    wide = resample(low, rate, SAMPLE_RATE)[: len(samples)]
    return np.pad(wide, (0, len(samples) - len(wide)))
