"""Wake words that everybody knows, on what can be had of them: a data set for each.

    python recipes/known_words.py CORPUS OUT
    python recipes/four_words.py OUT/hey-siri.jsonl OUT/models --encoder wakeword-stream
    python recipes/benchmark/race.py OUT/hey-siri.jsonl OUT/race --model OUT/models \\
        --engine wakeword --engine porcupine --install

CORPUS is any layout that `wakeword train` reads, with a train and a dev split. What is in it
without a word is what a model of the word learns to leave alone, and what false accepts are counted
on. A word that it has clips of is trained and measured on those: real people. Of any other, the
clips are SYNTHETIC, and so is every number that comes of them: spoken by Kokoro, in other voices in
dev than in train, and by Piper's joe, in dev alone. Near misses are synthetic for every word: other
phrases in dev than in train, and other voices. `race.py` scores them apart.

Needs the `demo` extra and Kokoro's voices (`make demo` fetches them). Writes OUT/<word>.jsonl and
the clips that it names; two minutes a word on two cores, five for one that is spoken.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import click
import numpy as np

from wakeword.audio.files import audio_info, save_audio
from wakeword.cli.console import TeachingCommand, progress_display
from wakeword.data.clip import Clip
from wakeword.data.keywords import select_keywords
from wakeword.data.readers import read_dataset
from wakeword.data.splits import assign_splits
from wakeword.data.writer import write_manifest
from wakeword.parallel import available_cores
from wakeword.tts.confusables import similar_words
from wakeword.tts.synthesis import synthesise
from wakeword.tts.voices import Voice, list_voices, split_voices

TAKES = {"train": 6, "dev": 8}  # of the word, in each voice
NEAR = {"train": 6, "dev": 12}  # phrases that sound like it, in each voice


@dataclass(frozen=True)
class Word:
    """A word to be known, with phrases that sound like it; "|" stands between these.

    Attributes:
        file: of its data set.
        near: to be measured on.
        pinyin: how it is said in Mandarin, a tone's number after each syllable; `near` and `taught`
            are then in pinyin, too. "": it is English.
        taught: to learn from; "": what sounds like it in an English lexicon.
    """

    name: str
    file: str
    near: str
    pinyin: str = ""
    taught: str = ""


WORDS = (
    Word(
        "alexa",
        "alexa",
        "a lexus|alex|election|elixir|alaska|a lesson|electra|relax her|texas|the latex|elect her"
        "|I like sir",
    ),
    Word(
        "computer",
        "computer",
        "commuter|compute|computing|competitor|composer|come to her|pewter|can shoot her|consumer"
        "|compost|come pick her|the tutor",
    ),
    Word(
        "hey siri",
        "hey-siri",
        "hey sara|hey cereal|hey sir|a serious|hey city|hey cindy|hey sorry|say sirens|seriously"
        "|the theory|hey suri|hazy",
    ),
    Word(
        "ok google",
        "ok-google",
        "okay goggles|ok computer|okay noodle|okay giggle|okay bugle|okay couple|okay good girl"
        "|ok go|a gargle|okay doodle|okay gurgle|oh cool",
    ),
    Word(
        "你好百度",
        "nihao-baidu",
        "ni2 hao3 bai3 he2|ni2 hao3|bai3 du4|nin2 hao3 bai3 huo4|ni2 hao3 bai4 ju2"
        "|ni2 hao3 bai2 tu4|ni2 hao3 bai4 du2|ni2 hao3 bao3 ma3|ni2 hao3 xiao3 du4"
        "|ni2 zhao3 bai3 du4|li3 hao4 bai3 du4|ni2 hao3 bai2 lu4",
        "ni2 hao3 bai3 du4",
        "ni2 hao3 bai3 hua1|ni2 hao3 bei3 jing1|ni2 hao3 da4 lu4|ni2 hao3 bai2 cai4|ni2 hao3 ma1"
        "|nin2 hao3 bai4 tuo1|ni2 hao3 ba4 ba1|ni2 yao4 bai3 he2|mi2 hao4 bai3 bu4|bai3 huo4",
    ),
)
# The syllables above, each with its sounds in Kokoro's letters; "_" is where the tone stands.
SYLLABLES = (
    "ni ni_ nin ni_n hao xa_u bai pa_i du tu_ he xɤ_ huo xwo_ ju ʨy_ tu tʰu_ bao pa_u ma ma_ "
    "xiao ɕja_u zhao ꭧa_u li li_ lu lu_ hua xwa_ bei pe_i jing ʨi_ŋ da ta_ cai ʦʰa_i tuo tʰwo_ "
    "ba pa_ yao ja_u mi mi_ bu pu_"
)
SOUNDS: dict[str, str] = dict(re.findall(r"(\S+) (\S+)", SYLLABLES))
TONES = "→↗↓↘"
# Kokoro's own speakers of Mandarin are all among those to train on: two of them are held out.
HELD_OUT_MANDARIN = ("zf_xiaoyi", "zm_yunyang")


@click.command(cls=TeachingCommand)
@click.argument("corpus", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--word", "wanted", multiple=True, help="Only this one; may be repeated.")
def main(corpus: Path, out: Path, wanted: tuple[str, ...]) -> None:
    """Write a data set for each word: its clips, what sounds like it, and all else of CORPUS."""
    data = assign_splits(read_dataset(corpus))
    if not any(voice.engine == "kokoro" for voice in list_voices()):
        raise click.ClickException("no voices of Kokoro. Install and fetch them: make demo does.")
    # processes, not threads: each loads an engine of its own
    with (
        progress_display() as progress,
        ProcessPoolExecutor(available_cores(), get_context("spawn")) as p,
    ):
        for word in WORDS:
            if wanted and word.name not in wanted:
                continue
            real = word.name in data.labels()
            task = select_keywords(data, [word.name], allow_missing=True)
            made: list[Clip] = []
            jobs = [(out, word, real, voice, split) for split, voice in voices_for(word)]
            for number, clips in enumerate(p.map(speak, *zip(*jobs, strict=True)), 1):
                made += clips
                progress(f"speaking {word.file}", number, len(jobs))
            task = replace(
                task,
                keywords=(*task.keywords, *(clip for clip in made if clip.label)),
                negatives=(*task.negatives, *(clip for clip in made if not clip.label)),
            )
            write_manifest(task, out / f"{word.file}.jsonl")
            kind = "real" if real else "synthetic"
            dev = len(task.subset("dev").keywords)
            print(
                f"{word.name}: {len(task.keywords) - dev} {kind} clips to learn, {dev} to measure"
            )


def voices_for(word: Word) -> Iterator[tuple[str, Voice]]:
    """Who speaks, each with a split; no speaker is in both."""
    engines = ("kokoro",) if word.pinyin else ("kokoro", "joe")
    train, held_out = split_voices(voice for voice in list_voices() if voice.engine in engines)
    for voice in (*train, *held_out):
        mandarin = bool(word.pinyin) and voice.name in HELD_OUT_MANDARIN
        yield "dev" if voice in held_out or mandarin else "train", voice


def speak(out: Path, word: Word, real: bool, voice: Voice, split: str) -> list[Clip]:
    """Everything in one voice; the same arguments give the same sound."""
    os.environ["OMP_NUM_THREADS"] = "1"
    rng = np.random.default_rng([ord(letter) for letter in voice.id + word.file])
    said = [] if real else [(word.pinyin or word.name, word.name)] * TAKES[split]
    near = word.near.split("|")
    if split == "train":
        listed = word.taught.split("|") if word.taught else similar_words(word.name)
        near = [phrase for phrase in listed if phrase not in near]
    order = rng.permutation(len(near))[: NEAR[split]]
    said += [(near[i], None) for i in order]
    return [_clip(out, word, voice, split, number, *each) for number, each in enumerate(said)]


def phonemes(pinyin: str) -> str:
    """In Kokoro's letters: "bai3 du4" is "pa↓i tu↘"."""
    spoken = [SOUNDS[each[:-1]].replace("_", TONES[int(each[-1]) - 1]) for each in pinyin.split()]
    return " ".join(spoken)


def _clip(
    out: Path, word: Word, voice: Voice, split: str, number: int, text: str, label: str | None
) -> Clip:
    kind = "word" if label else "near"
    path = out / word.file / kind / f"{voice.id}-{number:02}.flac"
    if not path.is_file():
        rng = np.random.default_rng(number)
        speed, pitch = float(rng.uniform(0.8, 1.25)), float(rng.uniform(-2.0, 2.0))
        said = (phonemes(text) if word.pinyin else text) + ".!?,"[number % 4]
        samples = synthesise(
            said, voice, speed=speed, pitch=pitch, seed=number, phonemes=bool(word.pinyin)
        )
        save_audio(path, samples)
    source = f"synthetic/{voice.engine}" if label else f"near-miss/{voice.engine}"
    seconds = audio_info(path).seconds
    return Clip(path, label, voice.speaker, split, source, None, duration_s=seconds)


if __name__ == "__main__":
    main()
