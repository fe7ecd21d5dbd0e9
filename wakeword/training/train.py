"""Fine-tune a pretrained encoder with a new head: data set in, model out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from wakeword import storage
from wakeword.audio.samples import SAMPLE_RATE
from wakeword.data.dataset import Dataset
from wakeword.data.loader import KeywordBank, check_broken
from wakeword.data.talkers import choose_talkers
from wakeword.model.network import WakeWordModel
from wakeword.progress import ProgressCallback
from wakeword.training.augmentation import Augmenter
from wakeword.training.config import TrainConfig
from wakeword.training.data import TrainingData
from wakeword.training.examples import plan_examples, plan_extra_examples
from wakeword.training.feature_cache import EncodedExamples, FeatureCache, has_bfloat16
from wakeword.training.initial_model import PretrainedEncoder, initial_model
from wakeword.training.loop import TrainingLoop
from wakeword.training.losses import frame_targets
from wakeword.training.notes import broken_clip_notes, small_data_notes, transfer_notes
from wakeword.training.result import EpochResult, TrainResult
from wakeword.training.strategy import Strategy, choose_strategy, merge_low_rank
from wakeword.training.validation import ValidationSet

_FEATURES_VERSION = 8  # raise it whenever examples, streams or features change


def train(
    data: Dataset,
    keywords: Sequence[str],
    config: TrainConfig | None = None,
    *,
    extra_data: Dataset | None = None,
    start: WakeWordModel | None = None,
    weights: Path | str | None = None,
    work_dir: Path | str | None = None,
    progress: ProgressCallback | None = None,
) -> TrainResult:
    """Fine-tune an encoder with a new head on the train split of a data set.

    An interrupted run continues where it stopped when it is called again with the same arguments.
    Within `training.distributed.process_group`, the processes that torchrun started share the work:
    each calls this with the same arguments, sees the same `work_dir`, and returns the same model.

    Args:
        data: from `read_dataset`; without stated splits, all of it is the train split.
        keywords: keywords to learn; all others in the data are negatives.
        config: everything else that determines the model.
        extra_data: further clips to train on, such as synthetic voices. None of them is held out,
            so the best epoch and the threshold are those for the clips of `data`. Extra keyword
            clips make up half of the examples with a keyword at most; extra negatives are played in
            examples of their own.
        start: a model of the same keywords to continue from. Its encoder, its streaming mode and
            its head replace those of `config`.
        weights: a checkpoint to load instead of the encoder's own sources.
        work_dir: folder for features and checkpoints; None is a folder in the cache.
        progress: called during all steps.

    Returns:
        The model with its operating point, and the record of the run.

    Raises:
        ManifestError: the data cannot train a model.
        ConfigError: unknown names, or `start` has other keywords.
        CheckpointError: no encoder weights.
    """
    config = config or TrainConfig()
    if start is not None:
        config = config.continuing(start, keywords)
    parts = TrainingData.select(
        data, keywords, extra_data, validation_share=config.validation_share, seed=config.seed
    )
    pretrained = PretrainedEncoder.load(config, start=start, weights=weights, progress=progress)
    config = replace(config, streaming=pretrained.source.streaming)
    bank = KeywordBank.read(parts.train, progress)
    clips_per_keyword = len(bank.keywords) / len(keywords)
    strategy = choose_strategy(
        config.strategy, pretrained.encoder, _minutes(bank), clips_per_keyword
    )
    model = initial_model(keywords, config, pretrained, strategy, start)
    run = _Run(model, config, strategy, parts, bank, _weights_sha256(start) if start else "")
    folder = Path(work_dir) if work_dir else storage.cache_dir() / "training"
    history, validation = run.fit(folder, progress)
    run.finish(history, validation)
    notes, held_out = run.notes(validation), validation.clips
    return TrainResult(model, pretrained.description, strategy, notes, tuple(history), held_out)


@dataclass(frozen=True)
class _Run:
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
        encoder = self.model.encoder.eval()
        features = folder / f"features-{self.features_key()}"
        cache = FeatureCache(features, self.model.frontend, encoder, self.depth)
        examples = self.encode_examples(cache, progress)
        validation = ValidationSet.encode(cache, self.parts.validation, self.bank, progress)
        loop = TrainingLoop(self.model, self.config, self.strategy, examples, validation)
        history = loop.run(folder / f"run-{self.key()}" / "checkpoint.safetensors", progress)
        return history, validation

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
            has_bfloat16(),
        )

    def encode_examples(
        self, cache: FeatureCache, progress: ProgressCallback | None
    ) -> EncodedExamples:
        """Plan and encode the training examples.

        Raises:
            ManifestError: no negatives, or too many unreadable clips.
        """
        model, config, parts, bank = self.model, self.config.examples, self.parts, self.bank
        hops = round(config.length_s * SAMPLE_RATE / model.block)
        samples = model.first_block + (hops - 1) * model.block
        seed = self.config.seed
        groups = [
            plan_examples(bank, parts.train, config, seed, parts.extra.keywords),
            plan_extra_examples(parts.extra.negatives, config, seed),
        ]
        augmenter = Augmenter(config.augment, bank.noises, bank.rirs, bank.talkers)
        frames, segments = cache.examples(groups, bank, augmenter, samples, progress)
        negatives = {clip.path for clip in (*parts.train.negatives, *parts.extra.negatives)}
        total = len(negatives) + len(parts.train.keywords)
        check_broken(len(bank.broken), total, bank.broken)
        logits = hops * model.encoder.hop_frames // model.head.pool
        targets = frame_targets(segments, logits, model.keywords, model.frame_s)
        return EncodedExamples(self.depth, frames, targets)

    def key(self) -> str:
        """Return a key of everything that determines the trained model."""
        return storage.cache_key(
            self.features_key(),
            self.model.keywords,
            asdict(self.config),
            asdict(self.strategy),
            [clip.identity() for clip in self.parts.clips()],
            [(clip.start_s, clip.end_s) for clip in self.bank.keywords],
            len(self.parts.extra.keywords),
            self.start_key,
        )

    def finish(self, history: Sequence[EpochResult], validation: ValidationSet) -> None:
        """Give the model its operating point and the record of its training."""
        model = self.model
        trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
        merge_low_rank(model.encoder)
        model.operating_point = validation.calibrate(model, self.config.false_accepts_per_hour)
        record = {
            "strategy": self.strategy.name,
            "reason": self.strategy.reason,
            "keyword_minutes": round(_minutes(self.bank), 2),
            "keyword_clips": len(self.bank.keywords),
            "seed": self.config.seed,
            "epochs": len(history),
            "best_epoch": min(history, key=lambda each: (each.miss, -each.epoch)).epoch,
            "parameters": sum(p.numel() for p in model.parameters()),
            "trainable": trainable,
            "data": self.parts.count_sources(),
        }
        model.origin = replace(model.origin, training=record)

    def notes(self, validation: ValidationSet) -> tuple[str, ...]:
        """Return remarks on the data for the user."""
        return (
            *self.parts.notes,
            *broken_clip_notes(self.bank.broken),
            *small_data_notes(validation.clips, len(self.bank.keywords)),
            *transfer_notes(self.model.encoder.spec, _minutes(self.bank) / 60),
        )


def _weights_sha256(model: WakeWordModel) -> str:
    """Return a hash of a model's weights."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()


def _minutes(bank: KeywordBank) -> float:
    """Return the minutes of keyword clips in a bank."""
    return sum(len(clip.samples) for clip in bank.keywords) / SAMPLE_RATE / 60
