"""Front ends: samples to the features that the encoder's training saw."""

from __future__ import annotations

import math
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from wakeword.audio.samples import SAMPLE_RATE
from wakeword.encoders._torchaudio import torchaudio

N_FFT = 400  # 25 ms
HOP = 160  # 10 ms: 100 feature frames a second
FRAME_RATE_HZ = SAMPLE_RATE / HOP

DYNAMIC_RANGE = 8.0
"""In log10 units: power more than 80 dB below the reference level is raised to that floor."""
FIXED_LEVEL = 1.5
"""Reference level of streams, in log10 of mel power.

Whisper clips 80 dB below the loudest point *of its window*. A stream has no such window, and later
audio must not change the features of earlier audio. Half of all speech clips peak below 1.15, a
quarter above 1.5, nearly all below 2.1; `recipes/frontend_level.py` prints what each level costs.
"""


class FrontEnd(nn.Module):
    """Samples to feature frames of 10 ms, as a stream.

    Attributes:
        width: values in a feature frame.
        silence: each value in digital silence.
        look_ahead_ms: audio after the end of a frame that the frame depends on.
        level: reference level of the dynamic range; None where the front end has none.
        has_bands: whether the values of a frame are frequency bands, so that some can be masked.
        exportable: whether an ONNX graph can hold it.
    """

    has_bands: ClassVar[bool] = False
    exportable: ClassVar[bool] = True
    width: int
    silence: float
    level: float | None = None
    look_ahead_ms: float

    def forward(self, samples: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Compute the features of the next piece of a stream.

        Args:
            samples: (batch, samples) at 16 kHz in [-1, 1].
            state: what the previous call of the same stream returned.

        Returns:
            Features (batch, frames, width), 100 frames a second, and the state for the next call.
        """
        raise NotImplementedError

    def start(self, samples: Tensor) -> tuple[Any, Tensor]:
        """Start a stream at the point from which every 160 samples bring a frame.

        Args:
            samples: (batch, samples) at 16 kHz in [-1, 1], the first of the stream, at least as
                many as one frame needs.

        Returns:
            The state at that point, and the samples after it: `forward` of the two returns what
            `forward` of all samples does.
        """
        raise NotImplementedError

    def samples_for(self, frames: int) -> int:
        """Return the number of samples after which so many frames have come out."""
        raise NotImplementedError


class MelState(NamedTuple):
    """State of a `MelFrontEnd`."""

    pending: Tensor  # (batch, samples) that later frames still need
    started: bool  # whether the reflected samples before the start are in place


class MelFrontEnd(FrontEnd):
    """Power in mel bands, compressed by a logarithm; subclasses say which.

    Frame t covers samples [160 t - 200, 160 t + 200), reflected at the start of the stream.

    Look-ahead: a frame of 10 ms begins at the middle of its 400 samples, so the last of them lie
    2.5 ms after its end.

    Args:
        mels: number of mel bands.
        scale: formula of the mel scale, as torchaudio names it.
        norm: normalisation of the bands' area, as torchaudio names it.
    """

    has_bands = True
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
        """Compute (batch, frames, mels) of the next samples; see `FrontEnd.forward`."""
        if state is None:
            state = MelState(samples[:, :0], started=False)
        pending = torch.cat([state.pending, samples], dim=1)
        if not state.started:
            if pending.shape[1] <= N_FFT // 2:
                return samples.new_zeros(len(samples), 0, self.width), MelState(pending, False)
            pending = _reflected(pending)
        frames = max(0, (pending.shape[1] - N_FFT) // HOP + 1)
        state = MelState(pending[:, frames * HOP :], started=True)
        if frames == 0:
            return samples.new_zeros(len(samples), 0, self.width), state
        if torch.compiler.is_exporting():
            power = _exportable_mel_power(pending, frames, self.window, self.filters)
        else:
            spectrum = torch.fft.rfft(pending.unfold(1, N_FFT, HOP) * self.window)
            power = (spectrum.real.square() + spectrum.imag.square()) @ self.filters
        return self.compress(power), state

    def start(self, samples: Tensor) -> tuple[MelState, Tensor]:
        """The state holds the reflected samples and the first 40."""
        samples = _reflected(samples)
        return MelState(samples[:, : N_FFT - HOP], started=True), samples[:, N_FFT - HOP :]

    def compress(self, power: Tensor) -> Tensor:
        """Map (batch, frames, mels) of power, of samples in [-1, 1], to the network's input."""
        raise NotImplementedError

    def samples_for(self, frames: int) -> int:
        """The last frame's hops, and the half of its window after its middle."""
        return (frames - 1) * HOP + N_FFT // 2


class LogMel(MelFrontEnd):
    """Whisper's log-mel spectrogram as a stream.

    Args:
        mels: number of mel bands.
        level: reference level, in log10 of mel power. None takes the maximum of each call's
            features, which equals Whisper's own; that is for reference, not for streams.
    """

    def __init__(self, mels: int = 80, level: float | None = FIXED_LEVEL) -> None:
        super().__init__(mels, scale="slaney", norm="slaney")
        self.level = level
        level = FIXED_LEVEL if level is None else level
        self.silence = (level - DYNAMIC_RANGE + 4.0) / 4.0

    def compress(self, power: Tensor) -> Tensor:
        """log10 of the power, raised to the floor and scaled as Whisper scales it."""
        if torch.compiler.is_exporting() and self.level is not None:  # the same in fewer operations
            floor = max(1e-10, 10 ** (self.level - DYNAMIC_RANGE))
            return power.clamp_min(floor).log() * (1 / math.log(10) / 4) + 1.0
        log = power.clamp_min(1e-10).log10()
        level = log.amax(dim=(1, 2), keepdim=True) if self.level is None else self.level
        lowest = torch.as_tensor(level, device=log.device) - DYNAMIC_RANGE
        return (torch.maximum(log, lowest) + 4.0) / 4.0


class PiecewiseLogMel(MelFrontEnd):
    """Features of torchaudio's Emformer: a piecewise logarithm of the power of 16-bit samples.

    Power above e becomes its logarithm; whatever is then no more than e, whether a small
    power or a small logarithm, is divided by e.
    """

    silence = 0.0

    def __init__(self, mels: int = 80) -> None:
        super().__init__(mels, scale="htk", norm=None)

    def compress(self, power: Tensor) -> Tensor:
        """The piecewise logarithm of the power of 16-bit samples."""
        power = power * float(torch.iinfo(torch.int16).max) ** 2
        log = torch.where(power > math.e, power.clamp_min(math.e).log(), power)
        return torch.where(log > math.e, log, log / math.e)


class Waveform(FrontEnd):
    """No features, for networks that take samples: a feature frame is 160 samples."""

    def __init__(self) -> None:
        super().__init__()
        self.width, self.silence, self.look_ahead_ms = HOP, 0.0, 0.0

    def forward(self, samples: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Cut the samples into (batch, frames, 160); the state holds the rest."""
        if state is not None:
            samples = torch.cat([state, samples], dim=1)
        complete = samples.shape[1] // HOP * HOP
        return samples[:, :complete].reshape(len(samples), -1, HOP), samples[:, complete:]

    def start(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """Nothing comes before the first frame."""
        return samples[:, :0], samples

    def samples_for(self, frames: int) -> int:
        """160 samples a frame."""
        return frames * HOP


def _reflected(samples: Tensor) -> Tensor:
    """Put the reflection of the first samples before the start of a stream."""
    return torch.cat([samples[:, 1 : N_FFT // 2 + 1].flip(1), samples], dim=1)


def _exportable_mel_power(samples: Tensor, frames: int, window: Tensor, filters: Tensor) -> Tensor:
    """Compute the power in mel bands with matrix products: other runtimes have a slow FFT or none.

    One step of a radix-2 FFT halves the matrices: the even frequencies of a window depend on the
    sum of its two halves, the odd ones on their difference.

    Args:
        samples: (batch, samples) of which frame t takes N_FFT from sample HOP · t on.
        frames: number of frames.
        window: (N_FFT,)
        filters: (N_FFT / 2 + 1, mels)

    Returns:
        (batch, frames, mels)
    """
    half = N_FFT // 2
    step = math.gcd(N_FFT, HOP)  # rows of so many samples are faster to gather than samples
    rows = samples[:, : (frames - 1) * HOP + N_FFT].reshape(len(samples), -1, step)
    indices = HOP // step * torch.arange(frames)[:, None] + torch.arange(N_FFT // step)
    windows = rows.index_select(1, indices.flatten()).reshape(len(samples), frames, N_FFT)
    first, second = torch.split(windows * window, half, dim=2)
    angles = torch.arange(half, dtype=torch.float64)[:, None] * torch.arange(half + 1)
    angles *= 2 * torch.pi / N_FFT
    parities = ((first + second, slice(0, None, 2)), (first - second, slice(1, None, 2)))
    real = [folded @ angles[:, bins].cos().float() for folded, bins in parities]
    imaginary = [folded @ angles[:, bins].sin().float() for folded, bins in parities]
    parts = torch.cat([*real, *imaginary], dim=2)  # even frequencies before odd ones
    real_square, imaginary_square = torch.split(parts * parts, half + 1, dim=2)
    return (real_square + imaginary_square) @ torch.cat([filters[bins] for _, bins in parities])
