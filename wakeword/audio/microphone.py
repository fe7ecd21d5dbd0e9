"""Live sound as mono float32 blocks: a microphone (sounddevice) or raw PCM from a pipe."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType, TracebackType
from typing import Any, BinaryIO, cast

import numpy as np
import numpy.typing as npt

from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.errors import AudioError, ConfigError, unknown_name_message

_BLOCK_MS = 40
_QUEUE_S = 10  # how long the reader may be busy before sound is lost
_POLL_S = 0.2  # how soon a vanished device is noticed
_MOST_CHANNELS = 16  # devices that claim more are sound servers, with as many as one asks for
_INVALID_CHANNEL_COUNT = -9998  # paInvalidChannelCount
_PIPE_HINT = "or pipe sound in: arecord -t raw -f S16_LE -r 16000 | wakeword listen FILE -"


@dataclass(frozen=True)
class Device:
    """An input device as PortAudio sees it; `rate` in Hz is the one it prefers."""

    index: int
    name: str
    channels: int
    rate: int
    host: str
    default: bool

    def __str__(self) -> str:
        plural = "" if self.channels == 1 else "s"
        mark = ", the default" if self.default else ""
        return (
            f"{self.index}: {self.name} ({self.host}, {self.channels} channel{plural}, "
            f"{self.rate} Hz{mark})"
        )


def list_devices() -> list[Device]:
    """All input devices. Raises ConfigError where sounddevice or PortAudio is not installed."""
    sd = _sounddevice()
    try:
        entries, hosts = sd.query_devices(), sd.query_hostapis()
        default = int(sd.default.device[0])
    except sd.PortAudioError as error:
        raise AudioError(
            f"the sound system cannot be asked for its devices ({error}). Is it running?"
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

    Blocks are (samples,) float32 in [-1, 1] at `rate`, the device's own unless another was asked
    for. They wait in a bounded queue; what did not fit is lost and counted in `overflows`.

    Args:
        device: an index, a name or a part of a name; None is the system's default.
        channel: the channel to take, from 0; None leaves the mix to the device.
        rate: Hz; None is the rate that the device prefers.
        timeout_s: a device that is silent (no blocks at all) for so long counts as gone.

    Raises:
        ConfigError: sounddevice or PortAudio is missing, or no device has that name.
        AudioError: no device, a channel or rate that it does not have, or one that went away.
    """

    def __init__(
        self,
        device: int | str | None = None,
        channel: int | None = None,
        rate: int | None = None,
        *,
        timeout_s: float = 5.0,
    ) -> None:
        self.device = _find(device, list_devices())
        if channel is not None:
            _check_channel(channel, self.device.channels, f"'{self.device.name}'")
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
                f"It prefers {self.device.rate} Hz; another program may also hold it."
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
            raise RuntimeError("a Microphone is opened by 'with Microphone(...) as microphone:'")
        while self._stream is not None:
            yield self._next()

    def close(self) -> None:
        """Stop recording. Blocks that were not read are gone; a loop over the blocks ends."""
        stream, self._stream, self._closed = self._stream, None, True
        if stream is not None:
            stream.close()

    def _open(self, sd: ModuleType) -> Any:
        """A mix is one channel; drivers that refuse one are opened with all they have."""
        every = self.device.channels
        if self.channel is not None:
            # A sound server mixes what it has into the number asked for: never ask for one.
            some = max(2, self.channel + 1)
            return self._open_channels(sd, every if every <= _MOST_CHANNELS else some)
        try:
            return self._open_channels(sd, 1)
        except sd.PortAudioError as error:
            if _INVALID_CHANNEL_COUNT not in error.args or every == 1:
                raise
        return self._open_channels(sd, every)

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
        """PortAudio's thread: copy (its buffer is used again) and hand over; never wait."""
        if status.input_overflow:
            self.overflows += 1
        if self.channel is None:
            block = frames.mean(axis=1, dtype=np.float32)
        else:
            block = frames[:, self.channel].copy()
        try:
            self._queue.put_nowait(block)
        except queue.Full:
            self.overflows += 1

    def _next(self) -> Samples:
        deadline = time.monotonic() + self._timeout_s
        while True:
            try:
                return self._queue.get(timeout=_POLL_S)
            except queue.Empty:
                if not self._active():
                    raise AudioError(self._gone("stopped delivering sound")) from None
                if time.monotonic() > deadline:
                    silent = f"has sent nothing for {self._timeout_s:g} s"
                    raise AudioError(self._gone(silent)) from None

    def _active(self) -> bool:
        sd = _sounddevice()
        try:
            return self._stream is not None and bool(self._stream.active)
        except sd.PortAudioError:
            return False

    def _gone(self, what: str) -> str:
        return (
            f"microphone '{self.device.name}' {what}: unplugged, switched off or taken by the "
            "system? Plug it in and start again."
        )


