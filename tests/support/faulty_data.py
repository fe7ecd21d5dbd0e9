"""A data set of synthetic recordings in which tests plant faults."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from wakeword.data.check import CheckReport, check_dataset
from wakeword.data.clip import Clip
from wakeword.data.dataset import Dataset

RATE = 16_000
Samples = npt.NDArray[np.float32]


def voice(seed: int, seconds: float = 0.8) -> Samples:
    """Return a synthetic signal with syllables and a changing spectrum; each seed gives another."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(round(RATE * seconds)) / RATE
    signal = np.zeros(time_s.size)
    for band in range(6):
        carrier = np.sin(2 * np.pi * rng.uniform(150, 500) * (band + 1) * time_s)
        swing = np.sin(2 * np.pi * rng.uniform(2, 6) * time_s + rng.uniform(0, 6)) + 1
        signal += carrier * swing * rng.uniform(0.2, 1.0)
    signal += 0.05 * rng.normal(size=time_s.size)
    return (0.4 * signal / np.abs(signal).max()).astype(np.float32)


def save(path: Path, samples: Samples, rate: int = RATE, **options: str) -> Path:
    """Write an audio file; its folder is created."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, **options)
    return path


class SyntheticDataset:
    """A data set without faults, of two keywords and three splits, to plant faults in."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.seed = 0
        self.keywords: list[Clip] = []
        self.negatives: list[Clip] = []
        for split in ("train", "dev", "test"):
            for number in range(2):
                for keyword in ("computer", "jarvis"):
                    self.keyword(label=keyword, split=split, speaker=f"{split}-{number}")
                self.negative(split=split, speaker=f"{split}-{number}", text="and so on")
        self.noises = [Clip(save(root / "noise.wav", self.samples() / 100), split="train")]
        impulse = np.zeros(800, np.float32)
        impulse[:10] = 1.0
        self.rirs = [Clip(save(root / "room.wav", impulse), split="train")]

    def samples(self, seconds: float = 0.8) -> Samples:
        """Return a recording that no other clip has."""
        self.seed += 1
        return voice(self.seed, seconds)

    def keyword(self, samples: Samples | None = None, **fields: str | None) -> Clip:
        """Add a keyword clip."""
        known = {"label": "computer", "split": "train", "speaker": "train-0", **fields}
        clip = Clip(self.file(samples), **known)
        self.keywords.append(clip)
        return clip

    def negative(self, samples: Samples | None = None, **fields: str | None) -> Clip:
        """Add a negative clip."""
        clip = Clip(self.file(samples), **{"split": "train", "speaker": "train-0", **fields})
        self.negatives.append(clip)
        return clip

    def file(self, samples: Samples | None = None) -> Path:
        """Write an audio file with a new name."""
        samples = self.samples() if samples is None else samples
        return save(self.root / f"{self.seed}-{len(list(self.root.glob('*')))}.wav", samples)

    def dataset(self) -> Dataset:
        """Return the data set."""
        return Dataset(
            self.root,
            "synthetic",
            tuple(self.keywords),
            tuple(self.negatives),
            tuple(self.noises),
            tuple(self.rirs),
        )

    def report(self) -> CheckReport:
        """Check the data set."""
        return check_dataset(self.dataset())


def shifted(samples: Samples, gain: float = 0.6, noise_db: float = 30.0) -> Samples:
    """Return the same recording 10 ms later, softer and with noise, as after a second export."""
    noise = np.random.default_rng(5).normal(size=samples.size)
    noise *= np.sqrt(np.mean(samples**2)) * 10 ** (-noise_db / 20)
    return (gain * (np.roll(samples, 160) + noise)).astype(np.float32)
