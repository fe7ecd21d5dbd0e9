"""Prepare examples of plain speech with a teacher's frames: what `pretrain.py` trains on.

    python recipes/pretrain/prepare.py OUT CORPUS TTS/0.jsonl --hours 20
    python recipes/pretrain/prepare.py OUT CORPUS --hours 6 --teacher wakeword-stream

Data: any layouts that `wakeword train` reads. Used are the clips of the train split that are not
keyword clips and whose text holds no keyword: of any of the data sets, or given by --keyword (the
manifest of `transcribe.py` has no keyword clips from which the keywords would be known). Clips are
laid out one after the other in examples of about ten seconds, each at a random speed. Whisper
encodes each example at once, as it was trained to; the outputs of its two upper layers, averaged to
25 frames per second, are kept. So are those of another teacher, which streams.

The examples stay dry: noise and rooms are added later, to the input of the student, but not to that
of the teacher. So the student learns to ignore them.

Writes OUT/00000.safetensors, … with 64 examples each; an interrupted run resumes. Duration: about a
minute per hour of examples on two cores; 170 MB per hour.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
import numpy as np
import safetensors.torch
import torch
from speech_examples import LENGTH_S, SpeechExample, plain_speech, plan_examples, render_example

from wakeword import storage
from wakeword.audio.samples import Samples
from wakeword.cli.console import TeachingCommand, progress_display
from wakeword.data.loader import ClipLoader
from wakeword.data.readers import read_dataset
from wakeword.encoders.base import Encoder
from wakeword.encoders.frontend import FrontEnd, LogMel
from wakeword.encoders.registry import encoder_spec, load_encoder
from wakeword.encoders.whisper import WhisperOffline
from wakeword.encoders.window import WindowEncoder
from wakeword.parallel import available_cores, single_threaded
from wakeword.training.feature_cache import has_bfloat16

EXAMPLES_PER_FILE = 64
TEACHER_LAYERS = 2  # from the top
FRAME_RATE_HZ = 25.0  # of the frames that are kept


@click.command(cls=TeachingCommand)
@click.argument("out", type=click.Path(path_type=Path))
@click.argument("data", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--hours", default=20.0, show_default=True, help="Hours of examples.")
@click.option("--split", default="train", show_default=True)
@click.option("--teacher", default="whisper-tiny.en", show_default=True)
@click.option("--weights", type=click.Path(path_type=Path), help="Checkpoint of the teacher.")
@click.option("--keyword", "keywords", multiple=True, help="Keyword to leave out too. Repeatable.")
@click.option("--seed", default=0, show_default=True)
def main(
    out: Path,
    data: tuple[Path, ...],
    keywords: tuple[str, ...],
    hours: float,
    split: str,
    teacher: str,
    weights: Path | None,
    seed: int,
) -> None:
    """Lay out the speech of DATA in examples and keep a teacher's frames of them."""
    clips = plain_speech([read_dataset(each) for each in data], split, keywords)
    spec = encoder_spec(teacher)
    offline = spec.family == "whisper"
    encoder = load_encoder(
        teacher,
        path=weights,
        streaming="window" if offline else "chunked",
        output_layers=tuple(range(spec.layers - TEACHER_LAYERS + 1, spec.layers + 1)),
    ).encoder
    front_end = LogMel(level=None) if offline else spec.new_front_end()
    files = -(-round(hours * 3600 / LENGTH_S) // EXAMPLES_PER_FILE)
    plans = plan_examples(clips, files * EXAMPLES_PER_FILE, seed)
    loader = ClipLoader()

    def make_file(number: int) -> None:
        file = out / f"{number:05}.safetensors"
        if file.is_file():
            return
        rng = np.random.default_rng((seed, number))
        first = number * EXAMPLES_PER_FILE
        examples = [
            render_example(plan, loader, rng) for plan in plans[first : first + EXAMPLES_PER_FILE]
        ]
        with torch.inference_mode():
            frames = [teacher_frames(encoder, front_end, each.samples) for each in examples]
        write_examples(file, examples, torch.stack(frames))

    with (
        progress_display() as progress,
        single_threaded(),
        ThreadPoolExecutor(available_cores()) as pool,
    ):
        for done, _ in enumerate(pool.map(make_file, range(files)), 1):
            progress("making examples", done, files)
    hours_made = files * EXAMPLES_PER_FILE * LENGTH_S / 3600
    print(f"{len(clips)} clips, {hours_made:.1f} h of examples in {out}")
    for reason in loader.broken.values():
        print(f"left out: {reason}")


def teacher_frames(encoder: Encoder, front_end: FrontEnd, samples: Samples) -> torch.Tensor:
    """Encode (samples,); return (frames at 25 per second, layers * dim)."""
    features, _ = front_end(torch.from_numpy(samples)[None])
    features = features[:, : features.shape[1] // 4 * 4]
    with torch.autocast("cpu", torch.bfloat16, enabled=has_bfloat16()):
        if isinstance(encoder, WindowEncoder):
            whisper: WhisperOffline = encoder.offline  # type: ignore[assignment]
            frames = whisper.forward_layers(features)[0].float()
        else:
            frames = encoder(features)[0][0].float()
    return frames.unflatten(0, (-1, round(encoder.frame_rate_hz / FRAME_RATE_HZ))).mean(dim=1)


def write_examples(file: Path, examples: list[SpeechExample], frames: torch.Tensor) -> None:
    """Write 16-bit audio, half-precision frames and the texts to one file."""
    audio = np.stack([example.samples for example in examples])
    tensors = {
        "audio": torch.from_numpy((audio * 32767).astype(np.int16)),
        "frames": frames.half(),
    }
    texts = json.dumps([example.text for example in examples])
    with storage.atomic_write(file) as part:
        safetensors.torch.save_file(tensors, part, {"texts": texts})


if __name__ == "__main__":
    main()
