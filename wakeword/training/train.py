"""Fine-tune a pretrained encoder with a new head: data set in, model out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from wakeword import storage
from wakeword.data.dataset import Dataset
from wakeword.data.loader import KeywordBank
from wakeword.model.network import WakeWordModel
from wakeword.model.two_stage import AnyModel, TwoStageModel
from wakeword.progress import ProgressCallback
from wakeword.training.config import TrainConfig, VerifierConfig
from wakeword.training.data import TrainingData
from wakeword.training.initial_model import PretrainedEncoder, initial_model
from wakeword.training.result import TrainResult
from wakeword.training.run import TrainingRun, keyword_minutes, weights_sha256
from wakeword.training.strategy import choose_strategy
from wakeword.training.verifier import train_verifier


def train(
    data: Dataset,
    keywords: Sequence[str],
    config: TrainConfig | None = None,
    *,
    extra_data: Dataset | None = None,
    start: AnyModel | None = None,
    weights: Path | str | None = None,
    verifier_weights: Path | str | None = None,
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
        verifier_weights: the same for the encoder of the verifier.
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
    gate_start, verifier_start = _stages(start)
    if gate_start is not None:
        config = config.continuing(gate_start, keywords)
    if verifier_start is not None:
        config = replace(config, verifier=config.verifier or VerifierConfig())
    parts = TrainingData.select(
        data, keywords, extra_data, validation_share=config.validation_share, seed=config.seed
    )
    pretrained = PretrainedEncoder.load(
        config, start=gate_start, weights=weights, progress=progress
    )
    config = replace(config, streaming=pretrained.source.streaming)
    bank = KeywordBank.read(parts.train, progress)
    clips_per_keyword = len(bank.keywords) / len(keywords)
    strategy = choose_strategy(
        config.strategy, pretrained.encoder, keyword_minutes(bank), clips_per_keyword
    )
    model = initial_model(keywords, config, pretrained, strategy, gate_start)
    start_key = weights_sha256(gate_start) if gate_start else ""
    run = TrainingRun(model, config, strategy, parts, bank, start_key)
    folder = Path(work_dir) if work_dir else storage.cache_dir() / "training"
    history, validation = run.fit(folder, progress)
    run.finish(history, validation)
    notes, held_out = run.notes(validation), validation.clips
    result = TrainResult(model, pretrained.description, strategy, notes, tuple(history), held_out)
    if not config.verifier:
        return result
    verifier = train_verifier(
        run,
        validation,
        folder,
        start=verifier_start,
        weights=verifier_weights,
        progress=progress,
    )
    return replace(result, model=verifier.model, verifier=verifier)


def _stages(start: AnyModel | None) -> tuple[WakeWordModel | None, WakeWordModel | None]:
    """Return the gate and the verifier of a model, as far as it has them."""
    if isinstance(start, TwoStageModel):
        return start.gate, start.verifier
    return start, None
