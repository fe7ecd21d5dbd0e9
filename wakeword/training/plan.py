"""What a training would do, and about how long it would take on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from wakeword.audio.samples import SAMPLE_RATE
from wakeword.data.clip import Clip
from wakeword.data.dataset import Dataset
from wakeword.data.loader import KeywordBank
from wakeword.devices import choose_device
from wakeword.encoders.resolved import ResolvedEncoder
from wakeword.evaluation.evaluator import det_curve
from wakeword.evaluation.results import ScoredStream
from wakeword.model.network import WakeWordModel
from wakeword.model.two_stage import AnyModel, stages_of
from wakeword.parallel import available_cores
from wakeword.progress import ProgressCallback
from wakeword.training.config import TrainConfig, VerifierConfig
from wakeword.training.data import TrainingData
from wakeword.training.distributed import ProcessGroup
from wakeword.training.examples import plan_extra_examples
from wakeword.training.feature_cache import EncodedExamples, EncodedStream, Excerpts, FeatureCache
from wakeword.training.initial_model import PretrainedEncoder, initial_model
from wakeword.training.loop import TrainingLoop
from wakeword.training.run import TrainingRun
from wakeword.training.strategy import Strategy, choose_strategy
from wakeword.training.validation import held_out_seconds
from wakeword.training.verifier import resolve_verifier, verifier_training

SLOW = 3.0
"""A strategy that "auto" chooses is slow if it takes this many times as long as the head alone."""
_SAMPLE_CLIPS = 20  # of each role that are read to measure
_LONG_S = 0.3  # an example that takes longer is measured alone, not on all cores
_STREAM_S = 4.0  # of audio that is encoded and scored to measure
_WINDOWS = 2  # of an example that a verifier is trained on, about

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class StagePlan:
    """The training of one stage.

    Attributes:
        stage: "model", "gate" or "verifier".
        encoder: name of its encoder.
        strategy: how much of it is trained, with the reason.
        automatic: whether "auto" chose the strategy.
        seconds: that it takes on this machine, about and at most; None is not measured.
        head_seconds: the same with the strategy "head".
    """

    stage: str
    encoder: str
    strategy: Strategy
    automatic: bool
    seconds: float | None = None
    head_seconds: float | None = None

    @property
    def is_slow(self) -> bool:
        """Whether "auto" chose a strategy that takes `SLOW` times as long as the head alone."""
        if not self.automatic or self.seconds is None or self.head_seconds is None:
            return False
        return self.seconds > SLOW * self.head_seconds


@dataclass(frozen=True)
class TrainingPlan:
    """What a training is made of.

    Attributes:
        keywords: clips to train on, by keyword.
        keyword_seconds: of these clips.
        negatives: number of recordings without the keyword to train on.
        negative_seconds: of these recordings.
        noises: number of recordings of noise.
        rirs: number of room impulse responses.
        held_out: keyword clips that are held out.
        example_hours: hours of training audio made from the clips.
        stage_plans: of the stages, in the order of their training.
    """

    keywords: Mapping[str, int]
    keyword_seconds: float
    negatives: int
    negative_seconds: float
    noises: int
    rirs: int
    held_out: int
    example_hours: float
    stage_plans: tuple[StagePlan, ...]

    @property
    def seconds(self) -> float:
        """Seconds that the stages take together, as far as they are measured."""
        return sum(stage.seconds or 0.0 for stage in self.stage_plans)


def plan_training(
    data: Dataset,
    keywords: Sequence[str],
    config: TrainConfig,
    *,
    extra_data: Dataset | None = None,
    start: AnyModel | None = None,
    only_slow: bool = False,
    progress: ProgressCallback | None = None,
) -> TrainingPlan:
    """Say what `train` would do with the same arguments; nothing is written or downloaded.

    The times are measured: a few clips are rendered and encoded, and a step is taken, by a network
    of the same size with random weights. They hold without earlier results in the working folder
    and for all epochs.

    Args:
        data: as for `train`, and so are all others but `only_slow`.
        keywords: keywords to learn.
        config: settings.
        extra_data: further clips.
        start: a model to continue from.
        only_slow: measures only stages for which "auto" chose another strategy than the head alone.
        progress: called before each measurement.

    Raises:
        ManifestError: the data cannot train a model.
        ConfigError: unknown names.
    """
    parts = TrainingData.select(
        data, keywords, extra_data, validation_share=config.validation_share, seed=config.seed
    )
    clips = parts.train.keywords
    counts = {word: sum(clip.label == word for clip in clips) for word in keywords}
    seconds = sum(clip.seconds() for clip in clips)
    sample = _Sample(parts, keywords)
    planned = _stages(config, start, sample)
    plans: list[StagePlan] = []
    for stage in planned:
        plan = stage.plan(seconds, len(clips) / len(keywords))
        if not only_slow or (plan.automatic and plan.strategy.name != "head"):
            if progress:
                progress("estimating the time", len(plans), len(planned))
            plan = stage.measured(plan)
        plans.append(plan)
    negatives = (*parts.train.negatives, *parts.extra.negatives)
    return TrainingPlan(
        counts,
        seconds,
        len(negatives),
        sum(clip.seconds() for clip in negatives),
        len(parts.train.noises),
        len(parts.train.rirs),
        len(parts.validation.keywords),
        sample.examples(config) * config.examples.length_s / 3600,
        tuple(plans),
    )


class _Sample:
    """A few clips of the training data, in memory when they are needed."""

    def __init__(self, parts: TrainingData, keywords: Sequence[str]) -> None:
        self.parts, self.keywords = parts, keywords
        train = parts.train
        few = replace(
            train,
            keywords=_some(train.keywords),
            negatives=_some(train.negatives),
            noises=_some(train.noises),
            rirs=_some(train.rirs),
        )
        self.few = replace(parts, train=few, extra=replace(parts.extra, keywords=(), negatives=()))
        self._bank: KeywordBank | None = None

    @property
    def bank(self) -> KeywordBank:
        """The few clips."""
        if self._bank is None:
            self._bank = KeywordBank.read(self.few.train)
        return self._bank

    def examples(self, config: TrainConfig) -> int:
        """Return the number of training examples of a run on all clips."""
        own = round(config.examples.hours * 3600 / config.examples.length_s)
        extra = plan_extra_examples(self.parts.extra.negatives, config.examples, config.seed)
        return own + len(extra)


def _stages(config: TrainConfig, start: AnyModel | None, sample: _Sample) -> list[_Stage]:
    """Return the stages that are trained."""
    first, second = stages_of(start)
    own = config if first is None else config.continuing(first, sample.keywords)
    planned = [_Stage("gate" if config.verifier else "model", own, first, sample)]
    if config.verifier is not None:
        own = verifier_training(config, sample.keywords, second)
        source = resolve_verifier(config.verifier)
        planned.append(_Stage("verifier", own, second, sample, source))
    return planned


def _some(clips: tuple[Clip, ...]) -> tuple[Clip, ...]:
    """Return a few clips, evenly spaced."""
    return clips[:: max(1, -(-len(clips) // _SAMPLE_CLIPS))]


class _Stage:
    """A stage whose training is planned and measured."""

    def __init__(
        self,
        name: str,
        config: TrainConfig,
        start: WakeWordModel | None,
        sample: _Sample,
        source: ResolvedEncoder | None = None,
    ) -> None:
        self.name, self.config, self._start, self._sample = name, config, start, sample
        self._source = source

    def plan(self, keyword_seconds: float, clips: float) -> StagePlan:
        """Choose the strategy."""
        encoder = self._pretrained().encoder
        chosen = choose_strategy(self.config.strategy, encoder, keyword_seconds / 60, clips)
        automatic = self.config.strategy == "auto"
        return StagePlan(self.name, self.config.encoder, chosen, automatic)

    def measured(self, plan: StagePlan) -> StagePlan:
        """Return the plan with the time that it takes, and that of the head alone."""
        seconds = head_seconds = self._seconds(plan.strategy)
        if plan.strategy.name != "head":
            encoder = self._pretrained().encoder
            head_seconds = self._seconds(choose_strategy("head", encoder, 0, 0))
        return replace(plan, seconds=seconds, head_seconds=head_seconds)

    def _pretrained(self) -> PretrainedEncoder:
        return PretrainedEncoder.without_weights(self.config, self._start, self._source)

    def _seconds(self, strategy: Strategy) -> float:
        """Measure the parts of a training, and add them up."""
        sample, config, pretrained = self._sample, self.config, self._pretrained()
        config = replace(config, streaming=pretrained.source.streaming)
        model = initial_model(sample.keywords, config, pretrained, strategy, self._start)
        model.to(choose_device(config.device))
        run = TrainingRun(model, config, strategy, sample.few, sample.bank, "")
        cache = FeatureCache(Path(), model.frontend, model.encoder.eval(), run.depth)
        windows = _WINDOWS if self.name == "verifier" else 1
        encoding_s, examples = _encode(run, cache, windows)
        stream = _Stream(model, cache)
        held_out_s = held_out_seconds(sample.parts.validation)
        longest_s = max(max(held_out_s), sum(held_out_s) / available_cores())
        examples_s = TrainingLoop(model, config, strategy, examples, None).seconds_per_example()
        count = sample.examples(config) / ProcessGroup.current().size
        validation_s = sum(held_out_s) * stream.score_s + _curves_seconds(model, held_out_s)
        if self.name == "verifier":  # it computes the calls alone
            calls = _calls(held_out_s, len(sample.parts.validation.keywords))
            once_s, longest_s = calls * encoding_s / windows, 0.0
            validation_s = calls * examples_s / 3 + _curves_seconds(model, held_out_s)
        else:
            once_s = longest_s * stream.encode_s
        epochs_s = config.epochs * (count * windows * examples_s + validation_s)
        return count * encoding_s + once_s + epochs_s


def _calls(held_out_s: Sequence[float], clips: int) -> float:
    """Return about how often a verifier is called in the held-out streams."""
    *positives, negatives_s = held_out_s
    return _WINDOWS * clips * len(positives) + (
        VerifierConfig.max_candidates_per_hour * negatives_s / 3600
    )


def _encode(run: TrainingRun, cache: FeatureCache, windows: int) -> tuple[float, EncodedExamples]:
    """Render and encode some examples: the seconds of one, on all cores, and their frames."""
    plans = run.plans()[0]
    count = 4 * available_cores()
    chosen = plans[:: max(1, len(plans) // count)][:count]
    size = run.model.first_block if windows > 1 else run.example_samples
    ends = tuple(run.example_samples * (i + 1) // windows for i in range(windows))
    items = [Excerpts(plan, ends) for plan in chosen]
    settings = (run.bank, run.augmenter(), run.example_samples, size)
    cache.compute_excerpts(items[:1], *settings)  # imports and compiles what it needs
    seconds, file = _timed(lambda: cache.compute_excerpts(items[:1], *settings))
    if seconds > _LONG_S:
        return seconds / available_cores(), run.encoded(file.frames, file.segments)
    seconds, file = _timed(lambda: cache.compute_excerpts(items, *settings))
    return seconds / len(items), run.encoded(file.frames, file.segments)


class _Stream:
    """Seconds that a second of a held-out stream takes to encode, and to score in each epoch."""

    def __init__(self, model: WakeWordModel, cache: FeatureCache) -> None:
        noise = np.random.default_rng(0).standard_normal(round(_STREAM_S * SAMPLE_RATE))
        pieces = [noise.astype(np.float32) * np.float32(0.01)]
        seconds, frames = _timed(lambda: cache.encode_stream(pieces))
        stream = EncodedStream("", cache.depth, frames, (), _STREAM_S / 3600)
        self.encode_s = seconds / _STREAM_S
        self.score_s = _timed(lambda: stream.score(model))[0] / _STREAM_S


def _curves_seconds(model: WakeWordModel, held_out_s: Sequence[float]) -> float:
    """Measure how long the miss rate of an epoch takes to count."""
    *positives, negatives_s = held_out_s
    frames = min(negatives_s, 3600.0) / model.frame_s
    logits = np.random.default_rng(0).normal(-5, 2, (max(1, round(frames)), len(model.keywords)))
    stream = ScoredStream("", logits, (), negatives_s / 3600)
    seconds, _ = _timed(lambda: det_curve(model, 0, stream, stream))
    scale = max(1.0, negatives_s / 3600) / 2  # the keyword clips make a much shorter stream
    return seconds * scale * len(positives) * len(model.keywords)


def _timed(function: Callable[[], _Result]) -> tuple[float, _Result]:
    """Call a function; return the seconds that it took, and its result."""
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result
