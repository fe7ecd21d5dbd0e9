"""Measuring on held-out voices: confusable phrases are scored apart from the false accepts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from wakeword.audio.files import audio_info
from wakeword.data.dataset import Dataset
from wakeword.demo.pipeline import measure
from wakeword.model.network import WakeWordModel

ToneModel = Callable[[float], WakeWordModel]


def test_confusable_phrases_are_scored_apart_from_the_false_accepts(
    data: Dataset, tone_model: ToneModel
) -> None:
    keyword_clip = data.subset("dev").keywords[0]
    confusables = [clip for clip in data.negatives if clip.is_confusable]
    with_detections = replace(
        data,
        negatives=tuple(
            replace(clip, path=keyword_clip.path) if clip in confusables[-5:] else clip
            for clip in data.negatives
        ),
    )
    measurement = measure(tone_model(0.9), with_detections)
    assert (measurement.confusables.detected, measurement.confusables.clips) == (5, 20)
    assert all(row.shipped.false_accepts == 0 for row in measurement.evaluation.results)
    assert [row.condition for row in measurement.evaluation.results] == [
        "natural voices, clean",
        "natural voices, 10 dB",
        "eSpeak voices, clean",
        "eSpeak voices, 10 dB",
    ]
    seconds = sum(
        audio_info(clip.path).seconds + 0.3
        for clip in (*data.subset("dev").negatives, *data.subset("dev").noises)
        if clip not in confusables
    )
    assert measurement.evaluation.negative_hours == pytest.approx((seconds + 1) / 3600, rel=0.05)


def test_a_keyword_without_confusable_phrases_can_be_measured(
    data: Dataset, tone_model: ToneModel
) -> None:
    speech = tuple(clip for clip in data.negatives if not clip.is_confusable)
    measurement = measure(tone_model(0.9), replace(data, negatives=speech))
    confusables = measurement.confusables
    assert (confusables.clips, confusables.detected, measurement.confusable_phrases) == (0, 0, 0)
