"""Scoring of streams: the lengths of the pieces fed change nothing."""

from __future__ import annotations

import numpy as np
import tiny as tiny_family

from wakeword.data.dataset import Dataset
from wakeword.data.loader import ClipLoader
from wakeword.encoders.spec import EncoderSpec
from wakeword.evaluation.conditions import noisy
from wakeword.evaluation.scoring import model_logits, score_streams
from wakeword.evaluation.test_streams import StreamReader, positive_stream


def test_logits_do_not_depend_on_the_pieces_of_a_stream(tiny: EncoderSpec, data: Dataset) -> None:
    model, loader = tiny_family.model(), ClipLoader()
    stream = positive_stream(data, noisy(5.0))
    samples = np.concatenate(list(StreamReader(stream, loader)))
    (scored,) = score_streams(model, [stream], loader)
    for sizes in ([100] * 2000, [16_000] * 20, [1, 4001, 160] * 500):
        cuts = np.cumsum(sizes)
        pieces = np.split(samples, cuts[cuts < len(samples)])
        assert np.array_equal(model_logits(model, pieces), scored.logits)
