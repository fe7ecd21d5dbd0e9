"""Microphone and loudspeaker, through sounddevice (PortAudio)."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType, TracebackType
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from wakeword.audio.samples import SAMPLE_RATE, Samples, check_channel, to_mono
from wakeword.errors import AudioError, ConfigError, unknown_name_message

_BLOCK_MS = 40
_QUEUE_S = 10  # the reader may be busy this long before audio is lost
_POLL_S = 0.2  # between checks that the device is still there
_MAX_HARDWARE_CHANNELS = 16  # devices that claim more are sound servers and open any number
_INVALID_CHANNEL_COUNT = -9998  # paInvalidChannelCount
_PIPE_HINT = "or pipe audio in: arecord -t raw -f S16_LE -r 16000 | wakeword listen FILE -"


@dataclass(frozen=True)
class Device:
    """An input device as PortAudio lists it.

    Attributes:
        index: number to choose it by.
        name: may be shared by several devices.
        channels: number of input channels.
        rate: the rate that it prefers, in Hz.
        host: the sound system behind it, such as "ALSA".
        default: whether the system uses it where none is chosen.
    """

    index: int
    name: str
    channels: int
    rate: int
    host: str
    default: bool

    def __str__(self) -> str:
        plural = "" if self.channels == 1 else "s"
        default = ", the default" if self.default else ""
        return (
            f"{self.index}: {self.name} ({self.host}, {self.channels} channel{plural}, "
            f"{self.rate} Hz{default})"
        )


def list_devices() -> list[Device]:
    """List all input devices.

    Raises:
        ConfigError: sounddevice or PortAudio is not installed.
        AudioError: the sound system does not answer.
    """
    sd = _sounddevice()
    try:
        entries, hosts = sd.query_devices(), sd.query_hostapis()
        default = int(sd.default.device[0])
    except sd.PortAudioError as error:
        raise AudioError(
            f"the sound system does not list its devices ({error}). Check that it is running."
        ) from error
    return [
        Device(
            index=index,
            name=str(entry["name"]),
            channels=int(entry["max_input_channels"]),
            rate=round(entry["default_samplerate"]),
            host=str(hosts[entry["hostapi"]]["name"]),
            default=index == default,
        )
        for index, entry in enumerate(entries)
        if entry["max_input_channels"] > 0
    ]


class Microphone:
    """A live microphone: `with Microphone() as microphone: for block in microphone: ...`

    Blocks are (samples,) float32 in [-1, 1] at `rate`. They wait in a queue of 10 s; blocks that do
    not fit are lost and counted in `overflows`.

    Args:
        device: an index, a name or a part of a name; None is the system's default.
        channel: the channel to take, from 0; None mixes all of them.
        rate: in Hz; None is the rate that the device prefers.
        timeout_s: a device that delivers no blocks for this long counts as disconnected.

    Raises:
        ConfigError: sounddevice or PortAudio is not installed, or no device has that name.
        AudioError: there is no device, it lacks the channel or rate, or it was disconnected.
    """

    def __init__(
        self,
        device: int | str | None = None,
        channel: int | None = None,
        rate: int | None = None,
        *,
        timeout_s: float = 5.0,
    ) -> None:
        self.device = _choose_device(device, list_devices())
        check_channel(channel, self.device.channels, f"microphone '{self.device.name}'")
        self.channel = channel
        self.rate = self.device.rate if rate is None else rate
        self.overflows = 0
        self._timeout_s = timeout_s
        self._queue: queue.Queue[Samples] = queue.Queue(_QUEUE_S * 1000 // _BLOCK_MS)
        self._stream: Any = None
        self._closed = False

    def __enter__(self) -> Microphone:
        sd = _sounddevice()
        try:
            self._stream = self._open(sd)
            self._stream.start()
        except (sd.PortAudioError, ValueError) as error:
            self.close()
            raise AudioError(
                f"microphone '{self.device.name}' cannot be opened at {self.rate} Hz ({error}). "
                f"Its own rate is {self.device.rate} Hz. Close other programs that use it."
            ) from error
        self._closed = False
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[Samples]:
        if self._stream is None and not self._closed:
            raise RuntimeError("open the microphone first: with Microphone(...) as microphone:")
        while self._stream is not None:
            yield self._next_block()

    def close(self) -> None:
        """Stop recording and drop unread blocks; a loop over the blocks ends."""
        stream, self._stream, self._closed = self._stream, None, True
        if stream is not None:
            stream.close()

    def _open(self, sd: ModuleType) -> Any:
        """Open one channel for a mix, or all channels to take one of them.

        Drivers that refuse to open a single channel are opened with all of theirs.
        """
        available = self.device.channels
        if self.channel is not None:
            if available <= _MAX_HARDWARE_CHANNELS:
                return self._open_channels(sd, available)
            # A sound server mixes its channels down to the number requested: request two or more.
            return self._open_channels(sd, max(2, self.channel + 1))
        try:
            return self._open_channels(sd, 1)
        except sd.PortAudioError as error:
            if _INVALID_CHANNEL_COUNT not in error.args or available == 1:
                raise
        return self._open_channels(sd, available)

    def _open_channels(self, sd: ModuleType, channels: int) -> Any:
        return sd.InputStream(
            device=self.device.index,
            channels=channels,
            samplerate=self.rate,
            blocksize=self.rate * _BLOCK_MS // 1000,
            dtype="float32",
            latency="high",
            callback=self._callback,
        )

    def _callback(
        self, frames: npt.NDArray[np.float32], count: int, when: Any, status: Any
    ) -> None:
        """Queue a copy of the frames; runs in PortAudio's thread, so it must never wait."""
        if status.input_overflow:
            self.overflows += 1
        try:
            self._queue.put_nowait(to_mono(frames, self.channel))  # a copy: the buffer is reused
        except queue.Full:
            self.overflows += 1

    def _next_block(self) -> Samples:
        deadline = time.monotonic() + self._timeout_s
        while True:
            try:
                return self._queue.get(timeout=_POLL_S)
            except queue.Empty:
                if not self._is_active():
                    raise AudioError(
                        self._disconnected_message("stopped delivering audio")
                    ) from None
                if time.monotonic() > deadline:
                    problem = f"delivered no audio for {self._timeout_s:g} s"
                    raise AudioError(self._disconnected_message(problem)) from None

    def _is_active(self) -> bool:
        sd = _sounddevice()
        try:
            return self._stream is not None and bool(self._stream.active)
        except sd.PortAudioError:
            return False

    def _disconnected_message(self, problem: str) -> str:
        return (
            f"microphone '{self.device.name}' {problem}. It may be unplugged, switched off or "
            "blocked by the system: connect it and start again."
        )


