"""What a training would do, printed; and a note before one that takes long."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from wakeword.cli.console import print_note, progress_display
from wakeword.cli.progress_lines import format_seconds
from wakeword.data.dataset import Dataset
from wakeword.encoders.registry import how_to_get_weights, locate_weights
from wakeword.model.two_stage import AnyModel
from wakeword.training.config import TrainConfig
from wakeword.training.plan import SLOW, StagePlan, TrainingPlan, plan_training


def announce_slow_strategies(
    data: Dataset,
    keywords: Sequence[str],
    config: TrainConfig,
    extra_data: Dataset | None,
    start: AnyModel | None = None,
) -> None:
    """Before a training, print a note for each strategy that "auto" chose and that takes long.

    Args:
        data: as for `plan_training`, and so are all others.
    """
    second = config.verifier.strategy if config.verifier else ""
    if "auto" not in (config.strategy, second):
        return
    with progress_display() as progress:
        plan = plan_training(
            data, keywords, config,
            extra_data=extra_data, start=start, only_slow=True, progress=progress,
        )  # fmt: skip
    note_slow_strategies(plan)


def note_slow_strategies(plan: TrainingPlan) -> None:
    """Print a note for each stage whose strategy "auto" takes much longer than the head alone."""
    for stage in plan.stage_plans:
        if stage.is_slow:
            print_note(_slow_note(stage))


def _slow_note(stage: StagePlan) -> str:
    option = "--verifier-strategy" if stage.stage == "verifier" else "--strategy"
    return (
        f"the strategy {stage.strategy.name}, chosen automatically, takes about "
        f"{_time(stage.seconds)} here, more than {SLOW:g} times as long as the head alone, about "
        f"{_time(stage.head_seconds)}. To train the head alone: {option} head."
    )


def render_plan(plan: TrainingPlan, *, own_weights: bool) -> Iterator[str]:
    """Yield lines that describe a training.

    Args:
        plan: to describe.
        own_weights: whether checkpoints are given instead of the encoders' own sources.
    """
    words = ", ".join(f"'{keyword}' {clips} clips" for keyword, clips in plan.keywords.items())
    yield f"to train on: {words}, {_time(plan.keyword_seconds)} of them"
    yield (
        f"without the keyword: {plan.negatives} recordings, {_time(plan.negative_seconds)}; "
        f"{plan.noises} of noise, {plan.rirs} room impulse responses"
    )
    yield f"held out of training, for epoch and threshold: {plan.held_out} keyword clips"
    yield f"training examples: {plan.example_hours:.1f} h made from these clips"
    for stage in plan.stage_plans:
        where = "" if own_weights else f", weights: {_weights(stage.encoder)}"
        yield (
            f"{stage.stage}: {stage.encoder}{where}; strategy {stage.strategy.name} "
            f"({stage.strategy.reason})"
        )
    each = ""
    if len(plan.stage_plans) > 1:
        each = ": " + ", ".join(
            f"{stage.stage} {_time(stage.seconds)}" for stage in plan.stage_plans
        )
    yield f"estimated time on this machine: {_time(plan.seconds)} at most{each}"
    yield "nothing was written (--dry-run)"


def plan_as_dict(plan: TrainingPlan) -> dict[str, Any]:
    """Return what --dry-run --json prints."""
    return {
        "keywords": dict(plan.keywords),
        "keyword_seconds": plan.keyword_seconds,
        "negatives": plan.negatives,
        "negative_seconds": plan.negative_seconds,
        "noises": plan.noises,
        "rirs": plan.rirs,
        "held_out": plan.held_out,
        "example_hours": plan.example_hours,
        "estimated_seconds": plan.seconds,
        "stages": [
            {
                "stage": stage.stage,
                "encoder": stage.encoder,
                "strategy": stage.strategy.name,
                "reason": stage.strategy.reason,
                "estimated_seconds": stage.seconds,
                "estimated_seconds_head_alone": stage.head_seconds,
            }
            for stage in plan.stage_plans
        ],
    }


def _weights(encoder: str) -> str:
    return locate_weights(encoder) or how_to_get_weights(encoder)


def _time(seconds: float | None) -> str:
    return "unknown" if seconds is None else format_seconds(seconds)
