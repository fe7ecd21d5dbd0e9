"""Data sets for well-known wake words, from people's recordings and synthetic speech.

    python recipes/known_words.py CORPUS OUT
    python recipes/four_words.py OUT/hey-siri.jsonl OUT/models --encoder wakeword-stream
    python recipes/benchmark/race.py OUT/hey-siri.jsonl OUT/race --model OUT/models \\
        --engine wakeword --engine porcupine --install

Data: CORPUS is any layout that `wakeword train` reads, with a train and a dev split. Its recordings
without the keyword are the negatives to train on and to count false accepts on. A keyword that it
has clips of is trained and measured on these: real speakers. The clips of any other keyword are
SYNTHETIC, and so is every number measured on them: spoken by Kokoro, with other voices in dev than
in train, and by Piper's joe in dev only. Confusable phrases are synthetic for every keyword, with
other phrases and other voices in dev than in train; `race.py` reports them apart.

Needs the `demo` extra and Kokoro's voices (`make demo` downloads them). Writes OUT/<keyword>.jsonl
and the clips it names. Duration: two minutes per keyword on two cores, five for a synthetic one.
README.md has the results, under "Well-known wake words".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
from known_keywords import KNOWN_KEYWORDS, KnownKeyword
from synthetic_clips import (
    random_speed_and_pitch,
    require_kokoro,
    synthetic_clip,
    worker_processes,
)

from wakeword.cli.console import TeachingCommand, progress_display
from wakeword.cli.options import option
from wakeword.data.clip import Clip
from wakeword.data.keywords import select_keywords
from wakeword.data.readers import read_dataset
from wakeword.data.splits import assign_splits
from wakeword.data.writer import write_manifest
from wakeword.tts.confusables import similar_words
from wakeword.tts.mandarin import pinyin_to_phonemes
from wakeword.tts.voices import Voice, list_voices, split_voices

TAKES = {"train": 6, "dev": 8}  # of the keyword, in each voice
CONFUSABLES = {"train": 6, "dev": 12}  # confusable phrases, in each voice
# Kokoro's own Mandarin speakers are all among the voices to train on: two of them are held out.
HELD_OUT_MANDARIN = ("zf_xiaoyi", "zm_yunyang")


@click.command(cls=TeachingCommand)
@click.argument("corpus", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@option(
    "--keyword", "wanted", aliases=["--word"], multiple=True, help="Only this keyword. Repeatable."
)
def main(corpus: Path, out: Path, wanted: tuple[str, ...]) -> None:
    """Write a data set for each keyword: its clips, confusable phrases, and the rest of CORPUS."""
    data = assign_splits(read_dataset(corpus))
    require_kokoro()
    with progress_display() as progress, worker_processes() as map_jobs:
        for known in KNOWN_KEYWORDS:
            if wanted and known.keyword not in wanted:
                continue
            is_recorded = known.keyword in data.labels()
            jobs = [(out, known, is_recorded, voice, split) for split, voice in voices_for(known)]
            clips: list[Clip] = []
            for done, spoken in enumerate(map_jobs(speak, jobs), 1):
                clips += spoken
                progress(f"speaking {known.file}", done, len(jobs))
            task = select_keywords(data, [known.keyword], allow_missing=True)
            task = replace(
                task,
                keywords=(*task.keywords, *(clip for clip in clips if clip.label)),
                negatives=(*task.negatives, *(clip for clip in clips if not clip.label)),
            )
            write_manifest(task, out / f"{known.file}.jsonl")
            kind = "recorded" if is_recorded else "synthetic"
            dev = len(task.subset("dev").keywords)
            train = len(task.keywords) - dev
            print(f"{known.keyword}: {train} {kind} clips to train on, {dev} to measure on")


def voices_for(known: KnownKeyword) -> Iterator[tuple[str, Voice]]:
    """Yield each voice with its split; no speaker is in both."""
    engines = ("kokoro",) if known.pinyin else ("kokoro", "joe")
    train, held_out = split_voices(voice for voice in list_voices() if voice.engine in engines)
    for voice in (*train, *held_out):
        is_held_out = voice in held_out or (known.pinyin and voice.name in HELD_OUT_MANDARIN)
        yield "dev" if is_held_out else "train", voice


def speak(
    out: Path, known: KnownKeyword, is_recorded: bool, voice: Voice, split: str
) -> list[Clip]:
    """Return everything in one voice; the same arguments give the same audio."""
    rng = np.random.default_rng([ord(letter) for letter in voice.id + known.file])
    keyword = known.pinyin or known.keyword
    phrases = [] if is_recorded else [(keyword, known.keyword)] * TAKES[split]
    confusables = list(known.test_confusables)
    if split == "train":
        candidates = known.train_confusables or similar_words(known.keyword)
        confusables = [phrase for phrase in candidates if phrase not in confusables]
    chosen = rng.permutation(len(confusables))[: CONFUSABLES[split]]
    phrases += [(confusables[i], None) for i in chosen]
    return [
        speak_phrase(out, known, voice, split, number, text, label)
        for number, (text, label) in enumerate(phrases)
    ]


def speak_phrase(
    out: Path,
    known: KnownKeyword,
    voice: Voice,
    split: str,
    number: int,
    text: str,
    label: str | None,
) -> Clip:
    """Return one clip: of the keyword where it has a label, else of a confusable phrase."""
    kind = "keyword" if label else "confusable"
    spoken = pinyin_to_phonemes(text) if known.pinyin else text
    return synthetic_clip(
        out / known.file / kind / f"{voice.id}-{number:02}.flac",
        spoken + ".!?,"[number % 4],
        voice,
        **random_speed_and_pitch(np.random.default_rng(number), (0.8, 1.25), 2.0),
        seed=number,
        phonemes=bool(known.pinyin),
        split=split,
        source=f"synthetic/{voice.engine}" if label else f"confusable/{voice.engine}",
        label=label,
    )


if __name__ == "__main__":
    main()
