"""Train and measure every cell of a keyword that is not on disk yet."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cells import Cell, Setting, append_cell, read_cells

from wakeword import storage
from wakeword.data.dataset import Dataset
from wakeword.data.keywords import select_keywords
from wakeword.data.loader import ClipLoader
from wakeword.data.readers import read_dataset, read_datasets
from wakeword.data.splits import assign_splits
from wakeword.evaluation import metrics
from wakeword.evaluation.conditions import CLEAN, noisy
from wakeword.evaluation.evaluator import det_curve
from wakeword.evaluation.test_streams import negative_stream, positive_stream
from wakeword.model.network import WakeWordModel
from wakeword.training.config import TrainConfig
from wakeword.training.enroll import enroll
from wakeword.training.examples import ExampleConfig
from wakeword.training.feature_cache import FeatureCache
from wakeword.training.train import train

FALSE_ACCEPTS_PER_HOUR = 0.5
MISS_RATE = 0.05
ENROLMENT = "examples"
"""The head of a model that is enrolled from examples instead of trained."""


@dataclass(frozen=True)
class Grid:
    """The cells of a study: every setting with every number of clips, in so many draws.

    Attributes:
        corpus: data set with a train and a dev split.
        out: folder of results.
        settings: settings to compare.
        clips: numbers of clips per keyword; 0 for all.
        draws: draws of each.
        weights: checkpoint of the encoder, if not the default.
    """

    corpus: Path
    out: Path
    settings: tuple[Setting, ...]
    clips: tuple[int, ...]
    draws: int
    weights: Path | None = None


def run_keyword(grid: Grid, keyword: str, extra_data: Sequence[Path]) -> None:
    """Train and measure all cells of a keyword; its training runs share cached features.

    Args:
        grid: the study.
        keyword: the keyword.
        extra_data: data sets to train on in addition to the corpus.
    """
    torch.set_num_threads(1)
    task = select_keywords(assign_splits(read_dataset(grid.corpus)), [keyword])
    extra = read_datasets(extra_data)
    file = grid.out / f"{keyword}.jsonl"
    done = {(cell.setting, cell.clips_requested, cell.draw) for cell in read_cells(file)}
    wanted = [
        (setting, clips, draw)
        for setting in grid.settings
        for clips in grid.clips
        for draw in range(grid.draws)
    ]
    for setting, clips, draw in wanted:
        if (setting, clips, draw) in done:
            continue
        started = time.monotonic()
        part = draw_clips(task, clips, draw)
        if setting.head == ENROLMENT:
            model, frozen_groups = enroll_model(part, setting, grid.weights)
        else:
            seed = 0 if clips else draw
            model, frozen_groups = train_model(
                part, setting, seed, extra, grid.weights, grid.out / "work" / keyword
            )
        training_s = time.monotonic() - started
        summary = model.origin.training
        cell = Cell(
            setting,
            keyword,
            clips,
            draw,
            summary["keyword_clips"],
            summary["keyword_minutes"],
            summary["trainable"],
            **measure(model, frozen_groups, task.subset("dev"), grid.out / "work"),
            training_s=training_s,
        )
        append_cell(file, cell)
        print(
            f"{setting.encoder}, {setting.head}, {setting.strategy}: {keyword}, "
            f"{clips or 'all'} clips, draw {draw}: {cell.misses} of {cell.positives} missed, "
            f"{training_s / 60:.1f} min",
            flush=True,
        )


def draw_clips(task: Dataset, clips: int, draw: int) -> Dataset:
    """Return the train split with so many of its keyword clips; 0 keeps all."""
    part = task.subset("train")
    chosen = np.random.default_rng(draw).permutation(len(part.keywords))[: clips or None]
    return replace(part, keywords=tuple(part.keywords[i] for i in sorted(chosen)))


def train_model(
    part: Dataset,
    setting: Setting,
    seed: int,
    extra: Dataset | None,
    weights: Path | None,
    work: Path,
) -> tuple[WakeWordModel, int]:
    """Return a trained model, and how many of its encoder's layer groups are frozen."""
    config = TrainConfig(
        encoder=setting.encoder,
        streaming=setting.streaming,
        hop_ms=setting.hop_ms,
        head=setting.head,
        strategy=setting.strategy,
        seed=seed,
        epochs=setting.epochs,
        examples=ExampleConfig().with_hours(setting.hours),
    )
    result = train(part, part.labels(), config, extra_data=extra, weights=weights, work_dir=work)
    return result.model, result.strategy.frozen


def enroll_model(
    part: Dataset, setting: Setting, weights: Path | None
) -> tuple[WakeWordModel, int]:
    """Return a model that is enrolled from the clips; all layer groups are frozen."""
    (keyword,) = part.labels()
    model = enroll(
        keyword,
        [clip.load() for clip in part.keywords],
        encoder=setting.encoder,
        streaming=setting.streaming,
        hop_ms=setting.hop_ms,
        weights=weights,
    )
    return model, model.encoder.depth


def measure(model: WakeWordModel, frozen_groups: int, part: Dataset, work: Path) -> dict[str, Any]:
    """Return the fields of a cell that are measured on the dev split.

    Frames of the frozen layer groups are the same for all models of a keyword: they are cached in
    half precision under `work`.
    """
    split = max(depth for depth in model.encoder.cacheable_depths() if depth <= frozen_groups)
    name = storage.cache_key(model.origin.encoder, model.origin.streaming, model.encoder.settings())
    cache = FeatureCache(work / f"dev-{name}-{split}", model.frontend, model.encoder, split)
    loader = ClipLoader()
    streams = [
        negative_stream(part),
        *(positive_stream(part, each) for each in (CLEAN, noisy(10.0), noisy(0.0))),
    ]
    negatives, *positives = [cache.stream(each, loader).score(model) for each in streams]
    *quiet, at_0db = [det_curve(model, 0, stream, negatives) for stream in positives]
    curve = metrics.merge_curves(quiet)
    point, point_0db = (
        metrics.at_false_accepts(each, FALSE_ACCEPTS_PER_HOUR) for each in (curve, at_0db)
    )
    rates = [p.false_accepts_per_hour for p in curve if p.miss_rate <= MISS_RATE]
    return {
        "misses": point.misses if point else curve[0].spoken,
        "misses_0db": point_0db.misses if point_0db else at_0db[0].spoken,
        "positives": curve[0].spoken,
        "false_accepts_per_hour": min(rates, default=None),
        "hours": curve[0].hours,
    }
