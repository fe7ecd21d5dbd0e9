"""Low-rank changes to Whisper's encoder, and the encoder with them as a checkpoint."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wakeword.encoders.whisper import WhisperChunked, WhisperOffline


class LowRank(nn.Module):
    """A linear layer with a low-rank change: up @ down is added to its matrix."""

    def __init__(self, linear: nn.Linear, rank: int) -> None:
        super().__init__()
        self.linear = linear
        self.down = nn.Parameter(torch.randn(rank, linear.in_features) / linear.in_features**0.5)
        self.up = nn.Parameter(torch.zeros(linear.out_features, rank))

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x) + F.linear(F.linear(x, self.down), self.up)


def make_trainable(
    student: WhisperChunked, rank: int
) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Freeze the student but for a low-rank change of each matrix and some free parameters.

    Returns:
        The low-rank parameters, and the free ones: positions, first convolution, norms and biases.
    """
    trunk = student.trunk.requires_grad_(False)
    low_rank: list[nn.Parameter] = []
    for parent in list(trunk.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.Linear):
                change = LowRank(child, rank)
                low_rank += [change.down, change.up]
                setattr(parent, name, change)
    positions = nn.Parameter(trunk.positional_embedding[: student.period].clone())
    del trunk.positional_embedding
    trunk.positional_embedding = positions
    free = [positions, trunk.conv1.weight]
    free += [p for name, p in trunk.named_parameters() if name.endswith("bias")]
    free += [p for m in trunk.modules() if isinstance(m, nn.LayerNorm) for p in [m.weight]]
    for parameter in free:
        parameter.requires_grad_(True)
    return low_rank, free


def copy_into(parameters: dict[str, nn.Parameter], values: dict[str, Tensor]) -> None:
    """Set parameters to values, by name."""
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(values[name])


def merged_checkpoint(student: WhisperChunked, teacher: WhisperOffline) -> dict[str, Tensor]:
    """Return the student as a checkpoint in OpenAI's layout, half precision.

    Changes are added to their matrices; positions that the student does not use are the teacher's.
    """
    tensors = {name: tensor.clone() for name, tensor in teacher.trunk.state_dict().items()}
    for name, parameter in student.trunk.named_parameters():
        if parameter.requires_grad and not name.endswith((".up", ".down")):
            tensors[name.replace(".linear.", ".")][: len(parameter)] = parameter.detach()
    for name, module in student.trunk.named_modules():
        if isinstance(module, LowRank):
            tensors[f"{name}.weight"] += (module.up @ module.down).detach()
    return {f"encoder.{name}": tensor.half() for name, tensor in tensors.items()}
