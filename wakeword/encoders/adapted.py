"""Changes to a checkpoint that were learned elsewhere and are laid upon it when it is loaded.

A file of changes is small: for a matrix two thin ones whose product is added to it (`<name>.up`,
`<name>.down`), for anything else what is added to its first rows. `recipes/pretrain/adapt.py`
makes them; those that ship lie beside this module.

Source: Hu et al. 2021, "LoRA: low-rank adaptation of large language models".
"""

from __future__ import annotations

from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from wakeword.encoders.formats import Tensors
from wakeword.errors import CheckpointError


def changed(tensors: Tensors, path: Path) -> Tensors:
    """The tensors of a checkpoint with the changes of a file, rounded to half precision.

    Raises CheckpointError where the file is damaged or belongs to another checkpoint.
    """
    try:
        changes = safetensors.torch.load_file(path)
    except (OSError, safetensors.SafetensorError) as error:
        raise CheckpointError(
            f"{path}: cannot be read as changes to an encoder ({error}). Install wakeword again."
        ) from error
    result = {name: tensor.clone() for name, tensor in tensors.items()}
    for name, change in changes.items():
        target = name.removesuffix(".up")
        if name.endswith(".down"):
            continue
        if target != name:
            change = change.float() @ changes[f"{target}.down"].float()
        rows = result.get(target, torch.empty(0))[: len(change)]
        if rows.shape != change.shape:
            raise CheckpointError(
                f"{path}: changes {target} by {tuple(change.shape)}, and the checkpoint has "
                f"{tuple(rows.shape)} there. It belongs to another checkpoint."
            )
        rows += change
    return {name: _halved(tensor) for name, tensor in result.items()}


def _halved(tensor: Tensor) -> Tensor:
    return tensor.half().float()
