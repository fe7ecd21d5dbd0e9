"""Samples to features, exactly as the encoder's training saw them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from wakeword.audio.samples import SAMPLE_RATE
from wakeword.encoders._torchaudio import torchaudio

N_FFT = 400  # 25 ms
HOP = 160  # 10 ms: 100 feature frames a second
FRAME_RATE_HZ = SAMPLE_RATE / HOP

Kind = Literal["log-mel", "piecewise-log-mel", "waveform"]

RANGE = 8.0  # log10 units: what lies 80 dB below the reference level is floor
FIXED_LEVEL = 1.5
"""The reference level of streams, in log10 of mel power.

Whisper clips 80 dB below the loudest point *of the window*: a stream has no such window, and
tomorrow's shout must not change today's features. Half of all clips of speech peak below 1.15, a
quarter above 1.5, nearly all below 2.1; `recipes/frontend_level.py` prints what each level costs.
"""


class FrontEnd(nn.Module):
    """Samples to feature frames of 10 ms, as a stream: `forward(samples, state=None)`.

    Attributes:
        width: numbers in a feature frame.
        silence: each of them in digital silence.
        look_ahead_ms: audio after the end of a frame that it sees.
        level: what values are measured against, None where they are not.
    """

    width: int
    silence: float
    level: float | None = None
    look_ahead_ms: float

    def forward(self, samples: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """(batch, samples) at 16 kHz → (batch, frames, width), 100 frames/s, and the state."""
        raise NotImplementedError

    def samples_for(self, frames: int) -> int:
        """Samples after which so many frames have come out."""
        raise NotImplementedError


class MelState(NamedTuple):
    """Samples that later frames still need; `started` once the reflected start has been laid."""

    pending: Tensor  # (batch, samples)
    started: bool


class MelFrontEnd(FrontEnd):
    """Power in bands of the mel scale, made smaller by a logarithm of the subclass's kind.

    Frame t looks at samples [160 t - 200, 160 t + 200), the first ones reflected at the start.

    Look-ahead: a frame of 10 ms begins at its middle sample, so its reach of 200 samples goes
    2.5 ms beyond its end.
    """

    window: Tensor
    filters: Tensor

    def __init__(self, mels: int, scale: str, norm: str | None) -> None:
        super().__init__()
        self.width = mels
        self.look_ahead_ms = 1000 * (N_FFT // 2 - HOP) / SAMPLE_RATE
        filters = torchaudio.functional.melscale_fbanks(
            N_FFT // 2 + 1,
            0.0,
            SAMPLE_RATE / 2,
            mels,
            SAMPLE_RATE,
            norm=norm,
            mel_scale=scale,
        )
        self.register_buffer("window", torch.hann_window(N_FFT), persistent=False)
        self.register_buffer("filters", filters, persistent=False)

    def forward(self, samples: Tensor, state: MelState | None = None) -> tuple[Tensor, MelState]:
        if state is None:
            state = MelState(samples[:, :0], started=False)
        pending = torch.cat([state.pending, samples], dim=1)
        if not state.started:
            reach = N_FFT // 2
            if pending.shape[1] <= reach:
                return samples.new_zeros(len(samples), 0, self.width), MelState(pending, False)
            pending = torch.cat([pending[:, 1 : reach + 1].flip(1), pending], dim=1)
        frames = max(0, (pending.shape[1] - N_FFT) // HOP + 1)
        state = MelState(pending[:, frames * HOP :], started=True)
        if frames == 0:
            return samples.new_zeros(len(samples), 0, self.width), state
        power = _power(pending.unfold(1, N_FFT, HOP) * self.window)
        return self.smaller(power @ self.filters), state

    def smaller(self, power: Tensor) -> Tensor:
        """(batch, frames, mels) of power, of samples in [-1, 1] → as the network is to get it."""
        raise NotImplementedError

    def samples_for(self, frames: int) -> int:
        return (frames - 1) * HOP + N_FFT // 2


class LogMel(MelFrontEnd):
    """Whisper's log-mel spectrogram as a stream.

    With `level=None` the floor is set by the maximum of what is fed in one call, which equals
    Whisper's features; that is for reference, not for streams.
    """

    def __init__(self, mels: int = 80, level: float | None = FIXED_LEVEL) -> None:
        super().__init__(mels, scale="slaney", norm="slaney")
        self.level = level
        level = FIXED_LEVEL if level is None else level
        self.silence = (level - RANGE + 4.0) / 4.0

    def smaller(self, power: Tensor) -> Tensor:
        log = power.clamp_min(1e-10).log10()
        level = log.amax(dim=(1, 2), keepdim=True) if self.level is None else self.level
        return (torch.maximum(log, torch.as_tensor(level) - RANGE) + 4.0) / 4.0


class PiecewiseLogMel(MelFrontEnd):
    """What torchaudio's Emformer hears: the power of 16-bit samples, its logarithm above e, and a
    line, x / e, of what is then no more than e: of small powers, and of small logarithms too."""

    silence = 0.0

    def __init__(self, mels: int = 80) -> None:
        super().__init__(mels, scale="htk", norm=None)

    def smaller(self, power: Tensor) -> Tensor:
        power = power * float(torch.iinfo(torch.int16).max) ** 2
        log = torch.where(power > math.e, power.clamp_min(math.e).log(), power)
        return torch.where(log > math.e, log, log / math.e)


class Waveform(FrontEnd):
    """For networks that take the sound itself: a feature frame is 160 samples."""

    def __init__(self) -> None:
        super().__init__()
        self.width, self.silence, self.look_ahead_ms = HOP, 0.0, 0.0

    def forward(self, samples: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        if state is not None:
            samples = torch.cat([state, samples], dim=1)
        whole = samples.shape[1] // HOP * HOP
        return samples[:, :whole].reshape(len(samples), -1, HOP), samples[:, whole:]

    def samples_for(self, frames: int) -> int:
        return frames * HOP


FRONT_ENDS: dict[str, Callable[[int], FrontEnd]] = {
    "log-mel": LogMel,
    "piecewise-log-mel": PiecewiseLogMel,
    "waveform": lambda mels: Waveform(),
}


def _power(windows: Tensor) -> Tensor:
    """(…, N_FFT) → (…, N_FFT / 2 + 1): the power of each frequency.

    Args:
        windows: of samples under a Hann window, whose first value is 0.
    """
    if torch.compiler.is_exporting():  # other runtimes have a slow FFT or none: as two matrices
        half = N_FFT // 2
        first, later = windows[..., 1 : half + 1], windows[..., half + 1 :].flip(-1)
        even = torch.cat([first[..., :-1] + later, first[..., -1:]], dim=-1)
        odd = first[..., :-1] - later
        turns = torch.arange(1, half + 1, dtype=torch.float64)[:, None] * torch.arange(half + 1)
        angles = turns * (2 * torch.pi / N_FFT)
        real, imaginary = even @ angles.cos().float(), odd @ angles[:-1].sin().float()
    else:
        spectrum = torch.fft.rfft(windows)
        real, imaginary = spectrum.real, spectrum.imag
    return real.square() + imaginary.square()
