"""Test conditions: the room, noise, bandwidth and level in which keyword clips are tested."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from numpy.random import Generator

from wakeword.audio.samples import Samples
from wakeword.data.dataset import Dataset
from wakeword.errors import ConfigError, unknown_name_message
from wakeword.simulate.acoustics import Acoustics
from wakeword.simulate.effects import coloured_noise, random_offset
from wakeword.simulate.talkers import competing_speech

SNR_DB = (10.0, 5.0, 0.0)
"""Signal-to-noise ratios of the noise conditions."""


@dataclass(frozen=True)
class Condition:
    """The acoustics of every keyword clip of a test stream.

    Attributes:
        name: as shown in reports and given to `--condition`.
        room: kind of room, "near" or "far" (see `simulate.rirs.rir_kind`); None for no room.
        snr_db: ratio of the keyword, between its bounds, to added noise; None for no noise.
        noise_source: source of the noises to choose from; None for all of them.
        talker: whether the noise is other speech, from the negatives of the same split.
        bandwidth_hz: upper edge of the frequency band; None leaves the band as it is.
        gain_db: gain after everything else.
    """

    name: str
    room: str | None = None
    snr_db: float | None = None
    noise_source: str | None = None
    talker: bool = False
    bandwidth_hz: float | None = None
    gain_db: float = 0.0

    @property
    def may_clip(self) -> bool:
        """Whether room or noise may take a clip beyond full scale."""
        return self.room is not None or self.snr_db is not None

    def acoustics(
        self, length: int, noises: Sequence[Samples], rirs: Sequence[Samples], rng: Generator
    ) -> Acoustics:
        """Return the acoustics of one clip; only the choice of room and noise is random.

        A clip that room or noise takes beyond full scale is attenuated: a clipped keyword would
        test the clipping.

        Args:
            length: samples of the clip.
            noises: (samples,) each, or of each talker; without any, noise is synthetic.
            rirs: (samples,) of each room impulse response of the condition's kind.
            rng: of this clip.
        """
        rir = rirs[int(rng.integers(len(rirs)))] if rirs else None
        noise = None
        if self.talker and noises:
            noise = competing_speech(noises, length, rng)
        elif self.snr_db is not None:
            recorded = noises[int(rng.integers(len(noises)))] if noises else None
            noise = random_offset(
                coloured_noise(length, rng) if recorded is None else recorded, rng
            )
        return Acoustics(
            rir=rir,
            noise=noise,
            snr_db=self.snr_db or 0.0,
            fits_peaks=self.may_clip,
            bandwidth_hz=self.bandwidth_hz,
            gain_db=self.gain_db,
        )


CLEAN = Condition("clean")


def noisy(snr_db: float, source: str | None = None) -> Condition:
    """Return the condition of noise at a signal-to-noise ratio, of all sources or of one."""
    name = f"{snr_db:g} dB {source}" if source else f"{snr_db:g} dB"
    return Condition(name, snr_db=snr_db, noise_source=source)


TALKER = Condition("talker", snr_db=5.0, talker=True)
"""Another person, or a television, 5 dB below the keyword."""
ROOMS = (Condition("near room", room="near"), Condition("far room", room="far"))
QUIET = Condition("30 dB quieter", gain_db=-30.0)
NARROW = Condition("8 kHz", bandwidth_hz=4000.0)
"""The band of a recording at a sampling rate of 8 kHz."""


def all_conditions(data: Dataset, *, by_noise: bool = False) -> tuple[Condition, ...]:
    """Return every condition that a data set has the noises and room responses for.

    Args:
        data: the data set.
        by_noise: whether to add each source of noise as a condition of its own.
    """
    sources = sorted({clip.source for clip in data.noises if clip.source}) if by_noise else []
    room_conditions = ROOMS if data.rirs else ()
    by_source = [noisy(snr_db, source) for snr_db in SNR_DB for source in sources]
    return (
        CLEAN,
        *(noisy(snr_db) for snr_db in SNR_DB),
        TALKER,
        *room_conditions,
        QUIET,
        NARROW,
        *by_source,
    )


def conditions_by_name(names: Iterable[str], data: Dataset) -> tuple[Condition, ...]:
    """Return conditions by their names.

    Raises:
        ConfigError: unknown name; the message suggests the nearest one.
    """
    known = {condition.name: condition for condition in all_conditions(data, by_noise=True)}
    for name in names:
        if name not in known:
            raise ConfigError(unknown_name_message("condition", name, known))
    return tuple(known[name] for name in names)
