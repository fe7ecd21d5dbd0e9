"""Train the dense head on the speech embedding, on the same training examples as our own model.

The design is that of openWakeWord and livekit-wakeword: 16 embeddings, flattened; dense 128, layer
norm, ReLU, twice; one output (the size of openWakeWord's own 'alexa'). Training examples,
augmentation, targets, loss, held-out speakers and the choice of the best epoch are those of
`wakeword train`. Only SpecAugment is missing: the spectrogram is inside the peer's network. 1.92 s
of faint noise precede each example, so that the head also sees keywords at its beginning.

JOB: `corpus`, `keyword`, `hours` of training examples to make. RESULT: the head as .npz.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import engine_io
import numpy as np
import torch
from embedding import HOP, Embedding
from head_training import EmbeddedStream, fit
from speech_embedding import WINDOW, score_end_s
from torch import Tensor

from wakeword import storage
from wakeword.data.clip import KeywordSegment
from wakeword.data.dataset import Dataset
from wakeword.data.keywords import select_keywords
from wakeword.data.loader import ClipLoader, KeywordBank
from wakeword.data.readers import read_dataset
from wakeword.data.splits import assign_splits
from wakeword.evaluation.conditions import noisy
from wakeword.evaluation.test_streams import (
    Stream,
    StreamReader,
    join_blocks,
    negative_stream,
    positive_stream,
)
from wakeword.training.augmentation import Augmenter
from wakeword.training.examples import ExampleConfig, plan_examples, render_example
from wakeword.training.losses import IGNORED, IGNORED_S, POSITIVE_S

NOISE_RMS = 10 ** (-65 / 20)  # of the noise before an example
NOISE_SAMPLES = (WINDOW - 1 + 9) * HOP
SEED = 0


def main() -> None:
    """Train on nine tenths of the train split; the speakers of the rest choose the epoch."""
    job, out = engine_io.read_job(), Path(sys.argv[2])
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    keyword = job["keyword"]
    task = select_keywords(assign_splits(read_dataset(job["corpus"])), [keyword]).subset("train")
    unassigned = task.map(lambda clips: tuple(replace(clip, split=None) for clip in clips))
    parts = assign_splits(unassigned, dev_share=0.1, seed=SEED)

    network = Embedding()
    x, targets = embed_examples(network, parts.subset("train"), job["hours"])
    print(f"{len(x)} training examples", flush=True)
    held_out = parts.subset("dev")
    streams = [
        positive_stream(held_out),
        positive_stream(held_out, noisy(10.0)),
        negative_stream(held_out),
    ]
    head = fit(x, targets, [embed_stream(network, stream) for stream in streams])
    with storage.atomic_write(out) as part, part.open("wb") as file:
        np.savez(file, **head)


def embed_examples(network: Embedding, data: Dataset, hours: float) -> tuple[Tensor, Tensor]:
    """Return embeddings (examples, n, 96), half precision, and targets (examples, n - 15, 1)."""
    config = ExampleConfig().with_hours(hours)
    bank = KeywordBank.read(data)
    plans = plan_examples(bank, data, config, SEED)
    augmenter = Augmenter(config.augment, bank.noises, bank.rirs, bank.talkers)
    samples = round(config.length_s * engine_io.SAMPLE_RATE)
    embeddings: list[Tensor] = []
    targets: list[Tensor] = []
    for number, plan in enumerate(plans):
        example = render_example(plan, bank, augmenter, samples)
        noise = np.random.default_rng((SEED, number)).standard_normal(NOISE_SAMPLES) * NOISE_RMS
        network.reset()
        embedded = network.feed(np.concatenate([noise.astype(np.float32), example.samples]))
        embeddings.append(torch.from_numpy(embedded).half())
        targets.append(frame_targets(example.segments, len(embedded) - WINDOW + 1))
        if number % 200 == 0:
            print(f"training example {number} of {len(plans)}", flush=True)
    return torch.stack(embeddings), torch.stack(targets)


def frame_targets(segments: Sequence[KeywordSegment], scores: int) -> Tensor:
    """Return (scores, 1): 1 where a score ends with the keyword, IGNORED around it, else 0."""
    targets = torch.zeros(scores, 1)
    ends_s = torch.tensor([score_end_s(score) for score in range(scores)])
    ends_s = ends_s - NOISE_SAMPLES / engine_io.SAMPLE_RATE
    for value, (first_s, last_s) in ((IGNORED, IGNORED_S), (1.0, POSITIVE_S)):
        for segment in segments:
            after_s = ends_s - segment.end_s
            targets[(after_s >= first_s) & (after_s <= last_s)] = value
    return targets


def embed_stream(network: Embedding, stream: Stream) -> EmbeddedStream:
    """Return the embeddings of a test stream with its ground truth."""
    network.reset()
    reader = StreamReader(stream, ClipLoader())
    embeddings = [network.feed(block) for block in join_blocks(reader)]
    frames = torch.from_numpy(np.concatenate(embeddings))
    return EmbeddedStream(frames, reader.segments, reader.hours)


if __name__ == "__main__":
    main()
