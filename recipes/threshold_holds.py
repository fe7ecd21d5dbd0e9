"""Check whether a calibrated threshold holds on other hours and with other speakers.

    python recipes/threshold_holds.py CORPUS MODELS --other other_people.csv

For each MODELS/<keyword>.wakeword, the dev recordings without the keyword are split at random into
two halves of equal length, five times. `calibrate` sets the threshold on one half and predicts an
interval for the false accepts of as many further hours; the other half is then counted. A speaker
may be in both halves: a rate that holds for the same speakers may not hold for others.

With --other (a manifest of keyword clips by other speakers on other devices), the threshold is set
on all dev recordings by the same rule, and the clips are played in quiet and in noise. No choice
depends on them.

Data: any layout that `wakeword train` reads. Duration: the hours of dev recordings times the
real-time factor of the model. Prints one row per keyword and split, then one per keyword and
condition.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click
import numpy as np

from wakeword.cli.console import TeachingCommand, progress_display
from wakeword.cli.options import option
from wakeword.data.dataset import Dataset
from wakeword.data.keywords import select_keywords
from wakeword.data.loader import ClipLoader
from wakeword.data.readers import read_dataset
from wakeword.data.splits import assign_splits
from wakeword.detection.trigger import Trigger, in_frames
from wakeword.evaluation import metrics
from wakeword.evaluation.calibrate import calibrate_scores
from wakeword.evaluation.conditions import CLEAN, noisy
from wakeword.evaluation.results import HIT_TOLERANCE_S, ScoredStream
from wakeword.evaluation.scoring import score_streams
from wakeword.evaluation.test_streams import negative_stream, positive_stream
from wakeword.model.file import load_model
from wakeword.model.network import WakeWordModel
from wakeword.model.operating_point import OperatingPoint
from wakeword.parallel import single_threaded


@click.command(cls=TeachingCommand)
@click.argument("corpus", type=click.Path(path_type=Path))
@click.argument("folder", metavar="MODELS", type=click.Path(path_type=Path))
@option(
    "--keyword",
    "keywords",
    aliases=["--word"],
    multiple=True,
    help="Only this keyword. Repeatable.",
)
@click.option("--other", type=click.Path(path_type=Path), help="Clips by other speakers.")
@option("--false-accepts-per-hour", default=0.5, show_default=True)
@click.option("--halvings", default=5, show_default=True, help="Random splits per keyword.")
def main(
    corpus: Path,
    folder: Path,
    keywords: tuple[str, ...],
    other: Path | None,
    false_accepts_per_hour: float,
    halvings: int,
) -> None:
    """Set thresholds on one part of CORPUS's dev split and count on the other."""
    data = assign_splits(read_dataset(corpus))
    held: list[bool] = []
    rows_of_others: list[str] = []
    for keyword in keywords or data.labels():
        model = load_model(folder / f"{keyword}.wakeword")
        part = select_keywords(data, [keyword]).subset("dev")
        with progress_display() as progress, single_threaded():
            (negatives,) = score_streams(model, [negative_stream(part)], ClipLoader(), progress)
        for seed in range(halvings):
            first, second = halves(negatives, model.frame_s, seed)
            point, thresholds, *_ = calibrate_scores(model, first, per_hour=false_accepts_per_hour)
            expected = thresholds[keyword].expected
            count = len(detection_times(model, point, second))
            rate = count / second.hours
            held.append(expected.low <= rate <= expected.high)
            print(
                f"| {keyword} | {seed} | {thresholds[keyword].threshold:.4f} "
                f"| {expected.value:.2f} ({expected.low:.2f}–{expected.high:.2f}) "
                f"| {count} in {second.hours:.2f} h: {rate:.2f} "
                f"| {'inside' if held[-1] else 'OUTSIDE'} |",
                flush=True,
            )
        if other and keyword in (clips := read_dataset(other)).labels():
            point, *_ = calibrate_scores(model, negatives, per_hour=false_accepts_per_hour)
            others = replace(select_keywords(clips, [keyword]), noises=part.noises)
            rows_of_others += misses_by_condition(model, point, others)
    print(f"{sum(held)} of {len(held)} inside the predicted interval (95 %)")
    print("\n".join(rows_of_others))


def misses_by_condition(model: WakeWordModel, point: OperatingPoint, clips: Dataset) -> list[str]:
    """Return a row for the misses in quiet and one for those at 10 dB, at an operating point."""
    (keyword,) = clips.labels()
    rows = []
    for condition in (CLEAN, noisy(10.0)):
        (scored,) = score_streams(model, [positive_stream(clips, condition)], ClipLoader())
        times = detection_times(model, point, scored)
        misses = ~metrics.detected(times, scored.segments_of(keyword), HIT_TOLERANCE_S)
        rate = metrics.wilson(int(misses.sum()), len(misses))
        rows.append(
            f"| {keyword} | {condition.name} | {point.thresholds[keyword]:.4f} | {misses.sum()} of "
            f"{len(misses)} | {rate.low:.1%}–{rate.high:.1%} |"
        )
    return rows


def halves(stream: ScoredStream, frame_s: float, seed: int) -> tuple[ScoredStream, ScoredStream]:
    """Split a scored stream at random into two of equal length; recordings stay whole."""
    starts = np.asarray([start_s for start_s, _ in stream.pieces])
    lengths = np.diff(starts, append=len(stream.logits) * frame_s)
    order = np.random.default_rng(seed).permutation(len(starts))
    in_first = np.zeros(len(starts), dtype=bool)
    in_first[order] = np.cumsum(lengths[order]) <= lengths.sum() / 2
    times = np.arange(len(stream.logits)) * frame_s
    frames = in_first[np.searchsorted(starts, times, side="right") - 1]
    return _select_frames(stream, frames), _select_frames(stream, ~frames)


def _select_frames(stream: ScoredStream, frames: np.ndarray) -> ScoredStream:
    hours = stream.hours * float(frames.mean())
    return ScoredStream(stream.name, stream.logits[frames], (), hours)


def detection_times(
    model: WakeWordModel, point: OperatingPoint, stream: ScoredStream
) -> Sequence[float]:
    """Return the times of the detections at an operating point, in seconds."""
    thresholds = tuple(point.thresholds[keyword] for keyword in model.keywords)
    events, _ = Trigger(thresholds, *in_frames(point, model.frame_s)).run(stream.logits)
    return [(event.frame + 1) * model.frame_s for event in events]


if __name__ == "__main__":
    main()
