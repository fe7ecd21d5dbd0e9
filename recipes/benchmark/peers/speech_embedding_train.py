"""The speech embedding with a dense head: training, on the same scenes as our own model.

The way of openWakeWord and livekit-wakeword: 16 embeddings, flattened; dense 128, norm, ReLU,
dense 128, norm, ReLU, one number (the size of openWakeWord's own 'alexa'). Scenes, augmentation,
targets, loss, held-out speakers and the choice of the best epoch are those of `wakeword train`;
only SpecAugment is missing, for the spectrogram is inside the peer's network. In front of each
scene lie 1.92 s of faint hiss, so that the head sees words that begin with the scene.

JOB: `corpus`, `word`, `hours` of scenes to make. RESULT: the head as .npz.
"""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from pathlib import Path

import common
import numpy as np
import torch
from embedding import HOP, SEEN, SIZE, Embedding
from speech_embedding import WINDOWS
from torch import Tensor, nn

from wakeword import storage
from wakeword.data.clip import KeywordSegment
from wakeword.data.dataset import Dataset
from wakeword.data.keywords import select_keywords
from wakeword.data.loader import ClipLoader, KeywordBank
from wakeword.data.readers import read_dataset
from wakeword.data.splits import assign_splits
from wakeword.detection.trigger import Trigger
from wakeword.evaluation import metrics
from wakeword.evaluation.conditions import noisy
from wakeword.evaluation.results import HIT_TOLERANCE_S
from wakeword.evaluation.test_streams import (
    Stream,
    StreamReader,
    join_blocks,
    negative_stream,
    positive_stream,
)
from wakeword.training.augmentation import Augmenter
from wakeword.training.examples import ExampleConfig, plan_examples, render_example
from wakeword.training.losses import IGNORED, IGNORED_S, POSITIVE_S, frame_bce

UNITS, EPOCHS, BATCH, RATE_OF_LEARNING, DECAY = 128, 14, 64, 1e-3, 0.02
PER_HOUR = (0.5, 1, 2, 4, 8, 16, 32)  # at which the held-out misses are averaged
FAINT = 10 ** (-65 / 20)  # RMS of the hiss in front
FRONT = (WINDOWS - 1 + 9) * HOP  # samples of it
SEED = 0


def main() -> None:
    job, out = common.job(), Path(sys.argv[2])
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    word = job["word"]
    task = select_keywords(assign_splits(read_dataset(job["corpus"])), [word]).subset("train")
    blank = task.map(lambda clips: tuple(replace(clip, split=None) for clip in clips))
    parts = assign_splits(blank, dev_share=0.1, seed=SEED)
    network = Embedding()
    x, targets = scenes(network, parts.subset("train"), word, job["hours"])
    print(f"{len(x)} scenes", flush=True)
    heard = [listen(network, stream) for stream in held_out(parts.subset("dev"))]
    head = fit(x, targets, heard)
    with storage.atomic_write(out) as part, part.open("wb") as file:
        np.savez(file, **head)


def scenes(network: Embedding, data: Dataset, word: str, hours: float) -> tuple[Tensor, Tensor]:
    """(scenes, embeddings, 96), and (scenes, scores, 1) of targets."""
    config = ExampleConfig().with_hours(hours)
    library = KeywordBank.read(data)
    plans = plan_examples(library, data, config, SEED)
    augmenter = Augmenter(config.augment, library.noises, library.rirs)
    samples = round(config.length_s * common.RATE)
    embeddings: list[Tensor] = []
    targets: list[Tensor] = []
    for number, plan in enumerate(plans):
        scene = render_example(plan, library, augmenter, samples)
        coloured_noise = np.random.default_rng((SEED, number)).standard_normal(FRONT) * FAINT
        network.reset()
        found = network.feed(np.concatenate([coloured_noise.astype(np.float32), scene.samples]))
        embeddings.append(torch.from_numpy(found).half())
        targets.append(targets_of(scene.segments, len(found) - WINDOWS + 1))
        if number % 200 == 0:
            print(f"scene {number} of {len(plans)}", flush=True)
    return torch.stack(embeddings), torch.stack(targets)


def end_s(score: int) -> float:
    """Seconds at which the audio of a score ends."""
    return ((score + WINDOWS - 1) * HOP + SEEN) / common.RATE


