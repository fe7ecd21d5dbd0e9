"""One stage of a training: examples, epochs, operating point and record of a single model."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from wakeword import storage
from wakeword.audio.samples import SAMPLE_RATE
from wakeword.data.loader import KeywordBank, check_broken
from wakeword.data.talkers import choose_talkers
from wakeword.model.network import WakeWordModel
from wakeword.model.two_stage import takes_one_window
from wakeword.progress import ProgressCallback
from wakeword.training.augmentation import Augmenter
from wakeword.training.config import TrainConfig
from wakeword.training.data import TrainingData
from wakeword.training.examples import ExamplePlan, plan_examples, plan_extra_examples
from wakeword.training.feature_cache import (
    EncodedExamples,
    FeatureCache,
    Frames,
    Segments,
    precision,
)
from wakeword.training.loop import TrainingLoop
from wakeword.training.losses import frame_targets
from wakeword.training.notes import broken_clip_notes, small_data_notes, transfer_notes
from wakeword.training.result import EpochResult, best_epoch
from wakeword.training.strategy import Strategy, merge_low_rank
from wakeword.training.validation import ValidationSet

_FEATURES_VERSION = 9  # raise it whenever examples, streams or features change


@dataclass(frozen=True)
class TrainingRun:
    """A training whose model, strategy and data are settled.

    Attributes:
        start_key: hash of the weights that training continues from; "" for a new model.
    """

    model: WakeWordModel
    config: TrainConfig
    strategy: Strategy
    parts: TrainingData
    bank: KeywordBank
    start_key: str

    @property
    def depth(self) -> int:
        """Number of layer groups whose output is computed once."""
        return max(d for d in self.model.encoder.cacheable_depths() if d <= self.strategy.frozen)

    def fit(
        self, folder: Path, progress: ProgressCallback | None
    ) -> tuple[list[EpochResult], ValidationSet]:
        """Train the model; return the result of each epoch, and the held-out clips.

        Args:
            folder: working folder for features and checkpoints.
            progress: called during all steps.
        """
        cache = self.feature_cache(folder)
        examples = self.encode_examples(cache, progress)
        validation = ValidationSet.encode(cache, self.parts.validation, self.bank, progress)
        loop = TrainingLoop(self.model, self.config, self.strategy, examples, validation)
        history = loop.run(folder / f"run-{self.key()}" / "checkpoint.safetensors", progress)
        return history, validation

    def feature_cache(self, folder: Path) -> FeatureCache:
        """Return the features that are kept in a working folder."""
        features = folder / f"features-{self.features_key()}"
        return FeatureCache(features, self.model.frontend, self.model.encoder.eval(), self.depth)

    def features_key(self) -> str:
        """Return a key of what all features depend on besides their clips."""
        model, train = self.model, self.parts.train
        return storage.cache_key(
            _FEATURES_VERSION,
            asdict(self.config.examples.augment),
            [
                clip.identity()
                for clip in (*train.noises, *train.rirs, *choose_talkers(train.negatives))
            ],
            model.origin.encoder,
            model.origin.streaming,
            (self.start_key or model.origin.encoder_sha256) if self.depth else "",
            model.encoder.settings(),
            model.frontend.level,
            self.depth,
            precision(model.device),
        )

    def encode_examples(
        self, cache: FeatureCache, progress: ProgressCallback | None
    ) -> EncodedExamples:
        """Plan and encode the training examples.

        Raises:
            ManifestError: no negatives, or too many unreadable clips.
        """
        parts, bank = self.parts, self.bank
        frames, segments = cache.examples(
            self.plans(), bank, self.augmenter(), self.example_samples, progress
        )
        negatives = {clip.path for clip in (*parts.train.negatives, *parts.extra.negatives)}
        total = len(negatives) + len(parts.train.keywords)
        check_broken(len(bank.broken), total, bank.broken)
        return self.encoded(frames, segments)

    def encoded(self, frames: Frames, segments: Sequence[Segments]) -> EncodedExamples:
        """Return examples with their targets, from frames (examples, U, dim) and keywords."""
        model = self.model
        hops = 1 if takes_one_window(model) else self._example_hops
        logits = hops * model.encoder.hop_frames // model.head.pool
        targets = frame_targets(segments, logits, model.keywords, model.frame_s)
        return EncodedExamples(self.depth, frames, targets, segments)

    def plans(self) -> list[list[ExamplePlan]]:
        """Return the plans of the training examples: those of the data set, and of extra data."""
        config, seed, parts = self.config.examples, self.config.seed, self.parts
        return [
            plan_examples(self.bank, parts.train, config, seed, parts.extra.keywords),
            plan_extra_examples(parts.extra.negatives, config, seed),
        ]

    def augmenter(self) -> Augmenter:
        """Return what varies the training examples."""
        bank = self.bank
        return Augmenter(self.config.examples.augment, bank.noises, bank.rirs, bank.talkers)

    @property
    def example_samples(self) -> int:
        """Length of an example: whole hops of the model."""
        return self.model.first_block + (self._example_hops - 1) * self.model.block

    @property
    def _example_hops(self) -> int:
        return round(self.config.examples.length_s * SAMPLE_RATE / self.model.block)

    def key(self) -> str:
        """Return a key of everything that determines the trained model."""
        config = asdict(self.config)
        del config["device"]  # the features' key tells it from the processor
        return storage.cache_key(
            self.features_key(),
            self.model.keywords,
            config,
            asdict(self.strategy),
            [clip.identity() for clip in self.parts.clips()],
            [(clip.start_s, clip.end_s) for clip in self.bank.keywords],
            len(self.parts.extra.keywords),
            self.start_key,
        )

    def finish(self, history: Sequence[EpochResult], validation: ValidationSet) -> None:
        """Give the model its operating point and the record of its training."""
        model, record = self.model, self.record(history, validation.clips)
        merge_low_rank(model.encoder)
        model.operating_point = validation.calibrate(model, self.config.false_accepts_per_hour)
        model.origin = replace(model.origin, training=record)

    def record(self, history: Sequence[EpochResult], held_out: int) -> dict[str, Any]:
        """Return the record of the training, before `merge_low_rank`.

        Args:
            history: of the training.
            held_out: number of keyword clips that its miss rates rest on.
        """
        parameters = list(self.model.parameters())
        return {
            "strategy": self.strategy.name,
            "reason": self.strategy.reason,
            "keyword_minutes": round(keyword_minutes(self.bank), 2),
            "keyword_clips": len(self.bank.keywords),
            "seed": self.config.seed,
            "epochs": len(history),
            "best_epoch": best_epoch([epoch.miss for epoch in history], held_out),
            "parameters": sum(p.numel() for p in parameters),
            "trainable": sum(p.numel() for p in parameters if p.requires_grad),
            "data": self.parts.count_sources(),
        }

    def notes(self, validation: ValidationSet) -> tuple[str, ...]:
        """Return remarks on the data for the user."""
        return (
            *self.parts.notes,
            *broken_clip_notes(self.bank.broken),
            *small_data_notes(validation.clips, len(self.bank.keywords)),
            *transfer_notes(self.model.encoder.spec, keyword_minutes(self.bank) / 60),
        )


def weights_sha256(model: WakeWordModel) -> str:
    """Return a hash of a model's weights."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def keyword_minutes(bank: KeywordBank) -> float:
    """Return the minutes of keyword clips in a bank."""
    return sum(len(clip.samples) for clip in bank.keywords) / SAMPLE_RATE / 60
