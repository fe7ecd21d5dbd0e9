"""What the recipes that synthesise speech share: clips in files, made by worker processes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

import click
import numpy as np

from wakeword.audio.files import audio_info, save_audio
from wakeword.data.clip import Clip
from wakeword.parallel import available_cores
from wakeword.tts.synthesis import synthesise
from wakeword.tts.voices import Voice, list_voices

Speak = Callable[..., list[Clip]]
"""A function of a module (so that another process finds it) that makes some clips."""


def require_kokoro() -> None:
    """Raise click.ClickException where the voices of Kokoro are not installed."""
    if not any(voice.engine == "kokoro" for voice in list_voices()):
        raise click.ClickException(
            "the voices of Kokoro are not installed. Install and download them: make demo does."
        )


@contextmanager
def worker_processes() -> Iterator[Callable[[Speak, Iterable[tuple]], Iterator[list[Clip]]]]:
    """Give a function that maps a `Speak` function over jobs, in order, one process per core.

    Processes, not threads: each loads speech engines of its own.
    """
    with ProcessPoolExecutor(available_cores(), get_context("spawn")) as pool:
        yield lambda speak, jobs: pool.map(speak, *zip(*jobs, strict=True))


def synthetic_clip(
    path: Path,
    text: str,
    voice: Voice,
    *,
    speed: float,
    pitch: float,
    seed: int,
    phonemes: bool = False,
    split: str = "train",
    source: str = "synthetic",
    label: str | None = None,
    transcript: str | None = None,
) -> Clip:
    """Return a clip of synthetic speech; an existing file is not made again.

    Args:
        path: audio file.
        text: what to say; see `synthesise` for it, `speed`, `pitch`, `seed` and `phonemes`.
        voice: who speaks.
        split, source, label, transcript: of the clip.
    """
    os.environ["OMP_NUM_THREADS"] = "1"
    if not path.is_file():
        samples = synthesise(text, voice, speed=speed, pitch=pitch, seed=seed, phonemes=phonemes)
        save_audio(path, samples)
    return Clip(
        path,
        label=label,
        speaker=voice.speaker,
        split=split,
        source=source,
        text=transcript,
        duration_s=audio_info(path).seconds,
    )


def random_speed_and_pitch(
    rng: np.random.Generator, speed: tuple[float, float], pitch: float
) -> dict[str, float]:
    """Draw a speed between bounds and a pitch shift of up to ± `pitch` semitones."""
    return {"speed": float(rng.uniform(*speed)), "pitch": float(rng.uniform(-pitch, pitch))}