def _choose_device(wanted: int | str | None, devices: list[Device]) -> Device:
    if not devices:
        raise AudioError(f"no microphone found ({_output_names()}). Connect one, {_PIPE_HINT}")
    if wanted is None:
        matches = [device for device in devices if device.default]
        if not matches:
            raise AudioError(
                f"the system has no default microphone. Choose one of: {_listing(devices)}"
            )
        return matches[0]
    if isinstance(wanted, int):
        matches = [device for device in devices if device.index == wanted]
        if not matches:
            raise AudioError(
                f"no microphone has the index {wanted}. Choose one of: {_listing(devices)}"
            )
        return matches[0]
    return _choose_by_name(wanted, devices)


def _choose_by_name(wanted: str, devices: list[Device]) -> Device:
    """A full match goes before a partial one; of several matches, the default device is taken."""
    name = wanted.casefold()
    matches = [device for device in devices if device.name.casefold() == name]
    matches = matches or [device for device in devices if name in device.name.casefold()]
    if not matches:
        raise ConfigError(
            unknown_name_message("microphone", wanted, {device.name for device in devices})
        )
    if len(matches) > 1:
        matches = [device for device in matches if device.default] or matches
    if len(matches) > 1:
        raise ConfigError(
            f"'{wanted}' matches {len(matches)} microphones. Choose one by its index: "
            f"{_listing(matches)}"
        )
    return matches[0]


def _listing(devices: list[Device]) -> str:
    return "; ".join(str(device) for device in devices)


def play(samples: Samples) -> None:
    """Play (samples,) at 16 kHz on the default loudspeaker; returns when they have been played.

    Raises:
        ConfigError: sounddevice or PortAudio is not installed.
        AudioError: the loudspeaker cannot be opened.
    """
    sd = _sounddevice()
    try:
        sd.play(samples, SAMPLE_RATE)
        sd.wait()
    except sd.PortAudioError as error:
        raise AudioError(
            f"the default loudspeaker cannot be opened ({error}). Connect one, or choose another "
            "default in the system's sound settings."
        ) from error


def _output_names() -> str:
    """The devices of a machine that has no input."""
    names = sorted({str(entry["name"]) for entry in _sounddevice().query_devices()})
    return f"only outputs: {', '.join(names)}" if names else "no audio device at all"


def _sounddevice() -> ModuleType:
    """Import sounddevice on first use: it is optional, and importing it starts PortAudio."""
    try:
        import sounddevice
    except ImportError as error:
        raise ConfigError(
            "the microphone needs the package sounddevice: pip install sounddevice (the extra "
            f"wakeword[mic]), {_PIPE_HINT}"
        ) from error
    except OSError as error:
        raise ConfigError(
            f"the microphone needs the PortAudio library ({error}). "
            f"Debian, Ubuntu, Raspberry Pi OS: apt-get install libportaudio2; {_PIPE_HINT}"
        ) from error
    return cast(ModuleType, sounddevice)
