"""Scenes of plain speech with a teacher's frames beside them: what `pretrain.py` learns from.

    python recipes/pretrain/prepare.py OUT CORPUS TTS/0.jsonl --hours 20

Data: any layouts that `wakeword train` reads. Only what is not a keyword clip is taken, only the
train split, and nothing whose text contains a keyword: of any of the data sets, or given by
--keyword (the manifest of `transcribe.py` holds none that could be known by). Clips are laid one
after the other into scenes of about ten seconds, each in a drawn speed; every clip comes once
before any comes again in another speed. Whisper listens to the scenes as it was trained to, the
whole of each at once, and its two upper layers, averaged to 25 frames a second, are kept.

The scenes stay dry: noise and rooms are added later, to what the student hears, not to what the
teacher heard. So the student learns to hear through them.

Writes OUT/00000.safetensors, … of 64 scenes each; a run that is cut off goes on. About a minute for
an hour of scenes on two cores, and 170 MB.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import click
import numpy as np
import safetensors.torch
import torch

from wakeword import storage
from wakeword.audio.levels import rms, set_level
from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.cli.console import TeachingCommand, progress_display
from wakeword.data.clip import Clip
from wakeword.data.dataset import Dataset
from wakeword.data.keywords import negatives_containing
from wakeword.data.loader import ClipLoader, KeywordBank
from wakeword.data.readers import read_dataset
from wakeword.encoders.frontend import LogMel
from wakeword.encoders.registry import encoder_spec, load_encoder
from wakeword.encoders.whisper import WhisperOffline
from wakeword.parallel import available_cores, single_threaded
from wakeword.simulate.effects import change_speed
from wakeword.training.feature_cache import has_bfloat16

LENGTH_S = 10.24
SCENES = 64  # in a file
LAYERS = 2  # of the teacher, from the top
SPEED = (0.85, 1.2)
LONGEST_S = 8.0  # longer recordings are cut, and lose their text
LETTERS = " 'abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Scene:
    """(samples,) of speech, and what is said in it; None where that is not known in full."""

    samples: Samples
    text: str | None


@click.command(cls=TeachingCommand)
@click.argument("out", type=click.Path(path_type=Path))
@click.argument("data", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--hours", default=20.0, show_default=True, help="Of scenes to make.")
@click.option("--split", default="train", show_default=True)
@click.option("--teacher", default="whisper-tiny.en", show_default=True)
@click.option("--weights", type=click.Path(path_type=Path), help="The teacher's, if at hand.")
@click.option("--keyword", "keywords", multiple=True, help="To leave out as well; may be repeated.")
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
    """Lay the speech of DATA into scenes and keep what a teacher makes of them."""
    clips = plain_speech([read_dataset(each) for each in data], split, keywords)
    layers = encoder_spec(teacher).layers
    output_layers = tuple(range(layers - LAYERS + 1, layers + 1))
    encoder, _, _ = load_encoder(
        teacher, path=weights, streaming="window", output_layers=output_layers
    )
    whisper: WhisperOffline = encoder.offline  # type: ignore[assignment]
    mel = LogMel(level=None)
    files = -(-round(hours * 3600 / LENGTH_S) // SCENES)
    plans = planned(clips, files * SCENES, seed)
    library = ClipLoader()

    def make(number: int) -> None:
        file = out / f"{number:05}.safetensors"
        if file.is_file():
            return
        rng = np.random.default_rng((seed, number))
        part = plans[number * SCENES : (number + 1) * SCENES]
        scenes = [scene(plan, library, rng) for plan in part]
        with torch.inference_mode():
            frames = [heard(whisper, mel, each.samples) for each in scenes]
        audio = np.stack([each.samples for each in scenes])
        tensors = {
            "audio": torch.from_numpy((audio * 32767).astype(np.int16)),
            "frames": torch.stack(frames).half(),
        }
        texts = json.dumps([each.text for each in scenes])
        with storage.atomic_write(file) as part_file:
            safetensors.torch.save_file(tensors, part_file, {"texts": texts})

    with (
        progress_display() as progress,
        single_threaded(),
        ThreadPoolExecutor(available_cores()) as pool,
    ):
        for done, _ in enumerate(pool.map(make, range(files))):
            progress("making scenes", done + 1, files)
    print(f"{len(clips)} clips, {files * SCENES * LENGTH_S / 3600:.1f} h of scenes in {out}")
    for reason in library.broken.values():
        print(f"left out: {reason}")


def plain_speech(data: Sequence[Dataset], split: str, keywords: Sequence[str] = ()) -> list[Clip]:
    """What no detector will be tested on: no keyword clips, and none that say a keyword."""
    words = {*keywords, *(word for each in data for word in each.labels())}
    clips = []
    for each in data:
        saying = set(negatives_containing(each, words)) if words else set()
        part = each.subset(split)
        clips += [c for clip in part.negatives if clip not in saying for c in cut(clip)]
    return clips


def cut(clip: Clip) -> Iterator[Clip]:
    """A clip as it is, or a long one in parts, without its text."""
    seconds = clip.duration_s or 0.0
    parts = max(1, -(-seconds // LONGEST_S))
    if parts == 1:
        yield clip
        return
    for i in range(int(parts)):
        at = clip.offset_s + i * seconds / parts
        yield replace(clip, offset_s=at, duration_s=seconds / parts, text=None)


def planned(clips: Sequence[Clip], scenes: int, seed: int) -> list[list[tuple[Clip, float]]]:
    """Clips with a speed each, as many as fit into a scene; each once before any comes again."""
    rng = np.random.default_rng(seed)
    plans: list[list[tuple[Clip, float]]] = []
    plan: list[tuple[Clip, float]] = []
    used_s = 0.0
    while len(plans) < scenes:
        for i in rng.permutation(len(clips)):
            clip, speed = clips[i], float(rng.uniform(*SPEED))
            seconds = (clip.duration_s or LONGEST_S) / speed + 0.35
            if plan and used_s + seconds > LENGTH_S - 0.2:
                plans.append(plan)
                plan, used_s = [], 0.0
            plan.append((clip, speed))
            used_s += seconds
    return plans[:scenes]


def scene(
    plan: Sequence[tuple[Clip, float]], library: KeywordBank, rng: np.random.Generator
) -> Scene:
    """Clips one after the other, a drawn pause before each, each at a drawn level."""
    sound = np.zeros(round(LENGTH_S * SAMPLE_RATE), dtype=np.float32)
    texts: list[str | None] = []
    at = 0
    for clip, speed in plan:
        samples = library.load(clip)
        if samples is None:
            continue
        samples = change_speed(samples, speed)
        samples = set_level(samples, float(rng.uniform(-32, -22)), rms(samples))
        at += round(float(rng.uniform(0.05, 0.35)) * SAMPLE_RATE)
        part = samples[: max(0, len(sound) - at)]
        sound[at : at + len(part)] = part
        whole = len(part) > 0.98 * len(samples)
        texts.append(spelled(clip.text) if whole and clip.text else None)
        at += len(part)
    known = [text for text in texts if text is not None]
    return Scene(sound, " ".join(known) if known and len(known) == len(texts) else None)


def spelled(text: str) -> str | None:
    """The text in LETTERS; None where it has others, as other languages and digits do."""
    plain = " ".join(text.lower().replace("-", " ").replace("_", " ").split())
    plain = "".join(char for char in plain if char not in '.,!?;:"()')
    return plain if plain and set(plain) <= set(LETTERS) else None


def heard(whisper: WhisperOffline, mel: LogMel, samples: Samples) -> torch.Tensor:
    """(samples,) → (frames at 25 a second, layers · dim)."""
    features, _ = mel(torch.from_numpy(samples)[None])
    features = features[:, : features.shape[1] // 4 * 4]
    with torch.autocast("cpu", torch.bfloat16, enabled=has_bfloat16()):
        pairs = whisper.forward_layers(features)[0].float()
    return pairs.unflatten(0, (-1, 2)).mean(dim=1)


if __name__ == "__main__":
    main()
