"""Notes on the data of a training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from wakeword.encoders.registry import encoder_spec
from wakeword.training.notes import broken_clip_notes, small_data_notes, transfer_notes


def test_broken_clips_are_counted_and_five_named() -> None:
    assert broken_clip_notes({}) == []
    (note,) = broken_clip_notes({Path(f"{i}.wav"): "broken" for i in range(7)})
    assert note == "7 broken clip(s) skipped: 0.wav, 1.wav, 2.wav, 3.wav, 4.wav"


def test_few_clips_are_noted() -> None:
    assert not small_data_notes(35, 100) and small_data_notes(34, 100)
    assert [len(small_data_notes(1, clips)) for clips in (10, 11)] == [2, 1]


def test_as_much_data_as_the_encoder_was_trained_on_is_noted() -> None:
    spec = encoder_spec("wakeword-stream")
    assert transfer_notes(spec, spec.hours - 0.1) == []
    assert "--compare-scratch" in transfer_notes(spec, spec.hours)[0]
    assert transfer_notes(replace(spec, hours=0), 100.0) == []  # not stated