class RawPcm:
    """Raw 16-bit little-endian PCM from a binary stream, as (samples,) float32 mono blocks.

    A block comes as soon as there is sound, so a live pipe is not delayed. Frames may arrive in
    any pieces; half a frame at the end of the stream is left out.

    Args:
        stream: open for reading bytes, such as `sys.stdin.buffer`.
        rate, channels: what the sender says; nothing in raw PCM tells. Hz; interleaved.
        channel: the channel to take, from 0; None mixes all of them.

    Raises:
        AudioError: a channel that is not there, or a WAV file where raw samples were expected.
    """

    def __init__(
        self,
        stream: BinaryIO,
        rate: int = SAMPLE_RATE,
        channels: int = 1,
        channel: int | None = None,
    ) -> None:
        if rate < 1 or channels < 1:
            raise ConfigError(
                f"raw PCM of {rate} Hz and {channels} channels: both must be 1 or more. "
                "Use the numbers of the program that sends the sound."
            )
        if channel is not None:
            _check_channel(channel, channels, "the raw stream")
        self.rate = rate
        self.channels = channels
        self.channel = channel
        self._read = getattr(stream, "read1", stream.read)  # read1: what there is, no waiting

    def __iter__(self) -> Iterator[Samples]:
        frame_bytes = 2 * self.channels
        block_bytes = max(1, self.rate * _BLOCK_MS // 1000) * frame_bytes
        head = self._head()
        held = head
        while True:
            whole = len(held) - len(held) % frame_bytes
            if whole:
                yield self._decode(held[:whole])
            more = self._read(block_bytes)
            if not more:
                return
            held = held[whole:] + more

    def _head(self) -> bytes:
        """The first bytes, enough to recognise a WAV header."""
        head = b""
        while len(head) < 12:
            more = self._read(12 - len(head))
            if not more:
                break
            head += more
        if head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE":
            raise AudioError(
                "a WAV file came where raw 16-bit samples were expected. Send it without the "
                "header (arecord -t raw, sox -t raw, ffmpeg -f s16le) and give its --rate."
            )
        return head

    def _decode(self, data: bytes) -> Samples:
        frames = np.frombuffer(data, dtype="<i2").reshape(-1, self.channels)
        scaled = frames.astype(np.float32) / np.float32(32768)
        if self.channel is None:
            return cast(Samples, scaled.mean(axis=1, dtype=np.float32))
        return cast(Samples, scaled[:, self.channel].copy())


def _find(wanted: int | str | None, devices: list[Device]) -> Device:
    if not devices:
        raise AudioError(f"no microphone found{_outputs()}. Plug one in, {_PIPE_HINT}")
    if wanted is None:
        matches = [device for device in devices if device.default]
        if not matches:
            raise AudioError(f"the system names no default microphone. Choose {_listing(devices)}")
        return matches[0]
    if isinstance(wanted, int):
        matches = [device for device in devices if device.index == wanted]
        if not matches:
            raise AudioError(f"no microphone has the index {wanted}. Choose {_listing(devices)}")
        return matches[0]
    return _named(wanted, devices)


def _named(wanted: str, devices: list[Device]) -> Device:
    """The whole name before a part of it; where both fit several, the system's default."""
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
            f"'{wanted}' fits {len(matches)} microphones. Choose one by its index: "
            f"{_listing(matches)}"
        )
    return matches[0]


def _listing(devices: list[Device]) -> str:
    return "; ".join(str(device) for device in devices)


def play(samples: Samples) -> None:
    """Play (samples,) at 16 kHz on the default loudspeaker, to the end.

    Raises ConfigError where sounddevice is not installed, AudioError where nothing can be played.
    """
    sd = _sounddevice()
    try:
        sd.play(samples, SAMPLE_RATE)
        sd.wait()
    except sd.PortAudioError as error:
        raise AudioError(f"no loudspeaker: {error}") from error


def _outputs() -> str:
    """What the machine has instead of microphones."""
    names = sorted({str(entry["name"]) for entry in _sounddevice().query_devices()})
    return f" (only outputs: {', '.join(names)})" if names else " (no sound device at all)"


def _check_channel(channel: int, channels: int, name: str) -> None:
    if not 0 <= channel < channels:
        raise AudioError(
            f"{name} has {channels} channel(s), channel {channel} was asked for. "
            f"Choose 0 to {channels - 1}, or leave the channel out."
        )


def _sounddevice() -> ModuleType:
    """Import sounddevice late: it is an extra, and it starts PortAudio."""
    try:
        import sounddevice
    except ImportError as error:
        raise ConfigError(
            'the microphone needs the package sounddevice: pip install "wakeword[mic]", '
            + _PIPE_HINT
        ) from error
    except OSError as error:
        raise ConfigError(
            f"the microphone needs the PortAudio library ({error}). "
            f"Debian, Ubuntu, Raspberry Pi OS: apt-get install libportaudio2; {_PIPE_HINT}"
        ) from error
    return cast(ModuleType, sounddevice)
