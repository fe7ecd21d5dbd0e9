"""Train the second stage of a model: a verifier for the moments that the gate marks.

The verifier meets nothing but what the gate lets through, so that is what it learns: windows of the
training examples that end where the gate's score is highest, with the keyword or without.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from wakeword import storage
from wakeword.audio.samples import SAMPLE_RATE
from wakeword.detection.trigger import in_frames
from wakeword.encoders.registry import resolve_encoder
from wakeword.encoders.resolved import ResolvedEncoder
from wakeword.encoders.window import features_per_frame
from wakeword.model.cascade import CascadeConfig, moving_mean
from wakeword.model.network import WakeWordModel
from wakeword.model.two_stage import TwoStageModel
from wakeword.progress import ProgressCallback
from wakeword.training.cascade_validation import CascadeValidation
from wakeword.training.config import TrainConfig, VerifierConfig
from wakeword.training.feature_cache import EncodedExamples, Excerpts, FeatureCache, Segments
from wakeword.training.initial_model import PretrainedEncoder, initial_model
from wakeword.training.loop import TrainingLoop
from wakeword.training.result import TrainedVerifier
from wakeword.training.run import TrainingRun, keyword_minutes, weights_sha256
from wakeword.training.strategy import check_strategy, choose_strategy, merge_low_rank
from wakeword.training.validation import ValidationSet

_AFTER_KEYWORD_S = (-0.08, 0.56)
"""A window with a keyword ends this long after it: while the gate's score is up."""
_BEYOND_KEYWORD_S = 1.2
"""A window without one ends before a keyword begins, or this long after its end."""
_WINDOWS = 2
"""Windows with a keyword, and windows without, that are taken from an example at most."""
_SPACING_S = 0.8  # between windows without a keyword
_BATCH = 32  # examples that the gate scores at once


