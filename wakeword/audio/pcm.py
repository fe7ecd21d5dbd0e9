"""Raw PCM from a pipe, as mono float32 blocks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from wakeword.audio.samples import SAMPLE_RATE, Samples, check_channel, from_int16, to_mono
from wakeword.errors import AudioError, ConfigError

_BLOCK_MS = 40
_WAV_HEADER = 12  # bytes that tell a WAV file from raw samples


class RawPcm:
    """Reads raw 16-bit little-endian PCM from a binary stream; iterate for blocks.

    Blocks are (samples,) float32 in [-1, 1) at `rate`. A block comes as soon as there is audio, so
    a live pipe is not delayed. Frames may arrive in any pieces; an incomplete frame at the end of
    the stream is dropped.

    Args:
        stream: open for reading bytes, such as `sys.stdin.buffer`.
        rate: in Hz; raw PCM does not state it.
        channels: interleaved channels; raw PCM does not state them either.
        channel: the channel to take, from 0; None mixes all of them.

    Raises:
        AudioError: no such channel, or a WAV file instead of raw samples.
        ConfigError: `rate` or `channels` is below 1.
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
                f"raw PCM at {rate} Hz with {channels} channels: both must be 1 or more. "
                "Use the numbers of the program that sends the audio."
            )
        check_channel(channel, channels, "the raw stream")
        self.rate = rate
        self.channels = channels
        self.channel = channel
        self._read = getattr(stream, "read1", stream.read)  # read1 returns what is there

    def __iter__(self) -> Iterator[Samples]:
        frame_bytes = 2 * self.channels
        block_bytes = max(1, self.rate * _BLOCK_MS // 1000) * frame_bytes
        pending = self._read_head()
        while True:
            complete = len(pending) - len(pending) % frame_bytes
            if complete:
                yield self._decode(pending[:complete])
            received = self._read(block_bytes)
            if not received:
                return
            pending = pending[complete:] + received

    def _read_head(self) -> bytes:
        """The first bytes of the stream. Raises AudioError where they are a WAV header."""
        head = b""
        while len(head) < _WAV_HEADER:
            received = self._read(_WAV_HEADER - len(head))
            if not received:
                break
            head += received
        if head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE":
            raise AudioError(
                "received a WAV file, expected raw 16-bit samples. Send the audio without a header "
                "(arecord -t raw, sox -t raw, ffmpeg -f s16le) and give its --rate."
            )
        return head

    def _decode(self, data: bytes) -> Samples:
        frames = np.frombuffer(data, dtype="<i2").reshape(-1, self.channels)
        return to_mono(from_int16(frames), self.channel)
