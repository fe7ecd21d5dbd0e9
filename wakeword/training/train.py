"""Fine-tune a pretrained encoder with a new head: data set in, model out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from wakeword import storage
from wakeword.data.dataset import Dataset
from wakeword.data.loader import KeywordBank
from wakeword.devices import choose_device
from wakeword.encoders.spec import EncoderSpec
from wakeword.heads import head_class
from wakeword.model.languages import languages_of, record_languages
from wakeword.model.network import WakeWordModel
from wakeword.model.two_stage import AnyModel, stages_of
from wakeword.progress import ProgressCallback, with_prefix
from wakeword.training.config import TrainConfig, VerifierConfig
from wakeword.training.data import TrainingData
from wakeword.training.initial_model import PretrainedEncoder, initial_model
from wakeword.training.losses import loss_by_name
from wakeword.training.result import TrainResult
from wakeword.training.run import TrainingRun, keyword_minutes, weights_sha256
from wakeword.training.strategy import check_strategy, choose_strategy
from wakeword.training.verifier import VerifierStart, train_verifier


def train(
    data: Dataset,
    keywords: Sequence[str],
    config: TrainConfig | None = None,
    *,
    extra_data: Dataset | None = None,
    start: AnyModel | None = None,
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
        start: a model of the same keywords to continue from: its encoders, modes, heads and
            languages.
        weights: a checkpoint to load instead of the encoder's own sources.
        work_dir: folder for features and checkpoints; None is a folder in the cache.
        progress: called during all steps.

    Returns:
        The model with its operating point, on the processor, and the record of the run.

    Raises:
        ManifestError: the data cannot train a model.
        ConfigError: unknown names, no such device, or `start` has other keywords.
        CheckpointError: no encoder weights.
    """
    config = config or TrainConfig()
    device = choose_device(config.device)
    gate_start, verifier_start = stages_of(start)
    config = _continuing(config, start, keywords)
    # an error in the second stage is found now, not when the first one is trained
    second = VerifierStart.load(config, keywords, verifier_start, progress)
    parts = TrainingData.select(
        data, keywords, extra_data, validation_share=config.validation_share, seed=config.seed
    )
    config = replace(config, verifier=None)
    first_progress = with_prefix(progress, "gate") if second else progress
    run, description = _start_run(parts, keywords, config, gate_start, weights, first_progress)
    run.model.to(device)
    folder = Path(work_dir) if work_dir else storage.cache_dir() / "training"
    history, validation = run.fit(folder, first_progress)
    run.finish(history, validation)
    notes, held_out = run.notes(validation), validation.clips
    result = TrainResult(run.model, description, run.strategy, notes, tuple(history), held_out)
    if second is None:
        result = replace(result, model=run.model.cpu())
    else:
        verifier_progress = with_prefix(progress, "verifier")
        verifier = train_verifier(run, validation, second, folder, verifier_progress)
        verifier.model.cpu()
        result = replace(result, model=verifier.model, verifier=verifier)
    if start is not None:
        record_languages(result.model, languages_of(start))
    return result


def _continuing(
    config: TrainConfig, start: AnyModel | None, keywords: Sequence[str]
) -> TrainConfig:
    """Return the config that continues the training of a model, if there is one."""
    gate, verifier = stages_of(start)
    if gate is not None:
        config = config.continuing(gate, keywords)
    if verifier is not None:
        config = replace(config, verifier=config.verifier or VerifierConfig())
    return config


def _start_run(
    parts: TrainingData,
    keywords: Sequence[str],
    config: TrainConfig,
    start: WakeWordModel | None,
    weights: Path | str | None,
    progress: ProgressCallback | None,
) -> tuple[TrainingRun, str]:
    """Return the training of a model of one stage, and what loading its encoder removed."""
    pretrained = PretrainedEncoder.load(config, start=start, weights=weights, progress=progress)
    check_names(config, pretrained.encoder.spec)
    config = replace(config, streaming=pretrained.source.streaming)
    bank = KeywordBank.read(parts.train, progress)
    clips_per_keyword = len(bank.keywords) / len(keywords)
    strategy = choose_strategy(
        config.strategy, pretrained.encoder, keyword_minutes(bank), clips_per_keyword
    )
    model = initial_model(keywords, config, pretrained, strategy, start)
    start_key = weights_sha256(start) if start else ""
    run = TrainingRun(model, config, strategy, parts, bank, start_key)
    return run, pretrained.description


def check_names(config: TrainConfig, spec: EncoderSpec) -> None:
    """Check the names in a config before any clip is read.

    Args:
        config: names strategy, head and loss.
        spec: of the encoder.

    Raises:
        ConfigError: unknown name; the message suggests the nearest one.
    """
    check_strategy(config.strategy, spec)
    if config.head:
        head_class(config.head)
    loss_by_name(config.loss)
