"""Synthesise a keyword, similar phrases and other sentences in many voices, as training data.

    python recipes/speak.py OUT --keyword computer
    python recipes/four_words.py CORPUS MODELS --keyword computer --synthetic OUT

    python recipes/speak.py OUT --keyword computer --takes 0     # only phrases without the keyword

Two hundred recordings are few voices. Synthetic voices are no substitute for people, but they are
different voices; recipes/benchmark/README.md and recipes/depth/README.md have the results. Similar
phrases are words of an English lexicon with nearly the same pronunciation.

Data: none. Needs the `demo` extra and, for Kokoro, its voices (`make demo` downloads them). All
clips are for training: no measurement uses them. Writes OUT/<keyword>.jsonl and the clips it names.
Duration: about a second per phrase and core with Kokoro.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
from synthetic_clips import random_speed_and_pitch, synthetic_clip, worker_processes

from wakeword.cli.console import TeachingCommand, progress_display
from wakeword.cli.options import option
from wakeword.data.clip import Clip
from wakeword.data.dataset import Dataset
from wakeword.data.writer import write_manifest
from wakeword.tts.confusables import partial_phrases, similar_words
from wakeword.tts.phrases import random_sentence
from wakeword.tts.voices import Voice, list_voices


@click.command(cls=TeachingCommand)
@click.argument("out", type=click.Path(path_type=Path))
@option(
    "--keyword", "keywords", aliases=["--word"], multiple=True, required=True, help="Repeatable."
)
@click.option(
    "--takes",
    default=6,
    show_default=True,
    type=click.IntRange(min=0),
    help="Clips of the keyword in each voice.",
)
@click.option(
    "--others", default=6, show_default=True, help="Clips without the keyword in each voice."
)
@click.option("--engine", "engines", multiple=True, default=("kokoro",), show_default=True)
def main(
    out: Path, keywords: tuple[str, ...], takes: int, others: int, engines: tuple[str, ...]
) -> None:
    """Write OUT/<keyword>.jsonl and the clips it names."""
    voices = [voice for voice in list_voices() if voice.engine in engines]
    if not voices:
        raise click.ClickException(
            f"no voices of {', '.join(engines)} are installed. Install them, and download those of "
            "Kokoro: make demo does."
        )
    with progress_display() as progress, worker_processes() as map_jobs:
        for keyword in keywords:
            clips: list[Clip] = []
            jobs = [(out, keyword, voice, takes, others) for voice in voices]
            for done, spoken in enumerate(map_jobs(speak, jobs), 1):
                clips += spoken
                progress(f"speaking {keyword}", done, len(voices))
            positives = tuple(clip for clip in clips if clip.label)
            negatives = tuple(clip for clip in clips if not clip.label)
            data = Dataset(out, "jsonl", keywords=positives, negatives=negatives)
            write_manifest(data, out / f"{keyword}.jsonl")
            print(
                f"{keyword}: {len(positives)} clips with the keyword and {len(negatives)} without, "
                f"in {len(voices)} voices"
            )


def speak(out: Path, keyword: str, voice: Voice, takes: int, others: int) -> list[Clip]:
    """Return all clips in one voice; the same arguments give the same audio."""
    return [
        synthetic_clip(
            out / keyword / f"{voice.id}-{number:02}.flac",
            text,
            voice,
            **random_speed_and_pitch(np.random.default_rng(number), (0.75, 1.3), 2.0),
            seed=number,
            label=label,
            transcript=text,
        )
        for number, (text, label) in enumerate(phrases(keyword, voice, takes, others))
    ]


def phrases(
    keyword: str, voice: Voice, takes: int, others: int
) -> Iterator[tuple[str, str | None]]:
    """Yield what a voice says: (text, keyword), or (text, None) for text without the keyword."""
    rng = np.random.default_rng([ord(letter) for letter in voice.id + keyword])
    for take in range(takes):
        yield keyword + ".!?,"[take % 4], keyword
    similar = similar_words(keyword)
    for other in range(others):
        punctuation = ".!?,"[other % 4]
        if other % 3 == 0:
            chosen = rng.integers(len(similar), size=rng.integers(1, 4))
            yield " ".join(similar[int(i)] for i in chosen) + punctuation, None
        elif other % 3 == 1:
            partial = partial_phrases(keyword) or similar
            yield partial[int(rng.integers(len(partial)))] + punctuation, None
        else:
            yield random_sentence(keyword, rng), None


if __name__ == "__main__":
    main()
