"""Pretrain one of our encoders as a speech recogniser, with another one as a second teacher.

    python recipes/pretrain/pretrain.py EXAMPLES OUT --noise-data CORPUS --dev EXAMPLES_DEV
    torchrun --nproc-per-node 8 recipes/pretrain/pretrain.py …         # the same on eight GPUs
    python recipes/pretrain/pretrain.py EXAMPLES OUT … --student wakeword-micro

Data: EXAMPLES and EXAMPLES_DEV come from `prepare.py`; CORPUS lends noises and room impulse
responses of its train split. The student gets each example in another noise, room, band and level
in every epoch. It learns

- the letters that are spoken (CTC, where the text of an example is known), and
- the outputs of the teacher's upper layers for the same example without noise and room, as
  classes. These come 80 ms later (40 ms where the teacher is late itself), which is how much of the
  future a frame may wait for.

Batch norms in each layer during training are folded into its weights at the end. An interrupted run
resumes from its last epoch. Writes OUT/wakeword-stream.safetensors, or that of another --student
(encoder and CTC head, half precision), OUT/curves.json and OUT/curves.png; prints losses and the
character error rate on EXAMPLES_DEV after every epoch. README.md states what came out. Duration:
75 minutes for 17 h of examples and 46 epochs of wakeword-stream, on two cores.
"""

from __future__ import annotations

import json
import math
import os
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import torch
import torch.distributed as dist
from example_files import Examples, batches, fit_centroids
from pretrain_plot import save_plot
from student import STUDENTS, measure, write_checkpoint
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from wakeword import storage
from wakeword.cli.console import TeachingCommand, progress_display
from wakeword.cli.options import compute_device, option
from wakeword.data.loader import KeywordBank
from wakeword.data.readers import read_dataset
from wakeword.devices import choose_device
from wakeword.training.augmentation import AugmentConfig, Augmenter
from wakeword.training.feature_cache import autocast

CTC_WEIGHT = 0.3
WARMUP_EPOCHS = 0.5
AUGMENTATION = AugmentConfig(noise_share=0.8, room_share=0.4, level_db=(-55.0, -14.0))


@click.command(cls=TeachingCommand)
@click.argument("examples", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@option(
    "--noise-data",
    aliases=["--around"],
    required=True,
    type=click.Path(path_type=Path),
    help="Data set with noises and room impulse responses.",
)
@click.option(
    "--dev", required=True, type=click.Path(path_type=Path), help="Examples to measure on."
)
@click.option(
    "--student",
    "student_name",
    type=click.Choice(list(STUDENTS)),
    default="wakeword-stream",
    show_default=True,
    help="Encoder that is trained.",
)
@click.option("--epochs", default=12, show_default=True)
@click.option("--batch", default=8, show_default=True, help="Examples per step and process.")
@click.option("--rate", default=2e-3, show_default=True, help="Learning rate.")
@click.option("--seed", default=0, show_default=True)
@compute_device
def main(
    examples: Path,
    out: Path,
    noise_data: Path,
    dev: Path,
    student_name: str,
    epochs: int,
    batch: int,
    rate: float,
    seed: int,
    device: str,
) -> None:
    """Train on EXAMPLES, measure on --dev."""
    rank, world_size, chosen = start_distributed(device)
    torch.manual_seed(seed)
    bank = KeywordBank.read(replace(read_dataset(noise_data).subset("train"), keywords=()))
    augmenter = Augmenter(AUGMENTATION, bank.noises, bank.rirs)
    centroids = fit_centroids(examples, seed)
    train, held_out = Examples(examples, centroids), Examples(dev, centroids)
    student = STUDENTS[student_name]().to(chosen)
    front_end = student.encoder.spec.new_front_end()
    model = DistributedDataParallel(student) if world_size > 1 else student
    optimiser = torch.optim.AdamW(student.parameters(), lr=rate, weight_decay=0.01)
    checkpoint = out / "checkpoint.pt"
    curves: list[dict[str, float]] = []
    if checkpoint.is_file():
        saved = torch.load(checkpoint, map_location=chosen, weights_only=True)
        student.load_state_dict(saved["student"])
        optimiser.load_state_dict(saved["optimiser"])
        curves = saved["curves"]
    steps = len(train) // (batch * world_size)
    precision = autocast(chosen)

    for epoch in range(len(curves), epochs):
        student.train()
        losses: list[Tensor] = []
        order = np.random.default_rng((seed, epoch)).permutation(len(train))
        shard = order[rank::world_size][: steps * batch].reshape(steps, batch)
        with progress_display() as progress:
            for step, (features, units, texts) in enumerate(
                batches(train, shard, front_end, augmenter, epoch)
            ):
                done = (epoch + step / steps) / epochs
                warmup = min(1.0, done * epochs / WARMUP_EPOCHS + 1e-3)
                for group in optimiser.param_groups:
                    group["lr"] = rate * warmup * 0.5 * (1 + math.cos(math.pi * done))
                with precision:
                    unit_loss, ctc_loss = model(features.to(chosen), units.to(chosen), texts)
                optimiser.zero_grad(set_to_none=True)
                (unit_loss + CTC_WEIGHT * ctc_loss).backward()
                nn.utils.clip_grad_norm_(student.parameters(), 1.0)
                optimiser.step()
                losses.append(torch.stack([unit_loss, ctc_loss]).detach())
                progress(f"epoch {epoch + 1} of {epochs}", step + 1, steps)
        mean_unit_loss, mean_ctc_loss = torch.stack(losses).mean(0).tolist()
        row = {"units": mean_unit_loss, "ctc": mean_ctc_loss, **measure(student, held_out, chosen)}
        curves.append(row)
        if rank == 0:
            print(json.dumps({"epoch": epoch + 1, **row}), flush=True)
            state = {"student": student.state_dict(), "optimiser": optimiser.state_dict()}
            with storage.atomic_write(checkpoint) as part:
                torch.save({**state, "curves": curves}, part)

    if rank == 0:
        write_checkpoint(student, out / f"{student.name}.safetensors")
        with storage.atomic_write(out / "curves.json") as part:
            part.write_text(json.dumps(curves, indent=1), encoding="utf-8")
        save_plot(curves, out / "curves.png")
    if world_size > 1:
        dist.destroy_process_group()


def start_distributed(name: str) -> tuple[int, int, torch.device]:
    """Return this process's rank, the world size, and its device; one process without torchrun."""
    device = choose_device(name)
    if "RANK" not in os.environ:
        return 0, 1, device
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return dist.get_rank(), dist.get_world_size(), device


if __name__ == "__main__":
    main()
