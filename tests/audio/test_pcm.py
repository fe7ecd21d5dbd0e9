"""Raw PCM from a pipe, whatever the pieces in which it arrives."""

from __future__ import annotations

import io
import os

import numpy as np
import pytest

from wakeword.audio.files import save_audio
from wakeword.audio.pcm import RawPcm
from wakeword.errors import AudioError, ConfigError


class Pieces:
    """A stream that gives its bytes in pieces of the given sizes, as a pipe may."""

    def __init__(self, data, sizes):
        self.data = data
        self.sizes = sizes

    def read(self, count):
        size = min(count, next(self.sizes))
        piece, self.data = self.data[:size], self.data[size:]
        return piece


def forever(generator):
    while True:
        yield int(generator.integers(1, 40))


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("channel", [None, 0, -1])
@pytest.mark.parametrize("cut", [0, 1, 3])
def test_a_stream_in_any_pieces_gives_the_same_samples(channels, channel, cut):
    generator = np.random.default_rng(channels)
    frames = generator.integers(-32768, 32768, (501, channels)).astype("<i2")
    channel = channels - 1 if channel == -1 else channel
    data = frames.tobytes()
    data = data[: len(data) - cut]
    whole = len(data) // (2 * channels)
    expected = frames[:whole].astype(np.float32) / 32768
    expected = expected.mean(axis=1) if channel is None else expected[:, channel]
    stream = Pieces(data, forever(generator))
    blocks = list(RawPcm(stream, 16_000, channels, channel))
    assert all(block.dtype == np.float32 and block.size for block in blocks)
    np.testing.assert_array_equal(np.concatenate(blocks), expected)


def test_samples_are_little_endian_and_scaled_to_one():
    blocks = list(RawPcm(io.BytesIO(b"\x00\x80\xff\x7f\x01\x00\x00\x01")))
    np.testing.assert_array_equal(
        np.concatenate(blocks), np.float32([-32768, 32767, 1, 256]) / 32768
    )


@pytest.mark.parametrize("data", [b"", b"\x01"])
def test_an_incomplete_frame_gives_no_block(data):
    assert list(RawPcm(io.BytesIO(data))) == []


def test_a_live_pipe_is_read_as_audio_arrives():
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as reader, os.fdopen(writing, "wb", buffering=0) as writer:
        writer.write(np.arange(10, dtype="<i2").tobytes())
        blocks = iter(RawPcm(reader))
        received = next(blocks).size
        while received < 10:
            received += next(blocks).size
        assert received == 10


def test_a_wav_file_is_refused(tmp_path):
    save_audio(tmp_path / "a.wav", np.zeros(100, np.float32))
    with (tmp_path / "a.wav").open("rb") as file, pytest.raises(AudioError, match="arecord -t raw"):
        list(RawPcm(file))


def test_impossible_rates_and_channels_are_refused():
    with pytest.raises(AudioError, match=r"the raw stream has 2 channel\(s\), channel 2"):
        RawPcm(io.BytesIO(), 16_000, 2, 2)
    with pytest.raises(ConfigError, match="both must be 1 or more"):
        RawPcm(io.BytesIO(), 0)
    with pytest.raises(ConfigError, match="both must be 1 or more"):
        RawPcm(io.BytesIO(), 16_000, 0)
