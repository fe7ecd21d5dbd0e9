"""Adapt Whisper's encoder to streaming, with its own offline output as the target.

    python recipes/pretrain/adapt.py CORPUS OUT --hours 8
    wakeword train CORPUS -k alexa -o alexa.wakeword --encoder whisper-tiny.en \\
        --weights OUT/whisper-tiny.en.pt

Streamed in chunks, a frame attends to its own chunk and 1.5 s before it, positions repeat every
3.2 s, and the level of the front end is fixed. Whisper was trained for none of that. The teacher is
the untouched encoder, which gets an example of plain speech at once, as in its own training; the
student streams the same example and learns to give the teacher's outputs of its three upper layers.
No transcripts are used. With --dry, the teacher gets the example before room, noise, band and level
are applied (README.md states the result).

Data: any layout that `wakeword train` reads; all recordings but the keyword clips of the train
split, and of the dev split to measure on. A low-rank change of each matrix is trained; norms,
biases, positions and the first convolution are trained freely. An interrupted run resumes.

Writes OUT/<encoder>.pt (the adapted encoder in OpenAI's layout, half precision) and OUT/curve.json;
prints the squared error by layer on dev examples, as a share of the variance. Duration: three
minutes per hour of examples on two cores.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import click
import torch
from low_rank import copy_into, make_trainable, merged_checkpoint
from paired_features import Batch, PairedFeatures
from torch import Tensor, nn

from wakeword import storage
from wakeword.cli.console import TeachingCommand, progress_display
from wakeword.data.readers import read_dataset
from wakeword.data.splits import assign_splits
from wakeword.encoders.registry import encoder_spec, load_encoder
from wakeword.encoders.whisper import WhisperChunked, WhisperOffline
from wakeword.parallel import available_cores

TEACHER_LAYERS = 3  # from the top
LOW_RANK_RATE, FREE_RATE = 1e-3, 2e-4  # learning rates
WARMUP_STEPS = 50
DEV_HOURS = 0.25
CHECKPOINT_STEPS = 100


@click.command(cls=TeachingCommand)
@click.argument("data", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--encoder", "name", default="whisper-tiny.en", show_default=True)
@click.option("--weights", type=click.Path(path_type=Path), help="Checkpoint of the encoder.")
@click.option("--hours", default=8.0, show_default=True, help="Hours of examples, each used once.")
@click.option("--batch", default=8, show_default=True, help="Examples per step.")
@click.option("--rank", default=32, show_default=True)
@click.option("--dry", is_flag=True, help="The teacher gets no room and no noise.")
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
    """Train on the speech of DATA and write the adapted encoder to OUT."""
    torch.set_num_threads(available_cores())
    torch.manual_seed(seed)
    speech = assign_splits(read_dataset(data))
    layers = encoder_spec(name).layers
    output_layers = tuple(range(max(1, layers - TEACHER_LAYERS + 1), layers + 1))
    student = load_encoder(name, path=weights, output_layers=output_layers).encoder
    assert isinstance(student, WhisperChunked)
    teacher = WhisperOffline(student.spec, output_layers)
    teacher.trunk.load_state_dict(student.trunk.state_dict())
    teacher.eval().requires_grad_(False)
    low_rank, free = make_trainable(student, rank)

    examples = PairedFeatures(speech.subset("train"), hours, seed + 1, dry)
    dev_examples = PairedFeatures(speech.subset("dev"), min(DEV_HOURS, hours), seed, dry)
    dev = list(dev_examples.batches(batch))
    steps = len(examples) // batch
    with torch.no_grad():
        sample = examples.batches(batch, last=min(steps, 12))
        outputs = [teacher.forward_layers(features) for _, features, _ in sample]
        scale = torch.cat(outputs).flatten(0, 1).std(0)

    def layer_errors(features: Batch) -> Tensor:
        """(layers,): mean squared error of each."""
        streamed, at_once, positions = features
        with torch.no_grad():
            target = teacher.forward_layers(at_once)
        frames, _ = student(streamed, student.initial_state(positions))
        errors = ((frames - target[:, : frames.shape[1]]) / scale) ** 2
        return errors.unflatten(2, (len(output_layers), -1)).mean((0, 1, 3))

    def dev_errors() -> list[float]:
        with torch.no_grad():
            return [float(e) for e in torch.stack([layer_errors(each) for each in dev]).mean(0)]

    trainable = {n: p for n, p in student.named_parameters() if p.requires_grad}
    averaged = {n: p.detach().clone() for n, p in trainable.items()}
    groups = [{"params": low_rank, "lr": LOW_RANK_RATE}, {"params": free, "lr": FREE_RATE}]
    optimiser = torch.optim.AdamW(groups, weight_decay=0.0)
    checkpoint = out / "checkpoint.pt"
    done, curve = 0, [{"step": 0, "errors": dev_errors()}]
    if checkpoint.is_file():
        saved = torch.load(checkpoint, weights_only=True)
        done, curve, averaged = saved["done"], saved["curve"], saved["mean"]
        optimiser.load_state_dict(saved["optimiser"])
        copy_into(trainable, saved["now"])

    with progress_display() as progress:
        for step, features in enumerate(examples.batches(batch, first=done), done):
            warmup = min(1.0, (step + 1) / WARMUP_STEPS)
            schedule = warmup * 0.5 * (1 + math.cos(math.pi * step / steps))
            for group, rate in zip(optimiser.param_groups, (LOW_RANK_RATE, FREE_RATE), strict=True):
                group["lr"] = rate * schedule
            optimiser.zero_grad(set_to_none=True)
            layer_errors(features).mean().backward()
            nn.utils.clip_grad_norm_(trainable.values(), 1.0)
            optimiser.step()
            with torch.no_grad():
                for n, p in trainable.items():
                    averaged[n].lerp_(p, max(0.01, 1 / (step + 1)))
            progress("adapting", step + 1, steps)
            if (step + 1) % CHECKPOINT_STEPS == 0 or step + 1 == steps:
                current = {n: p.detach().clone() for n, p in trainable.items()}
                copy_into(trainable, averaged)
                curve.append({"step": step + 1, "errors": dev_errors()})
                print(json.dumps(curve[-1]), flush=True)
                copy_into(trainable, current)
                state = {"now": current, "mean": averaged, "optimiser": optimiser.state_dict()}
                with storage.atomic_write(checkpoint) as part:
                    torch.save({**state, "done": step + 1, "curve": curve}, part)

    copy_into(trainable, averaged)
    with storage.atomic_write(out / f"{name}.pt") as part:
        torch.save({"model_state_dict": merged_checkpoint(student, teacher)}, part)
    with storage.atomic_write(out / "curve.json") as part:
        part.write_text(json.dumps(curve, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
