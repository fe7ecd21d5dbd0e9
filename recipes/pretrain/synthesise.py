"""Synthesise random words in many voices, as speech with text for pretraining.

    python recipes/pretrain/synthesise.py OUT --hours 5 --engine espeak --engine hibari
    python recipes/pretrain/synthesise.py OUT --hours 1 --engine kokoro --seed 1

Data: none. Needs the `demo` extra; voices that the demo holds out stay unused. Words are drawn
uniformly from the lexicon of the hibari package, so that every sound follows every other one; words
that contain one of `--without` are never used.

Writes OUT/<seed>/*.flac and OUT/<seed>.jsonl, which `prepare.py` reads. Duration: a phrase takes
0.01 to 1 s of processor time, depending on the engine.
"""

from __future__ import annotations

import gzip
import importlib.resources
import json
import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import click
import numpy as np

from wakeword.audio.files import save_audio
from wakeword.audio.samples import SAMPLE_RATE
from wakeword.cli.console import TeachingCommand, progress_display
from wakeword.data.clip import Clip
from wakeword.data.dataset import Dataset
from wakeword.data.writer import write_manifest
from wakeword.parallel import available_cores
from wakeword.tts.synthesis import synthesise
from wakeword.tts.voices import list_voices, split_voices

BATCH = 50  # phrases per job


@click.command(cls=TeachingCommand)
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--hours", default=5.0, show_default=True)
@click.option("--engine", "engines", multiple=True, default=("espeak", "hibari"), show_default=True)
@click.option("--without", multiple=True, default=("alexa", "computer", "jarvis", "snowboy"))
@click.option("--seed", default=0, show_default=True)
def main(
    out: Path, hours: float, engines: tuple[str, ...], without: tuple[str, ...], seed: int
) -> None:
    """Synthesise random words until there are HOURS of them."""
    clips: list[Clip] = []
    seconds, batch = 0.0, 0
    folder = out / str(seed)
    # Processes, not threads: each loads speech engines of its own.
    with (
        progress_display() as progress,
        ProcessPoolExecutor(available_cores(), get_context("spawn")) as pool,
    ):
        while seconds < hours * 3600:
            jobs = [(folder, engines, without, seed, batch + i) for i in range(available_cores())]
            for spoken in pool.map(speak, *zip(*jobs, strict=True)):
                clips += spoken
                seconds += sum(clip.duration_s or 0.0 for clip in spoken)
            batch += len(jobs)
            progress("speaking", round(seconds), round(hours * 3600))
    write_manifest(Dataset(out, "jsonl", negatives=tuple(clips)), out / f"{seed}.jsonl")
    print(f"{len(clips)} phrases, {seconds / 3600:.2f} h in {out / f'{seed}.jsonl'}")


def speak(
    folder: Path, engines: tuple[str, ...], without: tuple[str, ...], seed: int, batch: int
) -> list[Clip]:
    """Return a batch of phrases; the same arguments give the same audio."""
    os.environ["OMP_NUM_THREADS"] = "1"
    rng = np.random.default_rng((seed, batch))
    words = lexicon(without)
    voices = {e: [v for v in split_voices(list_voices())[0] if v.engine == e] for e in engines}
    clips = []
    for number in range(BATCH):
        engine = engines[int(rng.integers(len(engines)))]
        voice = voices[engine][int(rng.integers(len(voices[engine])))]
        text = " ".join(words[int(i)] for i in rng.integers(len(words), size=rng.integers(3, 9)))
        speed, pitch = float(rng.uniform(0.75, 1.3)), float(rng.uniform(-3, 3))
        samples = synthesise(text, voice, speed=speed, pitch=pitch, seed=number)
        path = folder / f"{batch:05}-{number:02}.flac"
        save_audio(path, samples)
        clip = Clip(
            path,
            speaker=voice.speaker,
            split="train",
            text=text,
            source="synthetic",
            duration_s=len(samples) / SAMPLE_RATE,
        )
        clips.append(clip)
    return clips


def lexicon(without: tuple[str, ...]) -> list[str]:
    """Return plain English words, sorted, without those that contain one of `without`."""
    file = importlib.resources.files("hibari") / "assets" / "lexicon_us_gold.json.gz"
    entries = json.loads(gzip.decompress(file.read_bytes()))
    return sorted(
        word
        for word in entries
        if word.isascii()
        and word.isalpha()
        and word.islower()
        and 2 < len(word) < 12
        and not any(each in word for each in without)
    )


if __name__ == "__main__":
    main()