def resolve_verifier(config: VerifierConfig) -> ResolvedEncoder:
    """Settle the verifier's encoder: it takes a whole window as one hop.

    Raises:
        ConfigError: unknown encoder, or one that cannot run over a window.
    """
    source = resolve_encoder(config.encoder, streaming="window", weights=config.weights)
    assert source.family.offline is not None
    ratio = features_per_frame(source.spec)
    step = ratio.denominator
    window = round(config.window_s * 100 / ratio) // step * step
    lost = -(-source.family.offline.trailing_frames_lost // step) * step
    return source.with_settings(window=window, hop=window - lost)


def verifier_training(
    config: TrainConfig, keywords: Sequence[str], start: WakeWordModel | None = None
) -> TrainConfig:
    """Return the settings of a verifier's training, from those of a model of two stages.

    Raises:
        ConfigError: `start`, a verifier to continue from, has other keywords.
    """
    settings = config.verifier or VerifierConfig()
    own = replace(
        config,
        encoder=settings.encoder,
        streaming="window",
        strategy=settings.strategy,
        layers=(),
        hop_ms=None,
        verifier=None,
    )
    return own if start is None else own.continuing(start, keywords)


@dataclass(frozen=True)
class VerifierStart:
    """What the training of a verifier starts from, settled before its gate is trained.

    Attributes:
        settings: of the verifier.
        config: of its training.
        pretrained: its encoder, with weights.
        start: a verifier to continue from.
    """

    settings: VerifierConfig
    config: TrainConfig
    pretrained: PretrainedEncoder
    start: WakeWordModel | None

    @classmethod
    def load(
        cls,
        config: TrainConfig,
        keywords: Sequence[str],
        start: WakeWordModel | None = None,
        progress: ProgressCallback | None = None,
    ) -> VerifierStart | None:
        """Load the encoder of the verifier; None where the config has no verifier.

        Args:
            config: of the gate, with the settings of the verifier.
            keywords: of both.
            start: a verifier to continue from.
            progress: called while weights are downloaded.

        Raises:
            ConfigError: unknown encoder or strategy, or `start` has other keywords.
            CheckpointError: no encoder weights.
        """
        settings = config.verifier
        if settings is None:
            return None
        own = verifier_training(config, keywords, start)
        source = resolve_verifier(settings)
        check_strategy(own.strategy, source.spec)
        pretrained = PretrainedEncoder.load(own, start=start, source=source, progress=progress)
        return cls(replace(settings, weights=None), own, pretrained, start)


def train_verifier(
    gate_run: TrainingRun,
    validation: ValidationSet,
    given: VerifierStart,
    folder: Path,
    progress: ProgressCallback | None = None,
) -> TrainedVerifier:
    """Train a verifier for a trained gate, and join both.

    Args:
        gate_run: the finished training of the gate.
        validation: the held-out clips, encoded for the gate.
        given: what to start from.
        folder: working folder for features and checkpoints.
        progress: called during all steps.

    Raises:
        ConfigError: unknown strategy.
    """
    settings, config, pretrained = given.settings, given.config, given.pretrained
    gate, bank = gate_run.model, gate_run.bank
    clips_per_keyword = len(bank.keywords) / len(gate.keywords)
    strategy = choose_strategy(
        config.strategy, pretrained.encoder, keyword_minutes(bank), clips_per_keyword
    )
    verifier = initial_model(gate.keywords, config, pretrained, strategy, given.start)
    verifier.to(gate.device)
    point = replace(gate.operating_point, smoothing_s=gate.frame_s)
    thresholds = validation.gate_thresholds(gate, settings)
    model = TwoStageModel(gate, verifier, CascadeConfig(thresholds), point)
    run = replace(
        gate_run,
        model=verifier,
        config=config,
        strategy=strategy,
        start_key=weights_sha256(given.start) if given.start else "",
    )
    gate_key = weights_sha256(gate)
    cache = FeatureCache(
        folder / f"features-{run.features_key()}", verifier.frontend, verifier.encoder, run.depth
    )
    examples = _encode_windows(gate_run, run, cache, folder, progress)
    held_out = CascadeValidation.encode(model, cache, validation, bank, progress)
    loop = TrainingLoop(verifier, config, strategy, examples, held_out)
    key = storage.cache_key(run.key(), gate_key, asdict(settings))
    history = loop.run(folder / f"run-{key}" / "checkpoint.safetensors", progress)
    merge_low_rank(verifier.encoder)
    verifier.origin = replace(verifier.origin, training=run.record(history, held_out.clips))
    model = held_out.fit(config.false_accepts_per_hour)
    return TrainedVerifier(model, pretrained.description, tuple(history))


def _encode_windows(
    gate_run: TrainingRun,
    run: TrainingRun,
    cache: FeatureCache,
    folder: Path,
    progress: ProgressCallback | None,
) -> EncodedExamples:
    """Choose and encode the windows that the verifier is trained on."""
    bank = run.bank
    gate_cache = gate_run.feature_cache(folder)
    scored = gate_run.encode_examples(gate_cache, progress)
    blocks = _BlockScores(gate_run.model)
    groups = gate_run.plans()
    plans = [plan for group in groups for plan in group]
    scores = blocks.score(scored, progress)
    chosen = [
        Excerpts(plan, blocks.choose(each, segments, np.random.default_rng((*plan.seed, 3))))
        for plan, each, segments in zip(plans, scores, scored.segments, strict=True)
    ]
    frames, segments = cache.excerpts(
        [chosen],
        bank,
        gate_run.augmenter(),
        gate_run.example_samples,
        run.model.first_block,
        progress,
    )
    return run.encoded(frames, segments)


class _BlockScores:
    """The gate's scores at the ends of its blocks, where the verifier may be called."""

    def __init__(self, gate: WakeWordModel) -> None:
        self._gate = gate
        self._smoothing, _ = in_frames(gate.operating_point, gate.frame_s)
        self._frames = Fraction(gate.encoder.hop_frames, gate.head.pool)

    @torch.inference_mode()
    def score(
        self, examples: EncodedExamples, progress: ProgressCallback | None
    ) -> list[npt.NDArray[np.float64]]:
        """Return the highest smoothed logit of each block of each example: (blocks,)."""
        gate, scores = self._gate, []
        for first in range(0, len(examples.frames), _BATCH):
            x = torch.from_numpy(examples.frames[first : first + _BATCH]).to(gate.device).float()
            if examples.depth < gate.encoder.depth:
                zeros = torch.zeros(len(x), dtype=torch.int64, device=gate.device)
                state = gate.encoder.initial_state(zeros)
                x, _ = gate.encoder(x, state, start=examples.depth)
            logits = gate.head(x)[0].cpu().double().numpy()
            padded = np.concatenate([logits[:, :1]] * (self._smoothing - 1) + [logits], axis=1)
            smoothed = moving_mean(padded, self._smoothing).max(axis=2)
            blocks = int(smoothed.shape[1] / self._frames)
            edges = [int(number * self._frames) for number in range(blocks + 1)]
            scores += [np.array([each[a:b].max() for a, b in pairwise(edges)]) for each in smoothed]
            if progress:
                progress("scoring with the gate", first + len(x), len(examples.frames))
        return scores

    def choose(
        self, scores: npt.NDArray[np.float64], segments: Segments, rng: np.random.Generator
    ) -> tuple[int, ...]:
        """Return the samples at which the windows of an example end.

        Windows with a keyword are drawn from those at its end; windows without are those with the
        highest scores.

        Args:
            scores: (blocks,) of the example.
            segments: the keywords in it.
            rng: of this example.
        """
        ends = self._gate.first_block + np.arange(len(scores)) * self._gate.block
        ends_s = ends / SAMPLE_RATE
        usable = np.ones(len(scores), dtype=bool)
        chosen: list[int] = []
        for segment in segments:
            first_s, last_s = _AFTER_KEYWORD_S
            after_s = ends_s - segment.end_s
            at_end = np.flatnonzero((after_s >= first_s) & (after_s <= last_s))
            chosen += [int(i) for i in rng.permutation(at_end)[:_WINDOWS]]
            usable &= (ends_s < segment.start_s) | (after_s > _BEYOND_KEYWORD_S)
        for _ in range(_WINDOWS if not segments else 1):
            if usable.any():
                best = int(np.where(usable, scores, -np.inf).argmax())
                chosen.append(best)
                usable &= np.abs(ends_s - ends_s[best]) >= _SPACING_S
        return tuple(int(ends[i]) for i in chosen or [len(scores) - 1])
