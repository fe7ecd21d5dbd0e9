"""The student: the compact encoder with batch norms, a CTC head, and a head for the units."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
import torch.nn.functional as F
from example_files import UNITS, Examples, batches
from prepare import TEACHER_LAYERS
from speech_examples import LETTERS
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_linear_bn_eval

from wakeword import storage
from wakeword.encoders._torchaudio import torchaudio
from wakeword.encoders.compact import HEAD_PREFIX
from wakeword.encoders.registry import build_encoder

NAME = "wakeword-stream"
DELAY = 2  # frames of 40 ms between the teacher's frame and the student's
DEV_BATCH = 32


class _FrameNorm(nn.BatchNorm1d):
    """Batch norm over (batch, frames, dim)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.flatten(0, 1)).view_as(x)


class Student(nn.Module):
    """The encoder with a batch norm after the first matrix of each layer, and both heads."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = build_encoder(NAME, hop=1)
        dim = self.encoder.dim
        trunk: Any = self.encoder.trunk
        trunk.stem = nn.Sequential(trunk.stem, _FrameNorm(dim))
        for layer in trunk.layers:
            layer.first = nn.Sequential(layer.first, _FrameNorm(dim))
        self.units = nn.Linear(dim, TEACHER_LAYERS * UNITS)
        self.ctc = nn.Linear(dim, len(LETTERS) + 1)

    def forward(
        self, features: Tensor, units: Tensor, texts: list[str | None]
    ) -> tuple[Tensor, Tensor]:
        """Return the cross-entropy of the units and the CTC loss of the examples with text."""
        x, _ = self.encoder(features)
        logits = self.units(x[:, DELAY:]).unflatten(2, (TEACHER_LAYERS, UNITS))
        unit_loss = F.cross_entropy(logits.flatten(0, 2), units[:, :-DELAY].flatten())
        known = [i for i, text in enumerate(texts) if text]
        if not known:
            return unit_loss, 0.0 * self.ctc(x).sum()
        codes = [torch.tensor([1 + LETTERS.index(c) for c in texts[i] or ""]) for i in known]
        log_probs = self.ctc(x[known]).log_softmax(2).transpose(0, 1)
        lengths = torch.full((len(known),), len(log_probs))
        sizes = torch.tensor([len(code) for code in codes])
        ctc_loss = F.ctc_loss(
            log_probs, torch.cat(codes).to(x.device), lengths, sizes, zero_infinity=True
        )
        return unit_loss, ctc_loss

    def transcribe(self, features: Tensor) -> list[str]:
        """Return the most likely letters of each example, by greedy decoding."""
        x, _ = self.encoder(features)
        best = self.ctc(x).argmax(2).cpu()
        lines = [torch.unique_consecutive(row) for row in best]
        return ["".join(LETTERS[int(i) - 1] for i in line if i) for line in lines]


@torch.no_grad()
def measure(student: Student, examples: Examples, device: torch.device) -> dict[str, float]:
    """Return losses and character error rate on examples without noise."""
    student.eval()
    errors = letters = 0
    losses: list[Tensor] = []
    indices = np.array_split(np.arange(len(examples)), -(-len(examples) // DEV_BATCH))
    for features, units, texts in batches(examples, indices, None):
        losses.append(torch.stack(student(features.to(device), units.to(device), texts)))
        for transcript, text in zip(student.transcribe(features.to(device)), texts, strict=True):
            if text:
                errors += torchaudio.functional.edit_distance(list(transcript), list(text))
                letters += len(text)
    unit_loss, ctc_loss = torch.stack(losses).mean(0).tolist()
    return {"dev_units": unit_loss, "dev_ctc": ctc_loss, "dev_cer": errors / max(1, letters)}


def write_checkpoint(student: Student, file: Path) -> None:
    """Write the encoder, with its norms folded in, and the CTC head, in half precision."""
    student = student.cpu().eval()
    trunk: Any = student.encoder.trunk
    trunk.stem = fuse_linear_bn_eval(*trunk.stem)
    for layer in trunk.layers:
        layer.first = fuse_linear_bn_eval(*layer.first)
    tensors = dict(trunk.state_dict())
    tensors |= {f"{HEAD_PREFIX}{name}": tensor for name, tensor in student.ctc.state_dict().items()}
    halves = {name: tensor.half().contiguous() for name, tensor in tensors.items()}
    with storage.atomic_write(file) as part:
        safetensors.torch.save_file(halves, part, {"letters": LETTERS})