def targets_of(spoken: tuple[KeywordSegment, ...], scores: int) -> Tensor:
    """(scores, 1): 1 where a score ends with the word, IGNORED around it, else 0."""
    targets = torch.zeros(scores, 1)
    ends_s = torch.tensor([end_s(score) for score in range(scores)]) - FRONT / common.RATE
    for value, (first_s, last_s) in ((IGNORED, IGNORED_S), (1.0, POSITIVE_S)):
        for each in spoken:
            after_s = ends_s - each.end_s
            targets[(after_s >= first_s) & (after_s <= last_s)] = value
    return targets


def held_out(data: Dataset) -> list[Stream]:
    return [
        positive_stream(data),
        positive_stream(data, noisy(10.0)),
        negative_stream(data),
    ]


def listen(network: Embedding, stream: Stream) -> tuple[Tensor, list, float]:
    """A stream's (n, 96), where the word is spoken, and its hours."""
    network.reset()
    heard = StreamReader(stream, ClipLoader())
    found = [network.feed(block) for block in join_blocks(heard)]
    return torch.from_numpy(np.concatenate(found)), heard.segments, heard.hours


def fit(x: Tensor, targets: Tensor, heard: list) -> dict[str, np.ndarray]:
    """The head of the best epoch."""
    flat = x.float().reshape(-1, SIZE)
    mean, scale = flat.mean(0), flat.std(0)
    head = nn.Sequential(
        *(nn.Linear(WINDOWS * SIZE, UNITS), nn.LayerNorm(UNITS), nn.ReLU()),
        *(nn.Linear(UNITS, UNITS), nn.LayerNorm(UNITS), nn.ReLU()),
        nn.Linear(UNITS, 1),
    )

    def logits(embeddings: Tensor) -> Tensor:
        """(batch, n, 96) → (batch, n - 15, 1)."""
        windows = ((embeddings.float() - mean) / scale).unfold(1, WINDOWS, 1)
        return head(windows.transpose(2, 3).flatten(2))

    optimiser = torch.optim.AdamW(head.parameters(), lr=RATE_OF_LEARNING, weight_decay=DECAY)
    steps = -(-len(x) // BATCH)
    least, best = math.inf, {}
    for epoch in range(EPOCHS):
        head.train()
        for step, pick in enumerate(torch.randperm(len(x)).split(BATCH)):
            at = (epoch + step / steps) / EPOCHS
            rate = min(1.0, at / 0.03 + 1e-3) * 0.5 * (1 + math.cos(math.pi * at))
            optimiser.param_groups[0]["lr"] = RATE_OF_LEARNING * rate
            loss = frame_bce(logits(x[pick]), targets[pick])
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(head.parameters(), 1.0)
            optimiser.step()
        head.eval()
        with torch.inference_mode():
            tracks = [torch.cat([logits(p) for p in parts(e)], 1)[0] for e, _, _ in heard]
        miss = mean_miss([track.double().numpy() for track in tracks], heard)
        print(f"epoch {epoch}: {miss:.3f} missed of the held-out", flush=True)
        if miss <= least:
            least = miss
            best = {name: value.clone() for name, value in head.state_dict().items()}
    repeated_mean, repeated_scale = mean.repeat(WINDOWS), scale.repeat(WINDOWS)
    first = best["0.weight"] / repeated_scale
    best["0.bias"] = best["0.bias"] - first @ repeated_mean
    best["0.weight"] = first
    return {name: value.numpy() for name, value in best.items()}


def parts(embeddings: Tensor, size: int = 4096) -> list[Tensor]:
    """(n, 96) as pieces (1, up to size + 15, 96) whose scores follow on each other."""
    overlap = WINDOWS - 1
    starts = range(0, len(embeddings) - overlap, size)
    return [embeddings[None, i : i + size + overlap] for i in starts]


def mean_miss(tracks: list[np.ndarray], heard: list) -> float:
    """Mean miss rate in quiet and at 10 dB, over several rates of false accepts."""
    refractory = round(common.RATE / HOP)

    def events(track: np.ndarray) -> metrics.Events:
        def at(threshold: float) -> list[float]:
            found, _ = Trigger((threshold,), 1, refractory).run(track)
            return [end_s(event.frame) for event in found]

        return at

    *positives, negatives = tracks
    grid = [float(t) for t in 1 / (1 + np.exp(-np.linspace(-5.0, 16.0, 127)))]
    hours = heard[-1][2]
    found = [
        metrics.sweep(events(t), h[1], events(negatives), hours, grid, HIT_TOLERANCE_S)
        for t, h in zip(positives, heard[:-1], strict=True)
    ]
    at = [metrics.at_false_accepts(metrics.merge_curves(found), rate) for rate in PER_HOUR]
    return sum(point.miss_rate if point else 1.0 for point in at) / len(at)


if __name__ == "__main__":
    main()
