"""The state of a training run after an epoch, kept on disk so that it can be resumed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor, nn

from wakeword import storage
from wakeword.training.result import EpochResult

Weights = Mapping[str, Tensor]


class AveragedWeights:
    """Running mean of a model's trainable weights over the steps, and the best mean so far.

    The mean is what is validated and kept; the weights themselves go on being trained.

    Attributes:
        mean: the running mean, by parameter name.
        best: the mean of the epoch to keep; empty before the first `keep_as_best`.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self.mean: Weights = self._copy()
        self.best: Weights = {}

    def update(self, share: float) -> None:
        """Move the mean by `share` of the way to the current weights."""
        for name, tensor in self.current().items():
            self.mean[name].lerp_(tensor, share)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Give the model the mean weights for the time of a `with` block."""
        weights = self._copy()
        self.load(self.mean)
        try:
            yield
        finally:
            self.load(weights)

    def keep_as_best(self) -> None:
        """Remember the current mean as the best one."""
        self.best = {name: tensor.clone() for name, tensor in self.mean.items()}

    def current(self) -> dict[str, Tensor]:
        """Return the trainable weights of the model: the tensors themselves, no copies."""
        return {n: p.detach() for n, p in self._model.named_parameters() if p.requires_grad}

    def load(self, weights: Weights) -> None:
        """Copy weights into the model."""
        for name, tensor in self.current().items():
            tensor.copy_(weights[name])

    def _copy(self) -> dict[str, Tensor]:
        return {name: tensor.clone() for name, tensor in self.current().items()}


class Checkpoint:
    """A safetensors file with weights, averaged weights, optimiser state and history.

    Args:
        path: of the file.
        weights: the trainable weights of the model and their means.
        optimiser: over these weights.
    """

    def __init__(
        self, path: Path, weights: AveragedWeights, optimiser: torch.optim.Optimizer
    ) -> None:
        self.path, self._weights, self._optimiser = path, weights, optimiser

    def save(self, history: list[EpochResult]) -> None:
        """Write the state after the last epoch of `history`."""
        kinds = {
            "current": self._weights.current(),
            "mean": self._weights.mean,
            "best": self._weights.best,
        }
        tensors = {f"{kind}.{name}": t for kind, each in kinds.items() for name, t in each.items()}
        for number, state in self._optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{number}.{key}": value for key, value in state.items()}
        rows = [(result.epoch, result.loss, result.miss) for result in history]
        tensors["history"] = torch.tensor(rows, dtype=torch.float64)
        with storage.atomic_write(self.path) as part:
            safetensors.torch.save_file(tensors, part)

    def restore(self) -> list[EpochResult]:
        """Restore the state of an interrupted run; return its history, [] without a checkpoint."""
        if not self.path.is_file():
            return []
        tensors = safetensors.torch.load_file(self.path)
        rows = tensors.pop("history").tolist()
        kinds: dict[str, dict[str, Tensor]] = {"current": {}, "mean": {}, "best": {}}
        states: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            kind, rest = name.split(".", 1)
            if kind == "optimiser":
                number, key = rest.split(".")
                states.setdefault(int(number), {})[key] = tensor
            else:
                kinds[kind][rest] = tensor
        self._weights.load(kinds["current"])
        current = self._weights.current()
        self._weights.mean, self._weights.best = (
            {name: tensor.to(current[name].device) for name, tensor in kinds[kind].items()}
            for kind in ("mean", "best")
        )
        settings = self._optimiser.state_dict()
        self._optimiser.load_state_dict({**settings, "state": states})
        return [EpochResult(int(epoch), loss, miss) for epoch, loss, miss in rows]
