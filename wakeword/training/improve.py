"""A model that goes on learning from what it met in use, and whether that made it worse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import scipy.stats

from wakeword.data.dataset import Dataset
from wakeword.data.readers import read_dataset
from wakeword.evaluation.compare import compare_evaluations
from wakeword.evaluation.evaluator import evaluate
from wakeword.evaluation.metrics import DetPoint
from wakeword.evaluation.results import Evaluation
from wakeword.model.network import WakeWordModel
from wakeword.progress import ProgressCallback
from wakeword.training.config import TrainConfig
from wakeword.training.result import TrainResult
from wakeword.training.train import train

SIGNIFICANCE = 0.05
"""Differences less likely by chance than this count."""


@dataclass(frozen=True)
class Change:
    """What became of one number.

    Attributes:
        before, after: of the old model and the new one, for people.
        p: how likely so large a difference is by chance.
    """

    keyword: str
    condition: str
    what: str
    before: int
    after: int
    p: float

    @property
    def worse(self) -> bool:
        return self.after > self.before and self.p < SIGNIFICANCE

    def __str__(self) -> str:
        verdict = "worse" if self.worse else "better" if self._better else "no certain difference"
        return (
            f"'{self.keyword}', {self.condition}: {self.before} → {self.after} {self.what} "
            f"(p {self.p:.2g}, {verdict})"
        )

    @property
    def _better(self) -> bool:
        return self.after < self.before and self.p < SIGNIFICANCE


@dataclass(frozen=True)
class Improvement:
    """A model after further training, with the evaluations of both models.

    Attributes:
        trained: result of the further training.
        before: evaluation of the model that the training started from.
        after: evaluation of the new model on the same streams.
        changes: from `compare_models`.
    """

    trained: TrainResult
    before: Evaluation
    after: Evaluation
    changes: tuple[Change, ...]

    @property
    def worse(self) -> bool:
        """Whether the new model is significantly worse in misses or false accepts."""
        return any(change.worse for change in self.changes)


def read_reviewed(folder: Path) -> Dataset:
    """Read the labelled clips of a folder of `wakeword review`, or any other data set."""
    manifest = folder / "reviewed" / "reviewed.jsonl"
    return read_dataset(manifest if manifest.is_file() else folder)


def improve_model(
    model: WakeWordModel,
    data: Dataset,
    reviewed: Dataset,
    config: TrainConfig,
    *,
    work_dir: Path | None = None,
    progress: ProgressCallback | None = None,
) -> Improvement:
    """Continue training a model with labelled clips, and compare it with the model before.

    Args:
        model: to start from; it is not changed.
        data: that the model was trained on, with splits assigned; its "dev" split decides.
        reviewed: labelled clips to train on as well.
        config: strategy, epochs, seed and hours; encoder and head are those of the model.
        work_dir: folder for features and checkpoints.
        progress: called with each step.
    """
    before = evaluate(model, data, progress=progress)
    trained = train(
        data, list(model.keywords), config,
        extra_data=reviewed, start=model, work_dir=work_dir, progress=progress,
    )  # fmt: skip
    after = evaluate(trained.model, data, progress=progress)
    return Improvement(trained, before, after, tuple(compare_models(before, after)))


def compare_models(before: Evaluation, after: Evaluation, per_hour: float = 0.5) -> list[Change]:
    """Clips missed at no more than `per_hour` false accepts, and false accepts at the misses of the
    old model's own threshold: both free of where the two thresholds happen to stand.

    Args:
        before, after: of the same streams.
    """
    found = []
    for row in compare_evaluations(before, after, per_hour):
        what = f"clips missed by one alone, at {per_hour:g} false accepts per hour"
        found.append(
            Change(row.keyword, row.condition, what, row.only_first, row.only_second, row.p)
        )
    others = {(row.keyword, row.condition): row for row in after.results}
    for old in before.results:
        new = others.get((old.keyword, old.condition))
        if new is not None:
            counts = [_fewest(curve, old.shipped.missed) for curve in (old.curve, new.curve)]
            what = f"false accepts in {old.shipped.hours:.2f} h at {old.shipped.missed} missed"
            found.append(
                Change(old.keyword, old.condition, what, counts[0], counts[1], _by_chance(*counts))
            )
    return found


def _fewest(curve: Sequence[DetPoint], missed: int) -> int:
    """False accepts where no more than `missed` clips are; at the lowest threshold if nowhere."""
    within = [point.false_accepts for point in curve if point.missed <= missed]
    return min(within, default=max(point.false_accepts for point in curve))


def _by_chance(first: int, second: int) -> float:
    """Of two counts over the same hours, from two Poisson processes of one rate (two-sided)."""
    if first + second == 0:
        return 1.0
    return float(scipy.stats.binomtest(first, first + second).pvalue)


def merge_for_plot(before: Evaluation, after: Evaluation) -> Evaluation:
    """The rows of both, for one picture."""
    rows = [
        replace(row, condition=f"{row.condition}, {when}")
        for when, each in (("before", before), ("after", after))
        for row in each.results
    ]
    return replace(before, results=tuple(rows))
