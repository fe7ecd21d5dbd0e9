"""Train a model, enroll one, or with few clips do both and keep the better one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from wakeword.data.dataset import Dataset
from wakeword.data.loader import ClipLoader
from wakeword.errors import ConfigError
from wakeword.evaluation import metrics
from wakeword.evaluation.calibrate import calibrate_scores
from wakeword.evaluation.conditions import CLEAN, TALKER, noisy
from wakeword.evaluation.evaluator import evaluate
from wakeword.evaluation.scoring import score_streams
from wakeword.evaluation.test_streams import negative_stream, positive_stream
from wakeword.model.network import WakeWordModel
from wakeword.model.two_stage import AnyModel
from wakeword.progress import ProgressCallback
from wakeword.training.config import FEW_CLIPS, TrainConfig
from wakeword.training.data import TrainingData
from wakeword.training.distributed import ProcessGroup
from wakeword.training.enroll import enroll
from wakeword.training.improve import SIGNIFICANCE
from wakeword.training.result import TrainResult
from wakeword.training.train import train

ENROL_UP_TO = 20
"""With no more clips, the enrolled model is kept where held-out clips do not decide: it was
measured to be better than most trainings with 10, and 20 is nearer to 10 than to 45."""
_CONDITIONS = (CLEAN, noisy(10.0), noisy(0.0), TALKER)
_PER_HOUR = 0.5  # false accepts per hour at which misses are counted


@dataclass(frozen=True)
class MadeModel:
    """A model and how it was made.

    Attributes:
        model: the one that was kept.
        method: how it was made: "train" or "enroll".
        summary: the results of both methods and why one was kept, in one line; "" where one method
            alone was used.
        trained: result of the training; None without one.
    """

    model: AnyModel
    method: str
    summary: str
    trained: TrainResult | None


def train_or_enroll(
    data: Dataset,
    keywords: Sequence[str],
    config: TrainConfig,
    *,
    method: str = "auto",
    extra_data: Dataset | None = None,
    weights: Path | str | None = None,
    work_dir: Path | str | None = None,
    progress: ProgressCallback | None = None,
) -> MadeModel:
    """Make a model from the train split of a data set by training, enrolment or both.

    "auto" makes both where there are fewer than `FEW_CLIPS` clips of a single keyword, and keeps
    the one that misses fewer held-out keywords, if the difference is significant; otherwise the
    number of clips decides. Processes of a group only train.

    Args:
        data: as for `train`.
        keywords: to detect; enrolment takes one.
        config: of the training; enrolment takes its encoder, that of the verifier if there is one.
        method: one of `training.config.METHODS`.
        extra_data: as for `train`.
        weights: as for `train`.
        work_dir: as for `train`.
        progress: called during all steps.

    Raises:
        ConfigError: enrolment of several keywords, or what `enroll` raises where it is asked for.
        ManifestError: what `train` raises.
    """
    parts = TrainingData.select(
        data, keywords, extra_data, validation_share=config.validation_share, seed=config.seed
    )
    clips = len(parts.train.keywords)
    enrolled, why = None, ""
    if method == "enroll":
        enrolled = _enroll(parts, keywords, config, weights, progress)
        return MadeModel(enrolled, "enroll", "", None)
    if method == "auto" and _are_few(clips, keywords):
        try:
            enrolled = _enroll(parts, keywords, config, weights, progress)
        except ConfigError as error:
            why = f"{clips} clips to train on, but none could be enrolled: {error}"
    trained = train(
        data, keywords, config,
        extra_data=extra_data, weights=weights, work_dir=work_dir, progress=progress,
    )  # fmt: skip
    if enrolled is None:
        return MadeModel(trained.model, "train", why, trained)
    kept, summary = _compare(enrolled, trained.model, parts.validation, clips, progress)
    return MadeModel(enrolled if kept == "enroll" else trained.model, kept, summary, trained)


def _are_few(clips: int, keywords: Sequence[str]) -> bool:
    return clips < FEW_CLIPS and len(keywords) == 1 and ProcessGroup.current().size == 1


def _enroll(
    parts: TrainingData,
    keywords: Sequence[str],
    config: TrainConfig,
    weights: Path | str | None,
    progress: ProgressCallback | None,
) -> WakeWordModel:
    """Enroll the keyword clips to train on; the held-out negatives set the threshold."""
    if len(keywords) != 1:
        raise ConfigError(
            f"{len(keywords)} keywords: enrolment takes one. Enroll each into a model of its own, "
            "or train them together (--method train)."
        )
    encoder, streaming, hop_ms = config.encoder, config.streaming, config.hop_ms
    if config.verifier is not None:
        encoder, streaming, hop_ms = config.verifier.encoder, "", None
        weights = config.verifier.weights
    loader = ClipLoader()
    clips = [loader.load(clip) for clip in parts.train.keywords]
    model = enroll(
        keywords[0],
        [samples for samples in clips if samples is not None],
        encoder=encoder,
        streaming=streaming,
        hop_ms=hop_ms,
        weights=weights,
        progress=progress,
    )
    record = {**model.origin.training, "data": parts.count_sources()}
    model.origin = replace(model.origin, training=record)
    held_out = parts.validation
    if held_out.negatives:
        conditions = (CLEAN, noisy(10.0)) if held_out.keywords else ()
        streams = [
            negative_stream(held_out),
            *(positive_stream(held_out, condition) for condition in conditions),
        ]
        negatives, *positives = score_streams(model, streams, loader, progress)
        model.operating_point = calibrate_scores(
            model,
            negatives,
            per_hour=config.false_accepts_per_hour,
            cap=positives,
            source="held-out negatives",
        ).operating_point
    return model


def _compare(
    enrolled: AnyModel,
    trained: AnyModel,
    held_out: Dataset,
    clips: int,
    progress: ProgressCallback | None,
) -> tuple[str, str]:
    """Return the method to keep, and both results with the reason in one line."""
    by_enrolling, by_training = (
        _misses(model, held_out, progress) for model in (enrolled, trained)
    )
    trials, tested = len(by_enrolling), len(held_out.keywords)
    enrolled_missed, trained_missed = sum(by_enrolling), sum(by_training)
    results = (
        f"enrolled: {enrolled_missed} of {trials} held-out keywords missed; trained: "
        f"{trained_missed} of {trials} ({tested} clips, clean, at 10 and 0 dB and with another "
        "talker)"
    )
    if trials and metrics.mcnemar(by_enrolling, by_training) < SIGNIFICANCE:
        kept = "enroll" if enrolled_missed < trained_missed else "train"
        reason = "it misses fewer held-out keywords"
    else:
        kept = "enroll" if clips <= ENROL_UP_TO else "train"
        measured = "enrolment" if kept == "enroll" else "training"
        reason = (
            f"held-out clips are too few to tell, and {measured} is the better choice for "
            f"{clips} clips in the measurements of this project"
        )
    name = "enrolled" if kept == "enroll" else "trained"
    return kept, f"{results}. Kept the {name} model: {reason}"


def _misses(model: AnyModel, held_out: Dataset, progress: ProgressCallback | None) -> list[bool]:
    """Return whether each held-out keyword is missed, under each condition; [] without any."""
    if not held_out.keywords or not held_out.negatives:
        return []
    evaluation = evaluate(model, held_out, conditions=_CONDITIONS, progress=progress)
    return [
        clip.missed_at.get(_PER_HOUR, True)
        for result in evaluation.results
        for clip in result.clip_results
    ]
