"""The training loop: epochs over encoded examples, with early stopping and checkpoints."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from wakeword.model.network import WakeWordModel
from wakeword.progress import ProgressCallback, report_detail
from wakeword.training.augmentation import mask_features
from wakeword.training.checkpoint import AveragedWeights, Checkpoint
from wakeword.training.config import TrainConfig
from wakeword.training.distributed import ProcessGroup
from wakeword.training.feature_cache import EncodedExamples, autocast
from wakeword.training.losses import loss_by_name
from wakeword.training.result import EpochResult, best_epoch
from wakeword.training.strategy import Strategy, keep_frozen, parameter_groups
from wakeword.training.validation import Validation

_MICRO_BATCH = 16  # examples whose gradients are computed at once: they fit the processor's caches
_WARM_UP = 0.03  # of the training
_UNFREEZE_EVERY = 0.08  # of the training, with gradual unfreezing
_GRADIENT_NORM = 1.0


class TrainingLoop:
    """Trains the trainable part of a model and leaves it with the weights of its `best_epoch`.

    Args:
        model: `examples` are encoded up to some depth of its encoder.
        config: batch, rates, epochs and patience.
        strategy: learning rates of the layer groups.
        examples: training examples.
        validation: held-out clips, encoded to the same depth; None only measures a step.
    """

    def __init__(
        self,
        model: WakeWordModel,
        config: TrainConfig,
        strategy: Strategy,
        examples: EncodedExamples,
        validation: Validation | None,
    ) -> None:
        self._model, self._config, self._strategy = model, config, strategy
        self._examples, self._validation = examples, validation
        self._group = ProcessGroup.current()
        self._loss = loss_by_name(config.loss)
        groups = parameter_groups(model.encoder, model.head, strategy, config.learning_rate)
        self._optimiser = torch.optim.AdamW(groups, weight_decay=config.weight_decay)
        self._base_rates = [group["lr"] for group in self._optimiser.param_groups]
        self._weights = AveragedWeights(model)
        self._trains_head_alone = examples.depth == model.encoder.depth
        self._batch = config.batch if self._trains_head_alone else max(1, config.batch // 4)
        self._steps = -(-len(examples.frames) // self._batch)

    def run(self, file: Path, progress: ProgressCallback | None = None) -> list[EpochResult]:
        """Train to the end, or from the last checkpoint on; return the result of each epoch.

        Args:
            file: the checkpoint, written after every epoch.
            progress: called after each step.
        """
        config, validation = self._config, self._validation
        assert validation is not None
        clips = validation.clips
        checkpoint = Checkpoint(file, self._weights, self._optimiser)
        history = checkpoint.restore()
        for epoch in range(len(history), config.epochs):
            if _has_stopped(history, config.patience, clips):
                break
            loss = self._train_epoch(epoch, progress, _miss_so_far(history))
            self._model.eval()
            if progress:
                progress("validating", epoch, config.epochs)
            with self._weights.applied():
                miss = validation.miss_rate(self._model)
            history.append(EpochResult(epoch, loss, miss))
            if progress:
                progress("validating", epoch + 1, config.epochs)
                report_detail(progress, f"loss {loss:.4f}{_miss_so_far(history)}")
            if best_epoch([result.miss for result in history], clips) == epoch:
                self._weights.keep_as_best()
            if self._group.is_main:
                checkpoint.save(history)
        self._weights.load(self._weights.best)
        self._model.eval()
        return history

    def seconds_per_example(self) -> float:
        """Measure a step, which changes the weights: the seconds of one of its examples."""
        self._model.train()
        keep_frozen(self._model)
        # a step of the encoder is slow, and takes about as long per example with two of them
        count = self._batch if self._trains_head_alone else min(self._batch, 2)
        batch = torch.arange(count) % len(self._examples.frames)
        self._step(batch[:1], 0)  # prepares the optimiser
        start = time.perf_counter()
        self._step(batch, 0)
        self._weights.update(0.01)
        return (time.perf_counter() - start) / count

    def _train_epoch(self, epoch: int, progress: ProgressCallback | None, miss: str) -> float:
        """Take the steps of one epoch; return the mean loss.

        Args:
            epoch: number of the epoch.
            progress: called after each step.
            miss: the miss rate before this epoch in words, to report with the loss.
        """
        config = self._config
        generator = torch.Generator().manual_seed(config.seed * 1_000_003 + epoch)
        order = torch.randperm(len(self._examples.frames), generator=generator)
        # dropout and positions: each process draws its own
        torch.manual_seed(config.seed * 10_007 + epoch + 7919 * self._group.rank)
        self._model.train()
        keep_frozen(self._model)
        total = 0.0
        for step in range(self._steps):
            self._set_learning_rates((epoch + step / self._steps) / config.epochs)
            total += self._step(order[step * self._batch : (step + 1) * self._batch], epoch)
            steps = epoch * self._steps + step + 1
            self._weights.update(max(1 - config.averaging, 1 / steps))
            if progress:
                progress("training", steps, config.epochs * self._steps)
                mean = total * self._group.size / (step + 1)
                report_detail(progress, f"loss {mean:.4f}{miss}")
        return self._group.all_reduce_sum(total) / self._steps

    def _step(self, batch: Tensor, epoch: int) -> float:
        """Take one step; return the loss of this process's share of the batch."""
        self._optimiser.zero_grad(set_to_none=True)
        own = self._group.shard(batch)
        total = 0.0
        for part in torch.split(own, _MICRO_BATCH) if len(own) else ():
            logits = self._logits(self._frames(part, epoch))
            loss = self._loss(logits, self._examples.targets[part].to(logits.device))
            loss = loss * (len(part) / len(batch))
            loss.backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach())
        self._group.all_reduce_gradients(self._model.parameters())
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), _GRADIENT_NORM)
        self._optimiser.step()
        return total

    def _set_learning_rates(self, position: float) -> None:
        for i, group in enumerate(self._optimiser.param_groups):
            factor = learning_rate_factor(position, i, gradual=self._strategy.gradual)
            group["lr"] = self._base_rates[i] * factor

    def _frames(self, part: Tensor, epoch: int) -> Tensor:
        """Return frames of some examples, with new masks each epoch if all layers are trained.

        A network that sees the features themselves would memorise fixed masks.
        """
        device = self._model.device
        frames = torch.from_numpy(self._examples.frames[part.numpy()]).float()
        if self._examples.depth or not self._model.frontend.has_bands:
            return frames.to(device)
        share, seed = self._config.examples.augment.mask_share, self._config.seed
        generators = [np.random.default_rng((seed, epoch, int(number))) for number in part]
        masked = [
            mask_features(each, rng, share) for each, rng in zip(frames, generators, strict=True)
        ]
        return torch.stack(masked).to(device)

    def _logits(self, frames: Tensor) -> Tensor:
        """Run the rest of the model on encoded examples: (batch, U, keywords)."""
        encoder, depth = self._model.encoder, self._examples.depth
        if depth < encoder.depth:
            positions = torch.randint(1 << 20, (len(frames),)).to(frames.device)
            state = encoder.initial_state(positions)
            with autocast(frames.device):
                frames, _ = encoder(frames, state, start=depth)
            frames = frames.float()
        logits: Tensor = self._model.head(frames)[0]
        return logits


def learning_rate_factor(position: float, group: int, *, gradual: bool = False) -> float:
    """Return the learning rate relative to its maximum: linear warm-up, then half a cosine.

    Args:
        position: share of the training that is done, 0 to 1.
        group: number of the parameter group: 0 is the head, 1 the top layer group, and so on.
        gradual: whether each group starts 8 % of the training after the one above it.
    """
    begin = _UNFREEZE_EVERY * group if gradual else 0.0
    if position < begin:
        return 0.0
    warm_up = min(1.0, (position - begin) / _WARM_UP + 1e-3)
    return warm_up * 0.5 * (1.0 + math.cos(math.pi * position))


def _miss_so_far(history: Sequence[EpochResult]) -> str:
    """Return the miss rate after the last epoch in words, "" before the first."""
    return f", held-out miss {history[-1].miss:.1%}" if history else ""


def _has_stopped(history: Sequence[EpochResult], patience: int, clips: int) -> bool:
    """Whether the last `patience` epochs were all worse than the `best_epoch`."""
    misses = [result.miss for result in history]
    return bool(misses) and len(misses) - 1 - best_epoch(misses, clips) >= patience
