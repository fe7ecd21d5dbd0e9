"""Text for speech that has none, by Whisper itself: what it is sure of, as a manifest.

    python recipes/pretrain/transcribe.py CORPUS OUT.jsonl

Data: any layout that `wakeword train` reads. Needs openai-whisper and the weights of tiny.en in
OpenAI's own format, decoder and all (`--weights tiny.en.pt`, or the cache after a download).
Recordings that are not keyword clips and have no text are transcribed; a transcript is kept where
Whisper's mean log probability is above -0.5, which leaves out most of what is not English. The
manifest holds all recordings of CORPUS that are not keyword clips, with and without text:
`prepare.py` reads it in CORPUS's place.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import whisper

from wakeword.cli.console import TeachingCommand, progress_display
from wakeword.data.clip import Clip
from wakeword.data.keywords import negatives_containing
from wakeword.data.loader import ClipLoader
from wakeword.data.readers import read_dataset
from wakeword.data.writer import write_manifest
from wakeword.encoders import checkpoints
from wakeword.encoders.registry import encoder_spec

SURE = -0.5


@click.command(cls=TeachingCommand)
@click.argument("corpus", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--weights", type=click.Path(path_type=Path), help="OpenAI's tiny.en.pt.")
def main(corpus: Path, out: Path, weights: Path | None) -> None:
    """Write CORPUS's recordings to OUT, transcribed where they had no text."""
    found = checkpoints.find_checkpoint(encoder_spec("whisper-tiny.en"), weights)
    if found.format != "pytorch":
        raise click.UsageError(f"{found.path}: the encoder alone; --weights with OpenAI's .pt.")
    recogniser = whisper.load_model(str(found.path), device="cpu")
    data = read_dataset(corpus)
    library = ClipLoader()
    clips: list[Clip] = []
    with progress_display() as progress:
        for number, clip in enumerate(data.negatives):
            progress("transcribing", number + 1, len(data.negatives))
            samples = None if clip.text else library.load(clip)
            if samples is not None and len(samples) > 8000:
                clip = replace(clip, text=transcript(recogniser, samples))
            clips.append(clip)
    told = replace(data, keywords=(), negatives=tuple(clips), noises=(), rirs=())
    saying = set(negatives_containing(told, data.labels()))  # a keyword that only Whisper heard
    kept = tuple(clip for clip in clips if clip not in saying)
    write_manifest(replace(told, negatives=kept), out)
    known = sum(clip.text is not None for clip in kept)
    print(f"{known} of {len(kept)} recordings with text; {len(saying)} say a keyword: left out")


def transcript(recogniser: whisper.Whisper, samples: np.ndarray) -> str | None:
    """What Whisper is sure to have heard in (samples,); None where it is not."""
    told = recogniser.transcribe(
        samples, fp16=False, temperature=0.0, condition_on_previous_text=False, language="en"
    )
    parts = told["segments"]
    sure = parts and all(part["avg_logprob"] > SURE for part in parts)
    return told["text"].strip() or None if sure else None


if __name__ == "__main__":
    main()
