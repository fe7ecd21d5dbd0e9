"""Further training of a model with labelled clips, and a test of whether it became worse."""

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
from wakeword.model.two_stage import AnyModel
from wakeword.progress import ProgressCallback
from wakeword.training.config import TrainConfig
from wakeword.training.result import TrainResult
from wakeword.training.train import train

SIGNIFICANCE = 0.05
"""Largest p-value of a difference that counts."""


@dataclass(frozen=True)
class Change:
    """A count of two models for one keyword under one condition.

    Attributes:
        what: is counted; fewer is better.
        before: count of the old model.
        after: count of the new model.
        p: p-value of the difference.
    """

    keyword: str
    condition: str
    what: str
    before: int
    after: int
    p: float

    @property
    def worse(self) -> bool:
        """Whether the new model is significantly worse."""
        return self.after > self.before and self.p < SIGNIFICANCE

    @property
    def better(self) -> bool:
        """Whether the new model is significantly better."""
        return self.after < self.before and self.p < SIGNIFICANCE

    def __str__(self) -> str:
        verdict = "no significant difference"
        if self.worse or self.better:
            verdict = "worse" if self.worse else "better"
        return (
            f"'{self.keyword}', {self.condition}: {self.before} → {self.after} {self.what} "
            f"(p {self.p:.2g}, {verdict})"
        )


@dataclass(frozen=True)
class Improvement:
    """A model after further training, with the evaluations of both models.

    Attributes:
        trained: result of the further training.
        before: evaluation of the model that training started from.
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
    model: AnyModel,
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
    after = evaluate(trained.model.to(model.device), data, progress=progress)
    trained.model.cpu()
    return Improvement(trained, before, after, tuple(compare_models(before, after)))


def compare_models(before: Evaluation, after: Evaluation, per_hour: float = 0.5) -> list[Change]:
    """Compare two models in ways that do not depend on where their own thresholds are.

    Counts the clips that only one model missed at `per_hour` false accepts per hour, and the false
    accepts at as many misses as the old model has at its own threshold.

    Args:
        before: evaluation of the old model.
        after: evaluation of the new model on the same streams.
        per_hour: false accepts per hour.
    """
    what = f"clips missed by one alone, at {per_hour:g} false accepts per hour"
    changes = [
        Change(each.keyword, each.condition, what, each.only_first, each.only_second, each.p)
        for each in compare_evaluations(before, after, per_hour)
    ]
    by_key = {(result.keyword, result.condition): result for result in after.results}
    for old in before.results:
        new = by_key.get((old.keyword, old.condition))
        if new is not None:
            old_count, new_count = (
                _false_accepts_at(each.curve, old.shipped.misses) for each in (old, new)
            )
            what = f"false accepts in {old.shipped.hours:.2f} h at {old.shipped.misses} missed"
            p = _poisson_p_value(old_count, new_count)
            changes.append(Change(old.keyword, old.condition, what, old_count, new_count, p))
    return changes


def _false_accepts_at(curve: Sequence[DetPoint], misses: int) -> int:
    """Return the fewest false accepts with at most `misses` misses, else the most of the curve."""
    within = [point.false_accepts for point in curve if point.misses <= misses]
    return min(within, default=max(point.false_accepts for point in curve))


def _poisson_p_value(first: int, second: int) -> float:
    """Return the two-sided p-value of two counts over the same hours being of one Poisson rate."""
    if first + second == 0:
        return 1.0
    return float(scipy.stats.binomtest(first, first + second).pvalue)


def merge_for_plot(before: Evaluation, after: Evaluation) -> Evaluation:
    """Return the results of two evaluations as one, for a single DET plot."""
    results = [
        replace(result, condition=f"{result.condition}, {when}")
        for when, evaluation in (("before", before), ("after", after))
        for result in evaluation.results
    ]
    return replace(before, results=tuple(results))
