"""Synthesise Mandarin syllables as negatives, for a data set that has little Mandarin.

    python recipes/mandarin.py OUT
    python recipes/four_words.py CORPUS MODELS --extra-data OUT/mandarin.jsonl
    wakeword train CORPUS -k snowboy -o snowboy.wakeword --extra-data OUT/mandarin.jsonl

False accepts come from speech of a kind that is missing among the negatives. Syllables are drawn
uniformly, so that every sound follows every other one and no text is needed.
recipes/benchmark/README.md has the results.

Data: none. Needs the `demo` extra and Kokoro's voices (`make demo` downloads them); those that the
demo holds out stay unused. No measurement uses these clips. Writes OUT/mandarin/*.flac and
OUT/mandarin.jsonl. Duration: 15 minutes for 0.8 h on two cores.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
from synthetic_clips import (
    random_speed_and_pitch,
    require_kokoro,
    synthetic_clip,
    worker_processes,
)

from wakeword.cli.console import TeachingCommand, progress_display
from wakeword.data.clip import Clip
from wakeword.data.dataset import Dataset
from wakeword.data.writer import write_manifest
from wakeword.parallel import available_cores
from wakeword.tts.mandarin import random_phrase
from wakeword.tts.voices import list_voices, split_voices

BATCH = 40  # phrases per job
MANDARIN_VOICES_SHARE = 0.6  # of the phrases are in the voices of Mandarin speakers, others in any


@click.command(cls=TeachingCommand)
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--hours", default=0.8, show_default=True)
@click.option("--seed", default=0, show_default=True)
def main(out: Path, hours: float, seed: int) -> None:
    """Synthesise phrases until there are HOURS of them."""
    require_kokoro()
    clips: list[Clip] = []
    seconds, batch = 0.0, 0
    with progress_display() as progress, worker_processes() as map_jobs:
        while seconds < hours * 3600:
            jobs = [(out, seed, batch + i) for i in range(available_cores())]
            for spoken in map_jobs(speak, jobs):
                clips += spoken
                seconds += sum(clip.duration_s or 0.0 for clip in spoken)
            batch += len(jobs)
            progress("speaking Mandarin", round(seconds), round(hours * 3600))
    write_manifest(Dataset(out, "jsonl", negatives=tuple(clips)), out / "mandarin.jsonl")
    print(f"{len(clips)} phrases, {seconds / 3600:.2f} h in {out / 'mandarin.jsonl'}")


def speak(out: Path, seed: int, batch: int) -> list[Clip]:
    """Return a batch of phrases; the same arguments give the same audio."""
    rng = np.random.default_rng((seed, batch))
    voices = [v for v in split_voices(list_voices())[0] if v.engine == "kokoro"]
    mandarin_voices = [voice for voice in voices if voice.name.startswith("z")]
    clips = []
    for number in range(BATCH):
        candidates = mandarin_voices if rng.random() < MANDARIN_VOICES_SHARE else voices
        voice = candidates[int(rng.integers(len(candidates)))]
        phrase = random_phrase(rng)
        prosody = random_speed_and_pitch(rng, (0.75, 1.25), 2.5)
        path = out / "mandarin" / f"{seed}-{batch:04}-{number:02}.flac"
        take = int(rng.integers(1, 1_000_000))
        clips.append(synthetic_clip(path, phrase, voice, **prosody, seed=take, phonemes=True))
    return clips


if __name__ == "__main__":
    main()
