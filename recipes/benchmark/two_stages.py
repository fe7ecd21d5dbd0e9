"""What each stage of a two-stage model contributes, and what the gate threshold costs.

    python recipes/benchmark/two_stages.py CORPUS MODEL
    python recipes/benchmark/two_stages.py CORPUS MODEL --gate HEAD_ONLY

Data: any layout that `wakeword train` reads, with a train and a dev split; MODEL is a two-stage
model that was trained on the train split. The dev clips under each condition and all other dev
recordings are scored once by the gate, and by the verifier wherever a row needs it. Rows:

- the gate alone, and the verifier alone, called at the end of every block;
- both: the gate lets candidates through, at 10 to 300 an hour and keyword, and the verifier's score
  decides alone ("verifier decides") or together with the gate's ("fusion", the weights of MODEL).

`--gate`, repeated, names further models whose gates (or, of one stage, which as a whole) replace
that of MODEL.

Prints, for each row: calls of the verifier per hour of negatives, and the mean miss rate of all
keywords at 0.5 false accepts per hour, with the interval over all clips. Duration: 15 minutes on
two cores for 3 hours of negatives, most of it for the verifier alone (`--no-verifier-alone`).
README.md has the results.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
from dev_stream import DevStream
from stream_files import race_streams

from wakeword.cli.console import TeachingCommand
from wakeword.data.keywords import select_keywords
from wakeword.data.readers import read_dataset
from wakeword.data.splits import assign_splits
from wakeword.detection.trigger import StreamModel, in_frames, trigger_for
from wakeword.errors import ConfigError
from wakeword.evaluation import metrics
from wakeword.evaluation.results import HIT_TOLERANCE_S, ScoredStream
from wakeword.evaluation.threshold import event_peaks, sigmoid
from wakeword.model.file import load_model
from wakeword.model.network import WakeWordModel
from wakeword.model.two_stage import TwoStageModel

CANDIDATES_PER_HOUR = (10, 30, 60, 120, 300)
FALSE_ACCEPTS_PER_HOUR = 0.5
GRID = [0.05 * step for step in range(-240, 400)]
"""Logits of the thresholds that are tried."""
ALONE = {"gate_weight": 0.0, "verifier_weight": 1.0, "bias": 0.0}
"""Weights with which the verifier's score is the final one."""


@click.command(cls=TeachingCommand)
@click.argument("corpus", type=click.Path(path_type=Path))
@click.argument("model_file", metavar="MODEL", type=click.Path(path_type=Path))
@click.option("--gate", "gates", multiple=True, type=click.Path(path_type=Path))
@click.option("--verifier-alone/--no-verifier-alone", default=True, show_default=True)
def main(corpus: Path, model_file: Path, gates: tuple[Path, ...], verifier_alone: bool) -> None:
    """Print the table of a two-stage model on the dev split of CORPUS."""
    model = load_model(model_file)
    if not isinstance(model, TwoStageModel):
        raise ConfigError(f"{model_file}: a model of one stage. Train one with a verifier.")
    data = select_keywords(assign_splits(read_dataset(corpus)), model.keywords).subset("dev")
    data, _ = data.split_confusables()
    streams = [DevStream(stream) for stream in race_streams(data, "")]
    print(f"| {' | '.join(['stages', 'calls per hour', *(s.name for s in streams[1:])])} |")
    print("|---" * (len(streams) + 1) + "|")
    for file in (model_file, *gates):
        print_gate(gate_of(file), file.stem, model, streams)
    if verifier_alone:
        always = dict.fromkeys(model.keywords, 0.0)
        print_row("verifier alone", with_config(model, gate_thresholds=always, **ALONE), streams)


def print_gate(
    gate: WakeWordModel, name: str, model: TwoStageModel, streams: Sequence[DevStream]
) -> None:
    """Print the rows of one gate: alone, and with the verifier and the weights of a model."""
    scored = [replace(s.scored, logits=s.gate_logits(gate)) for s in streams]
    print(f"| gate of {name} alone | 0 | {format_misses(gate, scored)} |", flush=True)
    model = TwoStageModel(gate, model.verifier, model.cascade.config, model.operating_point)
    for per_hour in CANDIDATES_PER_HOUR:
        found = thresholds(gate, streams[0], per_hour)
        at_rate = with_config(model, gate_thresholds=found)
        print_row(f"{name}, {per_hour}/h: verifier decides", with_config(at_rate, **ALONE), streams)
        print_row(f"{name}, {per_hour}/h: fusion", at_rate, streams)


def with_config(model: TwoStageModel, **changes: Any) -> TwoStageModel:
    """Return the model with other gate thresholds or weights."""
    config = replace(model.cascade.config, **changes)
    return TwoStageModel(model.gate, model.verifier, config, model.operating_point)


def gate_of(file: Path) -> WakeWordModel:
    """Return the gate of a model of two stages, or a model of one."""
    model = load_model(file)
    return model.gate if isinstance(model, TwoStageModel) else model


def thresholds(gate: WakeWordModel, negatives: DevStream, per_hour: float) -> dict[str, float]:
    """Return the gate thresholds at which each keyword has `per_hour` candidates an hour."""
    frames = in_frames(gate.operating_point, gate.frame_s)
    found = {}
    for k, keyword in enumerate(gate.keywords):
        peaks = event_peaks(negatives.gate_logits(gate)[:, k], *frames)[::-1]
        found[keyword] = sigmoid(float(peaks[int(per_hour * negatives.scored.hours)]))
    return found


def print_row(name: str, model: TwoStageModel, streams: Sequence[DevStream]) -> None:
    """Print what a model of two stages misses, and how often its verifier is called."""
    scored, calls = [], []
    for stream in streams:
        logits, made = stream.final_logits(model)
        scored.append(replace(stream.scored, logits=logits))
        calls.append(len(made) / stream.scored.hours)
    print(f"| {name} | {calls[0]:.0f} | {format_misses(model, scored)} |", flush=True)


def format_misses(model: StreamModel, scored: Sequence[ScoredStream]) -> str:
    """Return the cells of a row: the mean miss rate of all keywords under each condition."""
    negatives, *positives = scored
    lowest = [lowest_threshold(model, k, negatives) for k in range(len(model.keywords))]
    cells = []
    for stream in positives:
        hits = [
            metrics.detected(
                event_times(model, k, stream, threshold),
                stream.segments_of(model.keywords[k]),
                HIT_TOLERANCE_S,
            )
            for k, threshold in enumerate(lowest)
        ]
        mean = np.mean([1 - each.mean() for each in hits])
        misses = sum(int((~each).sum()) for each in hits)
        interval = metrics.wilson(misses, len(stream.segments))
        cells.append(f"{mean:.1%} ({interval.low:.1%}–{interval.high:.1%})")
    return " | ".join(cells)


def lowest_threshold(model: StreamModel, k: int, negatives: ScoredStream) -> float:
    """Return the lowest threshold of a grid within the rate of false accepts."""
    allowed = int(FALSE_ACCEPTS_PER_HOUR * negatives.hours)
    first = bisect_left(
        GRID, -allowed, key=lambda logit: -len(event_times(model, k, negatives, sigmoid(logit)))
    )
    return sigmoid(GRID[min(first, len(GRID) - 1)])


def event_times(model: StreamModel, k: int, stream: ScoredStream, threshold: float) -> list[float]:
    """Return the times of the events of one keyword, in seconds."""
    events, _ = trigger_for(model, (threshold,)).run(stream.logits[:, k : k + 1])
    return [(event.frame + 1) * model.frame_s for event in events]


if __name__ == "__main__":
    main()
