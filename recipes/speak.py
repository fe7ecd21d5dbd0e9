"""Speak a word, what sounds like it and other sentences in many synthetic voices, as a data set.

    python recipes/speak.py OUT --word computer
    python recipes/four_words.py CORPUS MODELS --word computer --spoken OUT

    python recipes/speak.py OUT --word computer --takes 0          # what sounds like it alone

Some two hundred recordings are few voices. Synthetic ones are not people, but they are others: see
recipes/benchmark/README.md for what they gave. What sounds like the word are words of an English
lexicon that are pronounced nearly like it. All of it is for training: nothing synthetic is ever
measured on.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import click
import numpy as np

from wakeword.audio.files import audio_info, save_audio
from wakeword.cli.console import TeachingCommand, progress_display
from wakeword.data.clip import Clip
from wakeword.data.dataset import Dataset
from wakeword.data.writer import write_manifest
from wakeword.parallel import available_cores
from wakeword.tts.confusables import partial_phrases, similar_words
from wakeword.tts.phrases import random_sentence
from wakeword.tts.synthesis import synthesise
from wakeword.tts.voices import Voice, list_voices


@click.command(cls=TeachingCommand)
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--word", "words", multiple=True, required=True, help="May be repeated.")
@click.option(
    "--takes",
    default=6,
    show_default=True,
    type=click.IntRange(min=0),
    help="Of the word, in each voice.",
)
@click.option("--others", default=6, show_default=True, help="Phrases without it, in each voice.")
@click.option("--engine", "engines", multiple=True, default=("kokoro",), show_default=True)
def main(
    out: Path, words: tuple[str, ...], takes: int, others: int, engines: tuple[str, ...]
) -> None:
    """Write OUT/<word>.jsonl and the clips that it names."""
    voices = [voice for voice in list_voices() if voice.engine in engines]
    if not voices:
        raise click.ClickException(
            f"no voices of {', '.join(engines)}. Install them, and fetch Kokoro's: make demo does."
        )
    # processes, not threads: each loads engines of its own
    with (
        progress_display() as progress,
        ProcessPoolExecutor(available_cores(), get_context("spawn")) as p,
    ):
        for word in words:
            clips: list[Clip] = []
            jobs = [(out, word, voice, takes, others) for voice in voices]
            for number, made in enumerate(p.map(speak, *zip(*jobs, strict=True)), 1):
                clips += made
                progress(f"speaking {word}", number, len(voices))
            keywords = tuple(clip for clip in clips if clip.label)
            negatives = tuple(clip for clip in clips if not clip.label)
            write_manifest(
                Dataset(out, "jsonl", keywords=keywords, negatives=negatives), out / f"{word}.jsonl"
            )
            print(f"{word}: {len(keywords)} and {len(negatives)} others, {len(voices)} voices")


def speak(out: Path, word: str, voice: Voice, takes: int, others: int) -> list[Clip]:
    """Everything in one voice; the same arguments give the same sound."""
    os.environ["OMP_NUM_THREADS"] = "1"
    clips = []
    for number, (text, label) in enumerate(phrases(word, voice, takes, others)):
        path = out / word / f"{voice.id}-{number:02}.flac"
        rng = np.random.default_rng(number)
        if not path.is_file():
            speed, pitch = float(rng.uniform(0.75, 1.3)), float(rng.uniform(-2.0, 2.0))
            save_audio(path, synthesise(text, voice, speed=speed, pitch=pitch, seed=number))
        seconds = audio_info(path).seconds
        clips.append(
            Clip(path, label=label, speaker=voice.speaker, split="train", text=text,
                 source="synthetic", duration_s=seconds)
        )  # fmt: skip
    return clips


def phrases(word: str, voice: Voice, takes: int, others: int) -> Iterator[tuple[str, str | None]]:
    """What a voice says, with the word where it says the word."""
    rng = np.random.default_rng([ord(letter) for letter in voice.id + word])
    for take in range(takes):
        yield word + ".!?,"[take % 4], word
    alike = similar_words(word)
    for other in range(others):
        mark = ".!?,"[other % 4]
        if other % 3 == 0:
            some = rng.integers(len(alike), size=rng.integers(1, 4))
            yield " ".join(alike[int(i)] for i in some) + mark, None
        elif other % 3 == 1:
            close = partial_phrases(word) or alike
            yield close[int(rng.integers(len(close)))] + mark, None
        else:
            yield random_sentence(word, rng), None


if __name__ == "__main__":
    main()
