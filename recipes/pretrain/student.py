"""The students: encoders with batch norms, a CTC head, and a head for the units."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import safetensors.torch
import torch
import torch.nn.functional as F
from example_files import UNITS, Examples, batches
from prepare import FRAME_RATE_HZ, TEACHER_LAYERS
from speech_examples import LETTERS
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from wakeword import storage
from wakeword.encoders._torchaudio import torchaudio
from wakeword.encoders.causal import HEAD_PREFIX
from wakeword.encoders.registry import build_encoder

DEV_BATCH = 32


class _FrameNorm(nn.BatchNorm1d):
    """Batch norm over (batch, frames, dim)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.flatten(0, 1)).view_as(x)


class Student(nn.Module):
    """The encoder with batch norms after some of its matrices, and both heads.

    Attributes:
        name: of the encoder.
        norms: the names of a layer's modules that a norm follows, and that of the stem.
        delay: frames of the teacher by which the student is later.
    """

    name: ClassVar[str]
    norms: ClassVar[tuple[str, ...]]
    delay: ClassVar[int]

    def __init__(self) -> None:
        super().__init__()
        self.encoder = build_encoder(self.name, hop=1)
        dim = self.encoder.dim
        for owner, name in self.normed():
            module = getattr(owner, name)
            norm = _FrameNorm(dim) if isinstance(module, nn.Linear) else nn.BatchNorm1d(dim)
            setattr(owner, name, nn.Sequential(module, norm))
        self.units = nn.Linear(dim, TEACHER_LAYERS * UNITS)
        self.ctc = nn.Linear(dim, len(LETTERS) + 1)

    def forward(
        self, features: Tensor, units: Tensor, texts: list[str | None]
    ) -> tuple[Tensor, Tensor]:
        """Return the cross-entropy of the units and the CTC loss of the examples with text."""
        x, _ = self.encoder(features)
        complete = torch.arange(1, x.shape[1] + 1) * (FRAME_RATE_HZ / self.encoder.frame_rate_hz)
        matching = (complete + 1e-3).long() - 1 - self.delay  # the teacher's frame of each
        first = int((matching < 0).sum())
        logits = self.units(x[:, first:]).unflatten(2, (TEACHER_LAYERS, UNITS))
        unit_loss = F.cross_entropy(logits.flatten(0, 2), units[:, matching[first:]].flatten())
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

    def normed(self) -> list[tuple[nn.Module, str]]:
        """Return the modules that a norm follows, each as its owner and its name there."""
        trunk: Any = self.encoder.trunk
        return [
            (trunk, "stem"),
            *((layer, name) for layer in trunk.layers for name in self.norms),
        ]

    def transcribe(self, features: Tensor) -> list[str]:
        """Return the most likely letters of each example, by greedy decoding."""
        x, _ = self.encoder(features)
        best = self.ctc(x).argmax(2).cpu()
        lines = [torch.unique_consecutive(row) for row in best]
        return ["".join(LETTERS[int(i) - 1] for i in line if i) for line in lines]


class CompactStudent(Student):
    """`wakeword-stream`, which learns Whisper's frames 80 ms later."""

    name, norms, delay = "wakeword-stream", ("first",), 2


class MicroStudent(Student):
    """`wakeword-micro`, which learns the frames of `wakeword-stream` 40 ms later."""

    name, norms, delay = "wakeword-micro", ("depthwise", "pointwise"), 1


STUDENTS: dict[str, type[Student]] = {each.name: each for each in (CompactStudent, MicroStudent)}


@torch.no_grad()
def measure(student: Student, examples: Examples, device: torch.device) -> dict[str, float]:
    """Return losses and character error rate on examples without noise."""
    student.eval()
    errors = letters = 0
    losses: list[Tensor] = []
    indices = np.array_split(np.arange(len(examples)), -(-len(examples) // DEV_BATCH))
    front_end = student.encoder.spec.new_front_end()
    for features, units, texts in batches(examples, indices, front_end, None):
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
    for owner, name in student.normed():
        module, norm = getattr(owner, name)
        fuse = fuse_linear_bn_eval if isinstance(module, nn.Linear) else fuse_conv_bn_eval
        setattr(owner, name, fuse(module, norm))
    tensors = dict(student.encoder.trunk.state_dict())
    tensors |= {f"{HEAD_PREFIX}{name}": tensor for name, tensor in student.ctc.state_dict().items()}
    halves = {name: tensor.half().contiguous() for name, tensor in tensors.items()}
    with storage.atomic_write(file) as part:
        safetensors.torch.save_file(halves, part, {"letters": LETTERS})
