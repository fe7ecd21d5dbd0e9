"""Under what a keyword is heard: noise, rooms, level, band."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from wakeword.data.dataset import Dataset
from wakeword.errors import ConfigError, unknown_name_message

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


def all_conditions(data: Dataset, *, by_noise: bool = False) -> tuple[Condition, ...]:
    """All conditions that a data set has the sound for; each kind of noise alone if asked for."""
    kinds = sorted({clip.source for clip in data.noises if clip.source}) if by_noise else []
    rirs = ROOMS if data.rirs else ()
    alone = [noisy(snr, kind) for snr in SNR_DB for kind in kinds]
    return (CLEAN, *(noisy(snr) for snr in SNR_DB), *rirs, QUIET, NARROW, *alone)


def conditions_by_name(names: Iterable[str], data: Dataset) -> tuple[Condition, ...]:
    """Conditions by their names. Raises ConfigError with the nearest name."""
    known = {condition.name: condition for condition in all_conditions(data, by_noise=True)}
    for name in names:
        if name not in known:
            raise ConfigError(unknown_name_message("condition", name, known))
    return tuple(known[name] for name in names)
