"""Transcribe speech that has no text with Whisper, and keep what Whisper is confident of.

    python recipes/pretrain/transcribe.py CORPUS OUT.jsonl

Data: any layout that `wakeword train` reads. Needs openai-whisper and the weights of tiny.en in
OpenAI's own format, decoder included (`--weights tiny.en.pt`, or the cache after a download).
Recordings without text that are not keyword clips are transcribed. A transcript is kept where
Whisper's mean log probability is above -0.5, which drops most of what is not English.

Writes a manifest of all recordings of CORPUS that are not keyword clips, with and without text;
`prepare.py` reads it instead of CORPUS. Duration: a fraction of the audio on two cores.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click
import whisper

from wakeword.audio.samples import Samples
from wakeword.cli.console import TeachingCommand, progress_display
from wakeword.data.clip import Clip
from wakeword.data.keywords import negatives_containing
from wakeword.data.loader import ClipLoader
from wakeword.data.readers import read_dataset
from wakeword.data.writer import write_manifest
from wakeword.encoders import checkpoints
from wakeword.encoders.registry import encoder_spec

MIN_LOG_PROBABILITY = -0.5
MIN_SAMPLES = 8000


@click.command(cls=TeachingCommand)
@click.argument("corpus", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--weights", type=click.Path(path_type=Path), help="OpenAI's tiny.en.pt.")
def main(corpus: Path, out: Path, weights: Path | None) -> None:
    """Write CORPUS's recordings to OUT, transcribed where they had no text."""
    checkpoint = checkpoints.find_checkpoint(encoder_spec("whisper-tiny.en"), weights)
    if checkpoint.format != "pytorch":
        raise click.UsageError(f"{checkpoint.path}: the encoder only. Give OpenAI's .pt: --weights")
    recogniser = whisper.load_model(str(checkpoint.path), device="cpu")
    data = read_dataset(corpus)
    loader = ClipLoader()
    clips: list[Clip] = []
    with progress_display() as progress:
        for done, clip in enumerate(data.negatives, 1):
            progress("transcribing", done, len(data.negatives))
            samples = None if clip.text else loader.load(clip)
            if samples is not None and len(samples) > MIN_SAMPLES:
                clip = replace(clip, text=transcribe(recogniser, samples))
            clips.append(clip)
    transcribed = replace(data, keywords=(), negatives=tuple(clips), noises=(), rirs=())
    with_keyword = set(negatives_containing(transcribed, data.labels()))
    kept = tuple(clip for clip in clips if clip not in with_keyword)
    write_manifest(replace(transcribed, negatives=kept), out)
    known = sum(clip.text is not None for clip in kept)
    print(
        f"{known} of {len(kept)} recordings with text; {len(with_keyword)} with a keyword left out"
    )


def transcribe(recogniser: whisper.Whisper, samples: Samples) -> str | None:
    """Return the transcript of (samples,); None where Whisper is not confident of it."""
    result = recogniser.transcribe(
        samples, fp16=False, temperature=0.0, condition_on_previous_text=False, language="en"
    )
    segments = result["segments"]
    is_confident = segments and all(s["avg_logprob"] > MIN_LOG_PROBABILITY for s in segments)
    return result["text"].strip() or None if is_confident else None


if __name__ == "__main__":
    main()
