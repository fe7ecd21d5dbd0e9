"""Scoring of streams: the lengths of the pieces fed change nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tiny as tiny_family
from two_stage import tiny_two_stage

from wakeword.data.dataset import Dataset
from wakeword.data.loader import ClipLoader
from wakeword.detection.detector import Detector
from wakeword.encoders.spec import EncoderSpec
from wakeword.evaluation import test_streams
from wakeword.evaluation.conditions import noisy
from wakeword.evaluation.scoring import model_logits, score_streams
from wakeword.evaluation.test_streams import StreamReader, negative_stream, positive_stream


def test_logits_do_not_depend_on_the_pieces_of_a_stream(tiny: EncoderSpec, data: Dataset) -> None:
    model, loader = tiny_family.model(), ClipLoader()
    stream = positive_stream(data, noisy(5.0))
    samples = np.concatenate(list(StreamReader(stream, loader)))
    (scored,) = score_streams(model, [stream], loader)
    for sizes in ([100] * 2000, [16_000] * 20, [1, 4001, 160] * 500):
        cuts = np.cumsum(sizes)
        pieces = np.split(samples, cuts[cuts < len(samples)])
        assert np.array_equal(model_logits(model, pieces), scored.logits)


def test_the_final_logits_of_two_stages_are_those_of_the_live_detector() -> None:
    model, samples = tiny_two_stage(), tiny_family.synthetic_audio(20.0, seed=3)
    offline = model_logits(model, np.split(samples, [7, 5000, 200_000]))
    live = Detector(model).logits(samples)
    assert 0.05 < (live > -20).mean() < 0.95  # the verifier is called for a part of the stream
    np.testing.assert_allclose(offline[: len(live)], live, atol=1e-3)


def test_a_scored_stream_holds_the_calls_of_the_verifier(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it is scored in parts: no call is lost, and times are those of the stream."""
    data = replace(data, negatives=3 * data.negatives)
    model, loader, stream = tiny_two_stage(), ClipLoader(), negative_stream(data)
    (whole,) = score_streams(model, [stream], loader)
    monkeypatch.setattr(test_streams, "PART_S", 1.0)
    assert len(stream.parts()) > 2
    (scored,) = score_streams(model, [stream], loader)
    for each in (whole, scored):
        assert each.calls is not None and len(each.calls.times_s) > 3
        assert (np.diff(each.calls.times_s) > 0).all() and each.calls.reached.any(axis=1).all()
        frames = np.round(each.calls.times_s / model.frame_s).astype(int) - 1
        closed = each.logits[frames] == -20.0
        assert np.array_equal(closed, ~each.calls.reached)
    (single,) = score_streams(model.gate, [stream], loader)
    assert single.calls is None
