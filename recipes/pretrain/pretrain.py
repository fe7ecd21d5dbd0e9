"""Pretrain the compact encoder as a speech recogniser, with Whisper as a second teacher.

    python recipes/pretrain/pretrain.py SCENES OUT --around CORPUS --dev SCENES_DEV --epochs 12
    torchrun --nproc-per-node 8 recipes/pretrain/pretrain.py …            # the same on eight GPUs

SCENES and SCENES_DEV come from `prepare.py`; CORPUS lends its train split's noises and rooms. The
student hears each scene anew every epoch, in another noise, room, band and level; it is to say

- which letters are spoken (CTC, where the text of a scene is known), and
- what Whisper's upper layers made of the same scene without noise and room, 80 ms later: so much
  of the future may a frame wait for.

A batch norm follows the first matrix of each layer while it learns and is folded into it at the
end. A run that is cut off goes on from its last epoch. Writes OUT/wakeword-stream.safetensors
(encoder and CTC head, float16), OUT/curves.json and OUT/curves.png; prints losses and the character
error rate on SCENES_DEV after every epoch.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import safetensors
import safetensors.torch
import torch
import torch.distributed as dist
import torch.nn.functional as F
from prepare import LAYERS, LETTERS
from sklearn.cluster import MiniBatchKMeans
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils.fusion import fuse_linear_bn_eval

from wakeword import storage
from wakeword.cli.console import TeachingCommand, progress_display
from wakeword.data.loader import KeywordBank
from wakeword.data.readers import read_dataset
from wakeword.encoders._torchaudio import torchaudio
from wakeword.encoders.compact import HEAD_PREFIX
from wakeword.encoders.frontend import LogMel
from wakeword.encoders.registry import build_encoder
from wakeword.parallel import available_cores
from wakeword.training.augmentation import AugmentConfig, Augmenter, mask_features
from wakeword.training.feature_cache import has_bfloat16

NAME = "wakeword-stream"
DELAY = 2  # frames of 40 ms between the teacher's frame and the student's
UNITS = 512  # centroids of each of the teacher's layers
CTC_WEIGHT = 0.3
MASK_SHARE = 0.3
REFERENCE = 10 ** (-26 / 20)  # RMS of speech in the scenes
AROUND = AugmentConfig(noise_share=0.8, room_share=0.4, level_db=(-55.0, -14.0))


@click.command(cls=TeachingCommand)
@click.argument("scenes", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--around", required=True, type=click.Path(path_type=Path))
@click.option("--dev", required=True, type=click.Path(path_type=Path))
@click.option("--epochs", default=12, show_default=True)
@click.option("--batch", default=8, show_default=True, help="Scenes a step and process.")
@click.option("--rate", default=2e-3, show_default=True)
@click.option("--seed", default=0, show_default=True)
def main(
    scenes: Path,
    out: Path,
    around: Path,
    dev: Path,
    epochs: int,
    batch: int,
    rate: float,
    seed: int,
) -> None:
    """Train on SCENES, measure on --dev."""
    rank, ranks, device = joined()
    torch.manual_seed(seed)
    data = replace(read_dataset(around).subset("train"), keywords=())
    library = KeywordBank.read(data)
    augmenter = Augmenter(AROUND, library.noises, library.rirs)
    centroids = fitted(scenes, seed)
    train, held_out = Scenes(scenes, centroids), Scenes(dev, centroids)
    student = Student().to(device)
    model = DistributedDataParallel(student) if ranks > 1 else student
    optimiser = torch.optim.AdamW(student.parameters(), lr=rate, weight_decay=0.01)
    checkpoint = out / "checkpoint.pt"
    curves: list[dict[str, float]] = []
    if checkpoint.is_file():
        held = torch.load(checkpoint, map_location=device, weights_only=True)
        student.load_state_dict(held["student"])
        optimiser.load_state_dict(held["optimiser"])
        curves = held["curves"]
    steps = len(train) // (batch * ranks)
    fast = device.type == "cuda" or has_bfloat16()
    half = torch.autocast(device.type, torch.bfloat16, enabled=fast)
    for epoch in range(len(curves), epochs):
        student.train()
        losses: list[Tensor] = []
        order = np.random.default_rng((seed, epoch)).permutation(len(train))
        mine = order[rank::ranks][: steps * batch].reshape(steps, batch)
        with progress_display() as progress:
            for step, (mel, units, texts) in enumerate(heard(train, mine, augmenter, epoch)):
                at = (epoch + step / steps) / epochs
                warm = min(1.0, at * epochs / 0.5 + 1e-3)  # over half an epoch
                for group in optimiser.param_groups:
                    group["lr"] = rate * warm * 0.5 * (1 + math.cos(math.pi * at))
                with half:
                    named, ctc = model(mel.to(device), units.to(device), texts)
                optimiser.zero_grad(set_to_none=True)
                (named + CTC_WEIGHT * ctc).backward()
                nn.utils.clip_grad_norm_(student.parameters(), 1.0)
                optimiser.step()
                losses.append(torch.stack([named, ctc]).detach())
                progress(f"epoch {epoch + 1} of {epochs}", step + 1, steps)
        named, ctc = torch.stack(losses).mean(0).tolist()
        row = {"units": named, "ctc": ctc, **measured(student, held_out, device)}
        curves.append(row)
        if rank == 0:
            print(json.dumps({"epoch": epoch + 1, **row}), flush=True)
            state = {"student": student.state_dict(), "optimiser": optimiser.state_dict()}
            with storage.atomic_write(checkpoint) as part:
                torch.save({**state, "curves": curves}, part)
    if rank == 0:
        write(student, out, curves)
    if ranks > 1:
        dist.destroy_process_group()


def joined() -> tuple[int, int, torch.device]:
    """This process's number, how many there are, and its device."""
    cuda = torch.cuda.is_available()
    if "RANK" not in os.environ:
        return 0, 1, torch.device("cuda" if cuda else "cpu")
    dist.init_process_group("nccl" if cuda else "gloo")
    device = torch.device("cuda", int(os.environ["LOCAL_RANK"])) if cuda else torch.device("cpu")
    return dist.get_rank(), dist.get_world_size(), device


