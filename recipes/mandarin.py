"""Speak Mandarin syllables in synthetic voices, as negatives where a data set has little Mandarin.

    python recipes/mandarin.py OUT
    python recipes/four_words.py CORPUS MODELS --more OUT/mandarin.jsonl
    wakeword train CORPUS -k snowboy -o snowboy.wakeword --more OUT/mandarin.jsonl

What sets off a model is speech of a kind that it was not taught to leave alone. The syllables are
drawn evenly, so that every sound follows every other: no text is needed. See
recipes/benchmark/README.md for what they gave. Needs the `demo` extra and Kokoro's voices (`make
demo` fetches them); of these the ones that the demo holds out stay unused. Nothing synthetic is
ever measured on.

Writes OUT/mandarin/*.flac and OUT/mandarin.jsonl. 0.8 h took a quarter of one on two cores.
"""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import click
import numpy as np
from numpy.random import Generator

from wakeword.audio.files import audio_info, save_audio
from wakeword.cli.console import TeachingCommand, progress_display
from wakeword.data.clip import Clip
from wakeword.data.dataset import Dataset
from wakeword.data.writer import write_manifest
from wakeword.parallel import available_cores
from wakeword.tts.synthesis import synthesise
from wakeword.tts.voices import list_voices, split_voices

BATCH = 40  # phrases that a process makes at a time
CHINESE_SHARE = 0.6  # of the phrases are in the voices of Chinese speakers, the rest in any

# The sounds of Mandarin in Kokoro's letters; "_" is where the tone stands.
OPEN = ["a_", "ɤ_", "a_i", "e_i", "a_u", "o_u", "a_n", "ə_n", "a_ŋ", "ə_ŋ", "ʊ_ŋ"]
ROUND = ["u_", "wa_", "wo_", "wa_i", "we_i", "wa_n", "wə_n", "wa_ŋ"]
FRONT = ["i_", "ja_", "je_", "ja_u", "jo_u", "jɛ_n", "i_n", "ja_ŋ", "i_ŋ"]
ROUND_FRONT = ["jʊ_ŋ", "y_", "ɥe_", "ɥɛ_n", "y_n"]
SIBILANT = ["ɨ_"] * 2
TONES = "→↗↓↘"
FINALS_AFTER = {
    **dict.fromkeys(("ʨ", "ʨʰ", "ɕ"), FRONT + ROUND_FRONT),
    **dict.fromkeys(("ꭧ", "ꭧʰ", "ʂ", "ɻ", "ʦ", "ʦʰ", "s"), OPEN + ROUND + SIBILANT),
    **dict.fromkeys(("p", "pʰ", "m"), OPEN + FRONT),
    **dict.fromkeys(("t", "tʰ", "n", "l", ""), OPEN + ROUND + FRONT),
    **dict.fromkeys(("f", "k", "kʰ", "x"), OPEN + ROUND),
}


@click.command(cls=TeachingCommand)
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--hours", default=0.8, show_default=True)
@click.option("--seed", default=0, show_default=True)
def main(out: Path, hours: float, seed: int) -> None:
    """Speak until there are HOURS of it."""
    if not any(voice.engine == "kokoro" for voice in list_voices()):
        raise click.ClickException("no voices of Kokoro. Install and fetch them: make demo does.")
    clips: list[Clip] = []
    seconds, batch = 0.0, 0
    # processes, not threads: each loads an engine of its own
    with (
        progress_display() as progress,
        ProcessPoolExecutor(available_cores(), get_context("spawn")) as p,
    ):
        while seconds < hours * 3600:
            batches = [(out, seed, batch + i) for i in range(available_cores())]
            for made in p.map(speak, *zip(*batches, strict=True)):
                clips += made
                seconds += sum(clip.duration_s or 0.0 for clip in made)
            batch += len(batches)
            progress("speaking Mandarin", round(seconds), round(hours * 3600))
    write_manifest(Dataset(out, "jsonl", negatives=tuple(clips)), out / "mandarin.jsonl")
    print(f"{len(clips)} phrases, {seconds / 3600:.2f} h in {out / 'mandarin.jsonl'}")


def speak(out: Path, seed: int, batch: int) -> list[Clip]:
    """A batch of phrases; the same arguments give the same sound."""
    os.environ["OMP_NUM_THREADS"] = "1"
    rng = np.random.default_rng((seed, batch))
    voices = [v for v in split_voices(list_voices())[0] if v.engine == "kokoro"]
    chinese = [voice for voice in voices if voice.name.startswith("z")]
    clips = []
    for number in range(BATCH):
        among = chinese if rng.random() < CHINESE_SHARE else voices
        voice = among[int(rng.integers(len(among)))]
        said = phrase(rng)
        speed, pitch = float(rng.uniform(0.75, 1.25)), float(rng.uniform(-2.5, 2.5))
        take = int(rng.integers(1, 1_000_000))
        path = out / "mandarin" / f"{seed}-{batch:04}-{number:02}.flac"
        if not path.is_file():
            save_audio(
                path, synthesise(said, voice, speed=speed, pitch=pitch, seed=take, phonemes=True)
            )
        seconds = audio_info(path).seconds
        clips.append(
            Clip(path, speaker=voice.speaker, split="train", source="synthetic",
                 duration_s=seconds)
        )  # fmt: skip
    return clips


def phrase(rng: Generator) -> str:
    """One or two words of one to four syllables, with a mark that gives a melody."""
    words = [syllables(rng, int(rng.integers(2, 5)))]
    if rng.random() < 0.5:
        words.append(syllables(rng, int(rng.integers(1, 4))))
    return " ".join(words) + ".?!,"[int(rng.integers(4))]


def syllables(rng: Generator, count: int) -> str:
    """That many, each with a tone."""
    initials = list(FINALS_AFTER)
    spoken = ""
    for _ in range(count):
        initial = initials[int(rng.integers(len(initials)))]
        finals = FINALS_AFTER[initial]
        tone = TONES[int(rng.integers(len(TONES)))]
        spoken += initial + finals[int(rng.integers(len(finals)))].replace("_", tone)
    return spoken


if __name__ == "__main__":
    main()
