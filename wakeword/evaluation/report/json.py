"""Results as plain dictionaries that `json.dumps` writes: the `--json` output of the commands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from wakeword.evaluation.compare import PairedComparison
from wakeword.evaluation.metrics import DetPoint
from wakeword.evaluation.report.subject import Subject
from wakeword.evaluation.report.verdict import rate_false_accepts, rate_misses, verdict
from wakeword.evaluation.results import CallResult, Evaluation, KeywordResult

if TYPE_CHECKING:  # these load torch
    from wakeword.evaluation.benchmark import Benchmark
    from wakeword.evaluation.calibrate import Calibration


def evaluation_as_dict(
    evaluation: Evaluation,
    comparisons: Sequence[PairedComparison] | None = None,
    subject: Subject | None = None,
) -> dict[str, Any]:
    """Return an evaluation as a dictionary: every curve, interval and false accept.

    That of a two-stage model has "verifier_calls", and "gate_recall" in each row.

    Args:
        evaluation: to convert.
        comparisons: with a second model, under the key "compared"; None leaves the key out.
        subject: what was evaluated, under the key "subject"; None leaves the key out.
    """
    table: dict[str, Any] = {
        **({"subject": asdict(subject)} if subject else {}),
        "verdict": verdict(evaluation),
        "negative_hours": evaluation.negative_hours,
        "notes": evaluation.notes,
        "rows": [_keyword_result(evaluation, result) for result in evaluation.results],
        "sources": [
            {
                "name": source.name,
                "clips": source.clips,
                "hours": source.hours,
                "false_accepts": source.false_accepts,
                "clips_with_false_accepts": source.clips_with_false_accepts,
                "fired": source.clips_with_false_accepts,  # its key in earlier versions
            }
            for source in evaluation.sources
        ],
        "confusables": [asdict(result) for result in evaluation.confusables],
        "false_accepts": [
            {
                "keyword": accept.keyword,
                "time": round(accept.time_s, 3),
                "score": accept.score,
                "peak": accept.peak,
                "file": str(accept.clip.path),
            }
            for accept in evaluation.false_accepts
        ],
    }
    if evaluation.calls is not None:
        table["verifier_calls"] = _calls(evaluation.calls)
    if comparisons is not None:
        table["compared"] = [asdict(each) for each in comparisons]
    return table


def calibration_as_dict(calibration: Calibration) -> dict[str, Any]:
    """Return each calibrated threshold, the rate expected at it and the misses, by keyword."""
    return {
        keyword: {
            **asdict(fitted),
            "previous_threshold": calibration.previous.thresholds[keyword],
            "misses": [each._asdict() for each in calibration.misses.get(keyword, ())],
        }
        for keyword, fitted in calibration.thresholds.items()
    }


def benchmark_as_dict(benchmark: Benchmark) -> dict[str, Any]:
    """Return a benchmark as a dictionary; that of a two-stage model has "two_stage"."""
    values = {**asdict(benchmark), "engines": [asdict(cost) for cost in benchmark.engines]}
    cost = benchmark.two_stage
    if cost is None:
        del values["two_stage"]
    else:
        values["two_stage"]["real_time_factor"] = cost.real_time_factor
    return values


def _calls(result: CallResult) -> dict[str, Any]:
    rate = result.calls_per_hour
    return {
        "calls": result.calls,
        "calls_per_hour": rate.value,
        "calls_per_hour_interval": [rate.low, rate.high],
        "candidates": dict(result.candidates),
        "candidates_per_hour": {
            keyword: each.value for keyword, each in result.candidates_per_hour.items()
        },
    }


def _keyword_result(evaluation: Evaluation, result: KeywordResult) -> dict[str, Any]:
    values: dict[str, Any] = {
        "keyword": result.keyword,
        "condition": result.condition,
        "at_false_accepts_per_hour": {
            f"{rate:g}": _operating_point(result, rate)
            for rate in result.operating_points
            if evaluation.supports(rate)
        },
        "shipped": _det_point(result.shipped),
        "ratings": {
            "misses": rate_misses(result).value,
            "false_accepts": rate_false_accepts(result).value,
        },
        "latency_s": result.latency_percentiles,
        "speakers": result.misses_by_speaker(),
        "curve": [_det_point(point) for point in result.curve],
    }
    recall = result.gate_recall
    if recall is not None:
        values["gate_recall"] = recall.value
        values["gate_recall_interval"] = [recall.low, recall.high]
    return values


def _operating_point(result: KeywordResult, rate: float) -> dict[str, Any] | None:
    point = result.operating_points[rate]
    if point is None:
        return None
    values = _det_point(point)
    speakers = result.speaker_bootstrap(rate)
    if speakers:
        values["miss_rate_interval_speakers"] = [speakers.low, speakers.high]
    return values


def _det_point(point: DetPoint) -> dict[str, Any]:
    misses, false_accepts = point.miss_rate_estimate, point.false_accept_estimate
    return {
        "threshold": point.threshold,
        "missed": point.misses,
        "clips": point.spoken,
        "miss_rate": point.miss_rate,
        "miss_rate_interval": [misses.low, misses.high],
        "false_accepts": point.false_accepts,
        "false_accepts_per_hour": point.false_accepts_per_hour,
        "false_accepts_per_hour_interval": [false_accepts.low, false_accepts.high],
    }