def files_of(folder: Path) -> list[Path]:
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise click.UsageError(f"{folder}: no scenes. Make them with prepare.py.")
    return files


def fitted(folder: Path, seed: int) -> list[Tensor]:
    """(UNITS, dim) for each of the teacher's layers, by k-means on frames from all of the files."""
    files = files_of(folder)
    some = []
    for file in files:
        with safetensors.safe_open(file, framework="pt") as opened:
            some.append(opened.get_slice("frames")[: -(-256 // len(files))].flatten(0, 1))
    centroids = []
    for layer in torch.cat(some).float().chunk(LAYERS, dim=1):
        kmeans = MiniBatchKMeans(UNITS, batch_size=8 * UNITS, n_init=1, random_state=seed)
        centroids.append(torch.from_numpy(kmeans.fit(layer.numpy()).cluster_centers_).float())
    return centroids


class Scenes:
    """What `prepare.py` wrote, the teacher's frames by the numbers of their centroids."""

    def __init__(self, folder: Path, centroids: Sequence[Tensor]) -> None:
        self.audio: list[Tensor] = []
        self.units: list[Tensor] = []  # (T, LAYERS) each
        self.texts: list[str | None] = []
        for file in files_of(folder):
            tensors = safetensors.torch.load_file(file)
            self.audio += tensors["audio"].unbind()
            frames = tensors["frames"].float()
            nearest = [
                torch.cdist(layer, near).argmin(2)
                for layer, near in zip(frames.chunk(LAYERS, dim=2), centroids, strict=True)
            ]
            self.units += torch.stack(nearest, dim=2).unbind()
            with safetensors.safe_open(file, framework="pt") as opened:
                self.texts += json.loads(opened.metadata()["texts"])

    def __len__(self) -> int:
        return len(self.audio)


Batch = tuple[Tensor, Tensor, list[str | None]]


def heard(
    scenes: Scenes, batches: np.ndarray, augmenter: Augmenter | None, epoch: int = 0
) -> Iterator[Batch]:
    """Batches as the student hears them: (batch, T, mels), the teacher's units, the texts."""
    mel = LogMel()

    def one(i: int) -> Tensor:
        rng = np.random.default_rng((epoch, i))
        samples = scenes.audio[i].numpy().astype(np.float32) / 32767
        if augmenter:
            samples = augmenter.draw_acoustics(len(samples), rng).apply(samples, REFERENCE)
        # the last features of a scene are those of its reflected end, which a stream has not
        features = mel(F.pad(torch.from_numpy(samples), (0, 400))[None])[0][0]
        features = features[: 4 * len(scenes.units[i])]
        return mask_features(features, rng, MASK_SHARE) if augmenter else features

    def batch(pick: Sequence[int]) -> Batch:
        with torch.inference_mode():
            mels = torch.stack([one(int(i)) for i in pick])
        units = torch.stack([scenes.units[i] for i in pick])
        return mels.clone(), units, [scenes.texts[i] for i in pick]

    with ThreadPoolExecutor(available_cores()) as pool:
        ahead = 2
        waiting = [pool.submit(batch, pick) for pick in batches[:ahead]]
        for i in range(len(batches)):
            if i + ahead < len(batches):
                waiting.append(pool.submit(batch, batches[i + ahead]))
            yield waiting.pop(0).result()


class _Norm(nn.BatchNorm1d):
    """Over (batch, frames, dim)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.flatten(0, 1)).view_as(x)


class Student(nn.Module):
    """The encoder, with norms; its CTC head; and the guess at the teacher's units."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = build_encoder(NAME, hop=1)
        dim = self.encoder.dim
        trunk: Any = self.encoder.trunk
        trunk.stem = nn.Sequential(trunk.stem, _Norm(dim))
        for layer in trunk.layers:
            layer.first = nn.Sequential(layer.first, _Norm(dim))
        self.units = nn.Linear(dim, LAYERS * UNITS)
        self.ctc = nn.Linear(dim, len(LETTERS) + 1)

    def forward(self, mel: Tensor, units: Tensor, texts: list[str | None]) -> tuple[Tensor, Tensor]:
        """The two losses."""
        x, _ = self.encoder(mel)
        logits = self.units(x[:, DELAY:]).unflatten(2, (LAYERS, UNITS))
        named = F.cross_entropy(logits.flatten(0, 2), units[:, :-DELAY].flatten())
        known = [i for i, text in enumerate(texts) if text]
        if not known:
            return named, 0.0 * self.ctc(x).sum()
        codes = [torch.tensor([1 + LETTERS.index(c) for c in texts[i] or ""]) for i in known]
        log_probs = self.ctc(x[known]).log_softmax(2).transpose(0, 1)
        lengths = torch.full((len(known),), len(log_probs))
        sizes = torch.tensor([len(code) for code in codes])
        ctc = F.ctc_loss(
            log_probs, torch.cat(codes).to(x.device), lengths, sizes, zero_infinity=True
        )
        return named, ctc

    def spelled(self, mel: Tensor) -> list[str]:
        """The likeliest letters of each scene, frame by frame."""
        x, _ = self.encoder(mel)
        best = self.ctc(x).argmax(2).cpu()
        lines = [torch.unique_consecutive(row) for row in best]
        return ["".join(LETTERS[int(i) - 1] for i in line if i) for line in lines]


@torch.no_grad()
def measured(student: Student, scenes: Scenes, device: torch.device) -> dict[str, float]:
    """Losses and character error rate on scenes without noise."""
    student.eval()
    wrong = letters = 0
    losses: list[Tensor] = []
    batches = np.array_split(np.arange(len(scenes)), -(-len(scenes) // 32))
    for mel, units, texts in heard(scenes, batches, None):
        losses.append(torch.stack(student(mel.to(device), units.to(device), texts)))
        for said, text in zip(student.spelled(mel.to(device)), texts, strict=True):
            if text:
                wrong += torchaudio.functional.edit_distance(list(said), list(text))
                letters += len(text)
    named, ctc = torch.stack(losses).mean(0).tolist()
    return {"dev_units": named, "dev_ctc": ctc, "dev_cer": wrong / max(1, letters)}


def write(student: Student, out: Path, curves: Sequence[dict[str, float]]) -> None:
    """The encoder with its norms folded in, its CTC head, and the curves."""
    student = student.cpu().eval()
    trunk: Any = student.encoder.trunk
    trunk.stem = fuse_linear_bn_eval(*trunk.stem)
    for layer in trunk.layers:
        layer.first = fuse_linear_bn_eval(*layer.first)
    tensors = dict(trunk.state_dict())
    tensors |= {f"{HEAD_PREFIX}{name}": tensor for name, tensor in student.ctc.state_dict().items()}
    with storage.atomic_write(out / f"{NAME}.safetensors") as part:
        halves = {name: tensor.half().contiguous() for name, tensor in tensors.items()}
        safetensors.torch.save_file(halves, part, {"letters": LETTERS})
    with storage.atomic_write(out / "curves.json") as part:
        part.write_text(json.dumps(curves, indent=1), encoding="utf-8")
    picture(curves, out / "curves.png")


def picture(curves: Sequence[dict[str, float]], path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, 3)
    for axes, key, title in zip(
        panels,
        ("units", "ctc", "cer"),
        ("Whisper's units", "CTC", "letters wrong"),
        strict=True,
    ):
        for name, label in ((key, "training, in noise"), (f"dev_{key}", "dev, quiet")):
            if name in curves[0]:
                axes.plot(range(1, len(curves) + 1), [row[name] for row in curves], label=label)
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("epoch")
        axes.grid(True, linewidth=0.5, alpha=0.6)
    panels[0].legend(fontsize=8)
    with storage.atomic_write(path) as part:
        figure.savefig(part, format="png", dpi=120)


if __name__ == "__main__":
    main()
