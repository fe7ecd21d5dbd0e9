"""Samples: integers and several channels become mono float32; windows with silence before."""

from __future__ import annotations

import numpy as np
import pytest

from wakeword.audio.samples import as_float32, check_channel, from_int16, to_mono, window_before
from wakeword.errors import AudioError, ConfigError


def test_16_bit_integers_are_scaled_to_one() -> None:
    samples = from_int16(np.array([-32768, 0, 16384], np.int16))
    assert samples.dtype == np.float32
    np.testing.assert_array_equal(samples, np.float32([-1.0, 0.0, 0.5]))


def test_samples_of_either_type_become_float32() -> None:
    expected = np.float32([-1.0, 0.5])
    np.testing.assert_array_equal(as_float32(np.array([-32768, 16384], np.int16)), expected)
    np.testing.assert_array_equal(as_float32(np.array([-32768, 16384], ">i2")), expected)
    assert as_float32(expected) is expected


@pytest.mark.parametrize("given", [np.array([-1.0, 0.5]), [-1.0, 0.5], np.float16([-1.0, 0.5])])
def test_other_floats_are_rounded(given: object) -> None:
    samples = as_float32(given)  # type: ignore[arg-type]
    assert samples.dtype == np.float32 and samples.tolist() == [-1.0, 0.5]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.zeros(4, np.int32), r"dtype int32: expected .*float32 .*int16\. Divide"),
        (np.zeros(4, np.uint8), r"dtype uint8: expected .*float32 .*int16\. Divide"),
        ([0, 1], r"dtype int(32|64): expected .*int16\. Divide"),
        (np.zeros(4, bool), "dtype bool: expected"),
        (np.zeros(4, complex), "dtype complex128: expected"),
        (np.array(["a"]), "dtype <U1: expected"),
        (b"\0\0", r"type bytes: expected .*numpy\.frombuffer\(data, numpy\.int16\)"),
        ("monday.flac", r"type str: expected .*load_audio reads a file"),
        (None, "type NoneType: expected"),
    ],
)
def test_anything_else_is_named_with_a_remedy(given: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        as_float32(given)  # type: ignore[arg-type]


@pytest.mark.parametrize("channel", [None, 0])
@pytest.mark.parametrize("channels", [1, 2])
def test_mono_is_a_copy(channel: int | None, channels: int) -> None:
    """A sound system reuses its buffer."""
    frames = np.full((4, channels), 0.25, np.float32)
    mono = to_mono(frames, channel)
    frames[:] = 0
    np.testing.assert_array_equal(mono, np.full(4, 0.25, np.float32))


def test_channels_are_mixed_or_taken() -> None:
    frames = np.array([[0.5, 0.25], [0.0, 1.0]], np.float32)
    np.testing.assert_array_equal(to_mono(frames), np.float32([0.375, 0.5]))
    np.testing.assert_array_equal(to_mono(frames, 1), np.float32([0.25, 1.0]))


def test_a_channel_out_of_range_is_an_error_that_names_source_and_range() -> None:
    check_channel(None, 2, "the file")
    check_channel(1, 2, "the file")
    for channel in (-1, 2):
        with pytest.raises(
            AudioError, match=rf"the file has 2 channel\(s\), channel {channel}.*0 to 1"
        ):
            check_channel(channel, 2, "the file")


@pytest.mark.parametrize(("end", "expected"), [(5, [3, 4, 5]), (2, [0, 1, 2]), (0, [0, 0, 0])])
def test_a_window_before_the_start_holds_silence(end: int, expected: list[int]) -> None:
    samples = np.arange(1, 7, dtype=np.float32)
    window = window_before(samples, end, 3)
    assert window.tolist() == expected and window.dtype == np.float32
