"""Adapt Whisper's encoder to being streamed, by what it would say if it were not.

    python recipes/pretrain/adapt.py CORPUS OUT --hours 8
    wakeword train CORPUS -k alexa -o alexa.wakeword --weights OUT/whisper-tiny.en.pt

Streamed exactly, a frame attends to its own chunk and 1.5 s before it, positions start again every
3.2 s, and the level of the front end is fixed. Whisper was trained for none of that. Here it learns
it from itself: the teacher is the untouched encoder, which hears a scene of plain speech at once as
it was trained to; the student streams the same scene, and is to give the frames that the teacher
gave in its three upper layers. No transcripts. With --dry the teacher hears the scene before room,
noise, band and level were laid upon it (README.md tells what that did).

Data: any layout that `wakeword train` reads; everything but the keyword clips of the train split,
and of the dev split for what is measured. Each matrix learns a change of low rank, each norm and
bias, the positions and the first convolution are free. A run that is cut off goes on.

Writes OUT/<encoder>.pt (the adapted encoder in OpenAI's layout, float16) and OUT/curve.json; prints
the squared error by layer, in shares of the variance, on dev scenes. An hour of scenes takes three
minutes on two cores.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wakeword import storage
from wakeword.audio.samples import SAMPLE_RATE
from wakeword.cli.console import TeachingCommand, progress_display
from wakeword.data.dataset import Dataset
from wakeword.data.loader import KeywordBank
from wakeword.data.readers import read_dataset
from wakeword.data.splits import assign_splits
from wakeword.encoders.frontend import LogMel
from wakeword.encoders.registry import encoder_spec, load_encoder
from wakeword.encoders.whisper import WhisperChunked, WhisperOffline
from wakeword.parallel import available_cores
from wakeword.training.augmentation import Augmenter, mask_features
from wakeword.training.examples import ExampleConfig, ExamplePlan, plan_examples, render_example

LENGTH_S = 8.0
LAYERS = 3  # of the teacher, from the top
MASK_SHARE = 0.3
RATE, FREE_RATE = 1e-3, 2e-4  # of the changes of low rank, and of what is free
KEPT_EVERY = 100  # steps

Batch = tuple[Tensor, Tensor, Tensor]


@click.command(cls=TeachingCommand)
@click.argument("data", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--encoder", "name", default="whisper-tiny.en", show_default=True)
@click.option("--weights", type=click.Path(path_type=Path), help="Its weights, if at hand.")
@click.option("--hours", default=8.0, show_default=True, help="Of scenes, each heard once.")
@click.option("--batch", default=8, show_default=True, help="Scenes a step.")
@click.option("--rank", default=32, show_default=True)
@click.option("--dry", is_flag=True, help="The teacher hears no room and no noise.")
@click.option("--seed", default=0, show_default=True)
def main(
    data: Path,
    out: Path,
    name: str,
    weights: Path | None,
    hours: float,
    batch: int,
    rank: int,
    dry: bool,
    seed: int,
) -> None:
    """Learn from the speech of DATA and write the changes to OUT."""
    torch.set_num_threads(available_cores())
    torch.manual_seed(seed)
    speech = assign_splits(read_dataset(data))
    layers = encoder_spec(name).layers
    output_layers = tuple(range(max(1, layers - LAYERS + 1), layers + 1))
    student, _, _ = load_encoder(name, path=weights, output_layers=output_layers)
    assert isinstance(student, WhisperChunked)
    teacher = WhisperOffline(student.spec, output_layers)
    teacher.trunk.load_state_dict(student.trunk.state_dict())
    teacher.eval().requires_grad_(False)
    low_rank, free = opened(student, rank)

    scenes = Scenes(speech.subset("train"), hours, seed + 1, dry)
    dev = list(Scenes(speech.subset("dev"), min(0.25, hours), seed, dry).batches(batch))
    with torch.no_grad():
        some = scenes.batches(batch, last=min(len(scenes) // batch, 12))
        scale = (
            torch.cat([teacher.forward_layers(whole) for _, whole, _ in some]).flatten(0, 1).std(0)
        )

    def errors(heard: Batch) -> Tensor:
        """By layer."""
        features, whole, first = heard
        with torch.no_grad():
            wanted = teacher.forward_layers(whole)
        frames, _ = student(features, student.initial_state(first))
        off = ((frames - wanted[:, : frames.shape[1]]) / scale) ** 2
        return off.unflatten(2, (len(output_layers), -1)).mean((0, 1, 3))

    def measured() -> list[float]:
        with torch.no_grad():
            return [float(value) for value in torch.stack([errors(each) for each in dev]).mean(0)]

    learning = {n: p for n, p in student.named_parameters() if p.requires_grad}
    mean = {n: p.detach().clone() for n, p in learning.items()}
    groups = [{"params": low_rank, "lr": RATE}, {"params": free, "lr": FREE_RATE}]
    optimiser = torch.optim.AdamW(groups, weight_decay=0.0)
    checkpoint = out / "checkpoint.pt"
    done, curve = 0, [{"step": 0, "errors": measured()}]
    if checkpoint.is_file():
        held = torch.load(checkpoint, weights_only=True)
        done, curve, mean = held["done"], held["curve"], held["mean"]
        optimiser.load_state_dict(held["optimiser"])
        lay(learning, held["now"])
    steps = len(scenes) // batch
    with progress_display() as progress:
        for step, heard in enumerate(scenes.batches(batch, first=done), done):
            at = min(1.0, (step + 1) / 50) * 0.5 * (1 + math.cos(math.pi * step / steps))
            for group, rate in zip(optimiser.param_groups, (RATE, FREE_RATE), strict=True):
                group["lr"] = rate * at
            optimiser.zero_grad(set_to_none=True)
            errors(heard).mean().backward()
            nn.utils.clip_grad_norm_(learning.values(), 1.0)
            optimiser.step()
            with torch.no_grad():
                for n, p in learning.items():
                    mean[n].lerp_(p, max(0.01, 1 / (step + 1)))
            progress("adapting", step + 1, steps)
            if (step + 1) % KEPT_EVERY == 0 or step + 1 == steps:
                now = {n: p.detach().clone() for n, p in learning.items()}
                lay(learning, mean)
                curve.append({"step": step + 1, "errors": measured()})
                print(json.dumps(curve[-1]), flush=True)
                lay(learning, now)
                state = {"now": now, "mean": mean, "optimiser": optimiser.state_dict()}
                with storage.atomic_write(checkpoint) as part:
                    torch.save({**state, "done": step + 1, "curve": curve}, part)
    lay(learning, mean)
    with storage.atomic_write(out / f"{name}.pt") as part:
        torch.save({"model_state_dict": merged(student, teacher)}, part)
    with storage.atomic_write(out / "curve.json") as part:
        part.write_text(json.dumps(curve, indent=1), encoding="utf-8")


class Scenes:
    """Plain speech in scenes, as the student and as the teacher hear it."""

    def __init__(self, part: Dataset, hours: float, seed: int, dry: bool) -> None:
        self.dry = dry
        part = replace(part, keywords=())
        self.library = KeywordBank.read(part)
        config = ExampleConfig(LENGTH_S, 0.0, hours, partial_share=0.0)
        self.plans = plan_examples(self.library, part, config, seed)
        self.augmenter = Augmenter(config.augment, self.library.noises, self.library.rirs)
        self.streamed, self.whole = LogMel(), LogMel(level=None)

    def __len__(self) -> int:
        return len(self.plans)

    def batches(self, size: int, first: int = 0, last: int | None = None) -> Iterator[Batch]:
        """(size, T, mels) for the student, the same for the teacher, the first position of each."""
        last = len(self) // size if last is None else last
        groups = [self.plans[i * size : (i + 1) * size] for i in range(first, last)]
        ahead = 3
        with ThreadPoolExecutor(available_cores()) as pool:
            waiting = [pool.submit(self._batch, group) for group in groups[:ahead]]
            for i in range(len(groups)):
                if i + ahead < len(groups):
                    waiting.append(pool.submit(self._batch, groups[i + ahead]))
                yield waiting.pop(0).result()

    @torch.no_grad()
    def _batch(self, plans: Sequence[ExamplePlan]) -> Batch:
        made = [self._one(plan) for plan in plans]
        firsts = torch.tensor([first for _, _, first in made])
        return torch.stack([f for f, _, _ in made]), torch.stack([w for _, w, _ in made]), firsts

    def _one(self, plan: ExamplePlan) -> tuple[Tensor, Tensor, int]:
        samples = round(LENGTH_S * SAMPLE_RATE)
        scene = render_example(plan, self.library, self.augmenter, samples)
        rng = np.random.default_rng((*plan.seed, 1))
        features = _features(self.streamed, scene.samples)
        features = mask_features(features, rng, MASK_SHARE)
        whole = _features(self.whole, scene.dry if self.dry else scene.samples)
        return features, whole, int(rng.integers(1 << 20))


def _features(mel: LogMel, samples: np.ndarray) -> Tensor:
    """(T, mels), a hundred a second; the end is followed by silence, not reflected."""
    padded = F.pad(torch.from_numpy(samples), (0, 400))
    return mel(padded[None])[0][0][: len(samples) // 160]


class LowRank(nn.Module):
    """A linear layer and a change to it: up · down is added to its matrix."""

    def __init__(self, linear: nn.Linear, rank: int) -> None:
        super().__init__()
        self.linear = linear
        self.down = nn.Parameter(torch.randn(rank, linear.in_features) / linear.in_features**0.5)
        self.up = nn.Parameter(torch.zeros(linear.out_features, rank))

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x) + F.linear(F.linear(x, self.down), self.up)


def opened(student: WhisperChunked, rank: int) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Let the student learn: the changes of low rank, and what is free."""
    trunk = student.trunk.requires_grad_(False)
    low_rank: list[nn.Parameter] = []
    for holder in list(trunk.modules()):
        for name, child in list(holder.named_children()):
            if isinstance(child, nn.Linear):
                change = LowRank(child, rank)
                low_rank += [change.down, change.up]
                setattr(holder, name, change)
    positions = nn.Parameter(trunk.positional_embedding[: student.period].clone())
    del trunk.positional_embedding
    trunk.positional_embedding = positions
    free = [positions, trunk.conv1.weight]
    free += [p for name, p in trunk.named_parameters() if name.endswith("bias")]
    free += [p for m in trunk.modules() if isinstance(m, nn.LayerNorm) for p in [m.weight]]
    for parameter in free:
        parameter.requires_grad_(True)
    return low_rank, free


def lay(parameters: dict[str, nn.Parameter], values: dict[str, Tensor]) -> None:
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(values[name])


def merged(student: WhisperChunked, teacher: WhisperOffline) -> dict[str, Tensor]:
    """The student as a checkpoint: changes added to their matrices, other positions untouched."""
    tensors = {name: tensor.clone() for name, tensor in teacher.trunk.state_dict().items()}
    for name, parameter in student.trunk.named_parameters():
        if parameter.requires_grad and not name.endswith((".up", ".down")):
            tensors[name.replace(".linear.", ".")][: len(parameter)] = parameter.detach()
    for name, module in student.trunk.named_modules():
        if isinstance(module, LowRank):
            tensors[f"{name}.weight"] += (module.up @ module.down).detach()
    return {f"encoder.{name}": tensor.half() for name, tensor in tensors.items()}


if __name__ == "__main__":
    main()
