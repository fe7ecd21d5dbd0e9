"""Features of training examples in pairs: as the student streams them, and for the teacher."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.data.dataset import Dataset
from wakeword.data.loader import KeywordBank
from wakeword.encoders.frontend import LogMel
from wakeword.parallel import available_cores
from wakeword.training.augmentation import Augmenter, mask_features
from wakeword.training.examples import ExampleConfig, ExamplePlan, plan_examples, render_example

LENGTH_S = 8.0
MASK_SHARE = 0.3
PREFETCHED = 3  # batches

Batch = tuple[Tensor, Tensor, Tensor]
"""Features (batch, T, mels) for the student and for the teacher, first positions (batch,)."""


class PairedFeatures:
    """Examples of plain speech: the recordings of a data set that are not keyword clips.

    Args:
        part: one split of a data set.
        hours: hours of examples.
        seed: of the examples.
        dry: whether the teacher gets them before room, noise, band and level.
    """

    def __init__(self, part: Dataset, hours: float, seed: int, dry: bool) -> None:
        self.dry = dry
        part = replace(part, keywords=())
        self.bank = KeywordBank.read(part)
        config = ExampleConfig(LENGTH_S, 0.0, hours, partial_share=0.0)
        self.plans = plan_examples(self.bank, part, config, seed)
        self.augmenter = Augmenter(config.augment, self.bank.noises, self.bank.rirs)
        self.student_front_end, self.teacher_front_end = LogMel(), LogMel(level=None)

    def __len__(self) -> int:
        return len(self.plans)

    def batches(self, size: int, first: int = 0, last: int | None = None) -> Iterator[Batch]:
        """Yield the batches from `first` to before `last`, made in the background."""
        last = len(self) // size if last is None else last
        groups = [self.plans[i * size : (i + 1) * size] for i in range(first, last)]
        with ThreadPoolExecutor(available_cores()) as pool:
            pending = [pool.submit(self._make_batch, group) for group in groups[:PREFETCHED]]
            for i in range(len(groups)):
                if i + PREFETCHED < len(groups):
                    pending.append(pool.submit(self._make_batch, groups[i + PREFETCHED]))
                yield pending.pop(0).result()

    @torch.no_grad()
    def _make_batch(self, plans: Sequence[ExamplePlan]) -> Batch:
        student, teacher, positions = zip(*map(self._make_pair, plans), strict=True)
        return torch.stack(student), torch.stack(teacher), torch.tensor(positions)

    def _make_pair(self, plan: ExamplePlan) -> tuple[Tensor, Tensor, int]:
        samples = round(LENGTH_S * SAMPLE_RATE)
        example = render_example(plan, self.bank, self.augmenter, samples)
        rng = np.random.default_rng((*plan.seed, 1))
        student = _features(self.student_front_end, example.samples)
        student = mask_features(student, rng, MASK_SHARE)
        teacher_samples = example.dry if self.dry else example.samples
        teacher = _features(self.teacher_front_end, teacher_samples)
        return student, teacher, int(rng.integers(1 << 20))


def _features(front_end: LogMel, samples: Samples) -> Tensor:
    """Return (T, mels) at 100 per second; the end is followed by silence, not reflected."""
    padded = F.pad(torch.from_numpy(samples), (0, 400))
    return front_end(padded[None])[0][0][: len(samples) // 160]
