"""The device that computes: the processor, or a GPU where there is one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from wakeword.errors import ConfigError, unknown_name_message

if TYPE_CHECKING:  # exported models need no torch
    import torch

DEVICES = ("auto", "cpu", "cuda", "mps")
"""Names of devices; "auto" is an NVIDIA or AMD GPU where torch finds one, else the processor."""

_REMEDIES = {
    "cuda": "Check the GPU's driver, and install a build of torch for it "
    "(https://pytorch.org/get-started).",
    "mps": "It needs a Mac with Apple silicon.",
}


def choose_device(name: str = "auto") -> torch.device:
    """Return the device of a name.

    Of several GPUs, each process that torchrun started on a machine takes its own. Convolutions on
    a GPU are computed in full float32, so that results are those of the processor but for rounding.

    Args:
        name: one of `DEVICES`. Apple's "mps" has to be asked for: operations that it lacks would
            end a training.

    Raises:
        ConfigError: unknown name, or no such device here; the message says what to install.
    """
    import torch

    if name not in DEVICES:
        raise ConfigError(unknown_name_message("device", name, DEVICES))
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    available = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if not available[name]:
        raise ConfigError(
            f"no device {name}: torch {torch.__version__} finds none on this machine. "
            f"{_REMEDIES[name]} Or leave --device out."
        )
    if name != "cuda":
        return torch.device(name)
    torch.backends.cudnn.allow_tf32 = False
    number = int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count()
    return torch.device("cuda", number)
