"""Test streams: what a condition makes of a keyword clip, and what a reader records."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from wakeword.audio.files import load_audio, save_audio
from wakeword.audio.levels import rms
from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.data.clip import KeywordSegment
from wakeword.data.dataset import Dataset
from wakeword.data.loader import ClipLoader
from wakeword.errors import ManifestError
from wakeword.evaluation.conditions import CLEAN, NARROW, QUIET, ROOMS, Condition, noisy
from wakeword.evaluation.test_streams import (
    GAP_S,
    NEGATIVE_GAP_S,
    StreamReader,
    confusable_stream,
    negative_stream,
    positive_stream,
    render,
)
from wakeword.simulate.rirs import rir_kind


def rendered(data: Dataset, condition: Condition) -> tuple[Samples, float, float]:
    """The only piece of a stream, and the bounds of its keyword in seconds."""
    (piece,) = render(positive_stream(data, condition), ClipLoader())
    assert piece.segment is not None
    return piece.samples, piece.segment.start_s, piece.segment.end_s


def between(samples: Samples, start_s: float, end_s: float) -> Samples:
    return samples[round(start_s * SAMPLE_RATE) : round(end_s * SAMPLE_RATE)]


@pytest.mark.parametrize("snr_db", [10.0, 5.0, 0.0])
def test_noise_has_the_stated_ratio_to_the_keyword(data: Dataset, snr_db: float) -> None:
    clean, start, end = rendered(data, CLEAN)
    loud, *_ = rendered(data, noisy(snr_db, "fan"))
    noise = loud - clean
    ratio = rms(between(clean, start, end)) / rms(between(noise, start, end))
    assert 20 * np.log10(ratio) == pytest.approx(snr_db, abs=0.6)
    assert rms(noise[:SAMPLE_RATE]) > 0.5 * rms(noise)  # the gap too


def test_a_room_adds_a_tail_and_leaves_the_keyword_in_place(data: Dataset) -> None:
    clean, start, end = rendered(data, CLEAN)
    for condition, echo in zip(ROOMS, (900, 500), strict=True):
        room, *bounds = rendered(data, condition)
        assert tuple(bounds) == (start, end) and len(room) == len(clean)
        after = between(room, end, end + 0.02)
        assert rms(after) > 10 * rms(between(clean, end, end + 0.02))
        first = between(room - clean, start + 0.001, start + (echo - 50) / SAMPLE_RATE)
        assert rms(first) < 0.2 * rms(between(clean, start, end))


@pytest.mark.parametrize("condition", [noisy(0.0, "fan"), ROOMS[1]])
def test_a_loud_keyword_is_attenuated_not_clipped(data: Dataset, condition: Condition) -> None:
    soft, *_ = rendered(data, condition)
    assert np.abs(soft).max() < 1.0
    (keyword,) = data.keywords
    save_audio(keyword.path, load_audio(keyword.path) * np.float32(4.0))
    loud, *_ = rendered(data, condition)
    assert np.abs(loud).max() == pytest.approx(1.0)
    np.testing.assert_allclose(loud, soft / np.abs(soft).max(), atol=0.02)


def test_quiet_and_narrow(data: Dataset) -> None:
    clean, start, end = rendered(data, CLEAN)
    quiet, *_ = rendered(data, QUIET)
    np.testing.assert_allclose(quiet, clean * 10**-1.5, rtol=1e-5)
    narrow, *_ = rendered(data, NARROW)
    assert len(narrow) == len(clean)
    spectrum = np.abs(np.fft.rfft(between(narrow, start, end)))
    hz = np.fft.rfftfreq(len(between(narrow, start, end)), 1 / SAMPLE_RATE)
    low, high = (spectrum[np.abs(hz - f) < 50].max() for f in (700, 6000))
    assert low > 500 * high


def test_a_missing_kind_of_room_is_named(data: Dataset) -> None:
    near, far = (clip.load() for clip in data.rirs)
    assert (rir_kind(near), rir_kind(far)) == ("near", "far")
    with pytest.raises(ManifestError, match="far room"):
        rendered(replace(data, rirs=data.rirs[:1]), ROOMS[1])


def test_a_reader_records_pieces_and_segments(data: Dataset) -> None:
    (keyword,) = data.keywords
    stream = replace(negative_stream(data), clips=(*data.negatives, keyword, *data.noises))
    reader = StreamReader(stream, ClipLoader())
    samples = np.concatenate(list(reader))
    assert [clip for _, clip in reader.pieces] == list(stream.clips)
    assert reader.samples == len(samples) - SAMPLE_RATE and not samples[-SAMPLE_RATE:].any()
    assert reader.hours == pytest.approx(reader.samples / SAMPLE_RATE / 3600)
    start_s = NEGATIVE_GAP_S + data.negatives[0].seconds()
    assert reader.pieces[1][0] == pytest.approx(start_s)
    bounds = keyword.bounds(keyword.load())
    expected = KeywordSegment("alexa", *bounds).shifted(start_s + GAP_S)
    (segment,) = reader.segments
    assert segment.keyword == "alexa"
    assert (segment.start_s, segment.end_s) == pytest.approx((expected.start_s, expected.end_s))


def test_confusable_phrases_are_labelled_as_the_keyword(data: Dataset) -> None:
    stream = confusable_stream(data.negatives, "alexa")
    assert [clip.label for clip in stream.clips] == ["alexa"]
    assert [clip.path for clip in stream.clips] == [clip.path for clip in data.negatives]


def test_the_cache_key_depends_on_clips_condition_and_seed(data: Dataset) -> None:
    stream = positive_stream(data, noisy(5.0))
    assert stream.cache_key() == positive_stream(data, noisy(5.0)).cache_key()
    others = (
        positive_stream(data, noisy(0.0)),
        positive_stream(data, noisy(5.0), seed=1),
        replace(stream, noises=stream.noises[:1]),
        replace(stream, clips=data.negatives),
    )
    keys = {each.cache_key() for each in (stream, *others)}
    assert len(keys) == 1 + len(others)
