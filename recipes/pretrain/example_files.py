"""The examples that `prepare.py` wrote, as batches with the teacher's frames as class labels."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
import numpy as np
import safetensors
import safetensors.torch
import torch
import torch.nn.functional as F
from prepare import TEACHER_LAYERS
from sklearn.cluster import MiniBatchKMeans
from torch import Tensor

from wakeword.encoders.frontend import FrontEnd
from wakeword.parallel import available_cores
from wakeword.training.augmentation import Augmenter, mask_features

UNITS = 512  # centroids of each of the teacher's layers
MASK_SHARE = 0.3
REFERENCE_RMS = 10 ** (-26 / 20)  # of speech in the examples
PREFETCHED = 2  # batches

Batch = tuple[Tensor, Tensor, list[str | None]]
"""Features (batch, T, mels), units (batch, T / 4, layers), texts."""


def list_files(folder: Path) -> list[Path]:
    """Return the files of a folder, in order. Raises click.UsageError where there are none."""
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise click.UsageError(f"{folder}: no examples. Make them with prepare.py.")
    return files


def fit_centroids(folder: Path, seed: int) -> list[Tensor]:
    """Return (UNITS, dim) for each of the teacher's layers: k-means of frames from all files."""
    files = list_files(folder)
    frames = []
    for file in files:
        with safetensors.safe_open(file, framework="pt") as opened:
            frames.append(opened.get_slice("frames")[: -(-256 // len(files))].flatten(0, 1))
    centroids = []
    for layer in torch.cat(frames).float().chunk(TEACHER_LAYERS, dim=1):
        kmeans = MiniBatchKMeans(UNITS, batch_size=8 * UNITS, n_init=1, random_state=seed)
        centroids.append(torch.from_numpy(kmeans.fit(layer.numpy()).cluster_centers_).float())
    return centroids


class Examples:
    """All examples of a folder in memory.

    Attributes:
        audio: (samples,) int16 of each.
        units: (T / 4, TEACHER_LAYERS) of each: the nearest centroid of each teacher's frame.
        texts: text of each, or None.
    """

    def __init__(self, folder: Path, centroids: Sequence[Tensor]) -> None:
        self.audio: list[Tensor] = []
        self.units: list[Tensor] = []
        self.texts: list[str | None] = []
        for file in list_files(folder):
            tensors = safetensors.torch.load_file(file)
            self.audio += tensors["audio"].unbind()
            layers = tensors["frames"].float().chunk(TEACHER_LAYERS, dim=2)
            nearest = [
                torch.cdist(layer, each).argmin(2)
                for layer, each in zip(layers, centroids, strict=True)
            ]
            self.units += torch.stack(nearest, dim=2).unbind()
            with safetensors.safe_open(file, framework="pt") as opened:
                self.texts += json.loads(opened.metadata()["texts"])

    def __len__(self) -> int:
        return len(self.audio)


def batches(
    examples: Examples,
    indices: Sequence[np.ndarray],
    front_end: FrontEnd,
    augmenter: Augmenter | None,
    epoch: int = 0,
) -> Iterator[Batch]:
    """Yield batches of examples, made in the background.

    Args:
        examples: the examples.
        indices: numbers of the examples in each batch.
        front_end: of the student.
        augmenter: adds noise, room and level; features are masked as well. None: as they are.
        epoch: other epochs draw other augmentations.
    """

    def features_of(i: int) -> Tensor:
        rng = np.random.default_rng((epoch, i))
        samples = examples.audio[i].numpy().astype(np.float32) / 32767
        if augmenter:
            samples = augmenter.draw_acoustics(len(samples), rng).apply(samples, REFERENCE_RMS)
        # The last features of an example see its reflected end, which a stream does not have.
        features = front_end(F.pad(torch.from_numpy(samples), (0, 400))[None])[0][0]
        features = features[: 4 * len(examples.units[i])]
        return mask_features(features, rng, MASK_SHARE) if augmenter else features

    def make_batch(picked: np.ndarray) -> Batch:
        with torch.inference_mode():
            features = torch.stack([features_of(int(i)) for i in picked])
        units = torch.stack([examples.units[i] for i in picked])
        return features.clone(), units, [examples.texts[i] for i in picked]

    with ThreadPoolExecutor(available_cores()) as pool:
        pending = [pool.submit(make_batch, picked) for picked in indices[:PREFETCHED]]
        for i in range(len(indices)):
            if i + PREFETCHED < len(indices):
                pending.append(pool.submit(make_batch, indices[i + PREFETCHED]))
            yield pending.pop(0).result()
