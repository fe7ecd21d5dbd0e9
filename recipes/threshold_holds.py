"""Does a calibrated threshold keep its word, on other hours and with other people?

    python recipes/threshold_holds.py CORPUS MODELS --other other_people.csv

For each MODELS/<word>.wakeword: the dev recordings without the word are divided by drawing into two
halves of equal length, five times over. `calibrate` sets the threshold on one half and states
between which rates of false accepts as many hours again will count; the other half is then counted.
A speaker may be in both: a rate that holds for the same people may not hold for others.

With --other (a manifest of keyword clips by other people on other devices): the threshold is set on
all dev recordings by the same rule and the clips are played, in quiet and in noise. Nothing is
chosen by them.

Prints one line per word and halving, then one per word and condition.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click
import numpy as np

from wakeword.cli.console import TeachingCommand, progress_display
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
@click.option("--word", "words", multiple=True, help="Only this one; may be repeated.")
@click.option("--other", type=click.Path(path_type=Path), help="Clips by other people.")
@click.option("--fa-per-hour", default=0.5, show_default=True)
@click.option("--halvings", default=5, show_default=True)
def main(
    corpus: Path,
    folder: Path,
    words: tuple[str, ...],
    other: Path | None,
    fa_per_hour: float,
    halvings: int,
) -> None:
    """Set thresholds on one part of CORPUS's dev split, count on another."""
    data = assign_splits(read_dataset(corpus))
    inside: list[bool] = []
    elsewhere: list[str] = []
    for word in words or data.labels():
        model = load_model(folder / f"{word}.wakeword")
        part = select_keywords(data, [word]).subset("dev")
        with progress_display() as progress, single_threaded():
            (heard,) = score_streams(model, [negative_stream(part)], ClipLoader(), progress)
        for seed in range(halvings):
            one, rest = halves(heard, model.frame_s, seed)
            point, found = calibrate_scores(model, one, per_hour=fa_per_hour)
            counted = events(model, point, rest)
            expected = found[word].expected
            inside.append(expected.low <= len(counted) / rest.hours <= expected.high)
            print(
                f"| {word} | {seed} | {found[word].threshold:.4f} | {expected.value:.2f} "
                f"({expected.low:.2f}–{expected.high:.2f}) | {len(counted)} in {rest.hours:.2f} h: "
                f"{len(counted) / rest.hours:.2f} | {'inside' if inside[-1] else 'OUTSIDE'} |",
                flush=True,
            )
        if other and word in (clips := read_dataset(other)).labels():
            point, found = calibrate_scores(model, heard, per_hour=fa_per_hour)
            noises = replace(select_keywords(clips, [word]), noises=part.noises)
            for condition in (CLEAN, noisy(10.0)):
                stream = positive_stream(noises, condition)
                (track,) = score_streams(model, [stream], ClipLoader())
                missed = ~metrics.detected(
                    events(model, point, track), track.segments_of(word), HIT_TOLERANCE_S
                )
                rate = metrics.wilson(int(missed.sum()), len(missed))
                elsewhere.append(
                    f"| {word} | {condition.name} | {found[word].threshold:.4f} | "
                    f"{missed.sum()} of {len(missed)} | {rate.low:.1%}–{rate.high:.1%} |"
                )
    print(f"{sum(inside)} of {len(inside)} inside the stated interval (95 %)")
    print("\n".join(elsewhere))


def halves(track: ScoredStream, frame_s: float, seed: int) -> tuple[ScoredStream, ScoredStream]:
    """A stream of recordings as two of equal length, each recording whole in one of them."""
    starts = np.asarray([start_s for start_s, _ in track.pieces])
    lengths = np.diff(starts, append=len(track.logits) * frame_s)
    order = np.random.default_rng(seed).permutation(len(starts))
    drawn = np.zeros(len(starts), dtype=bool)
    drawn[order] = np.cumsum(lengths[order]) <= lengths.sum() / 2
    times = np.arange(len(track.logits)) * frame_s
    first = drawn[np.searchsorted(starts, times, side="right") - 1]
    return _part(track, first), _part(track, ~first)


def _part(track: ScoredStream, mine: np.ndarray) -> ScoredStream:
    return ScoredStream(track.name, track.logits[mine], (), track.hours * float(mine.mean()))


def events(model: WakeWordModel, point: OperatingPoint, track: ScoredStream) -> Sequence[float]:
    """Times of the detections at an operating point, in seconds."""
    thresholds = tuple(point.thresholds[word] for word in model.keywords)
    found, _ = Trigger(thresholds, *in_frames(point, model.frame_s)).run(track.logits)
    return [(event.frame + 1) * model.frame_s for event in found]


if __name__ == "__main__":
    main()
