"""Clips: bounds, identity, confusable phrases."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from data_files import RATE, write_recording

from wakeword.data.clip import Clip
from wakeword.storage import cache_key


def test_bounds_are_measured_within_the_stated_ones(tmp_path: Path) -> None:
    samples = np.zeros(RATE, np.float32)
    samples[4000:8000] = np.random.default_rng(0).uniform(-0.5, 0.5, 4000)
    path = tmp_path / "a.wav"
    assert Clip(path, start_s=0.3, end_s=0.4).bounds(samples) == pytest.approx((0.3, 0.4))
    start, end = Clip(path, start_s=0.1, end_s=0.9).bounds(samples)
    assert start == pytest.approx(0.25, abs=0.03)
    assert end == pytest.approx(0.5, abs=0.03)


@pytest.fixture
def clip(tmp_path: Path) -> Clip:
    path = write_recording(tmp_path / "corpus" / "words" / "a.wav")
    return Clip(path, "go", "ada", "train", "mine", "go!", 0.01, 0.05, 0.0, 0.04, "CC0-1.0")


def test_identity_does_not_depend_on_the_folder(clip: Clip, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere" / "renamed.wav"
    copy.parent.mkdir()
    shutil.copyfile(clip.path, copy)
    moved = replace(clip, path=copy)
    assert moved != clip
    assert moved.identity() == clip.identity()
    shutil.move(tmp_path / "corpus", tmp_path / "renamed corpus")
    renamed = replace(clip, path=tmp_path / "renamed corpus" / "words" / "a.wav")
    assert renamed.identity() == moved.identity()
    assert cache_key(renamed.identity()) == cache_key(moved.identity())


@pytest.mark.parametrize(
    "change",
    [
        {"offset_s": 0.02},
        {"duration_s": 0.06},
        {"duration_s": None},
        {"label": "stop"},
        {"split": "dev"},
        {"start_s": 0.01},
        {"end_s": None},
    ],
    ids=str,
)
def test_identity_depends_on_the_part_label_split_and_bounds(clip: Clip, change: dict) -> None:
    assert replace(clip, **change).identity() != clip.identity()


def test_identity_depends_on_the_content(clip: Clip) -> None:
    before = clip.identity()
    write_recording(clip.path, 0.2)
    assert clip.identity() != before


def test_identity_ignores_metadata_that_training_does_not_use(clip: Clip) -> None:
    other = replace(clip, speaker="bob", source="yours", text=None, licence=None)
    assert other.identity() == clip.identity()


def test_identity_of_integer_and_float_times_is_equal(clip: Clip) -> None:
    whole, fraction = (replace(clip, offset_s=t, end_s=t) for t in (1, 1.0))
    assert cache_key(whole.identity()) == cache_key(fraction.identity())


def test_missing_files_are_identified_by_name(tmp_path: Path) -> None:
    gone = Clip(tmp_path / "gone.wav")
    assert gone.identity() == Clip(tmp_path / "other" / "gone.wav").identity()
    assert gone.identity() != Clip(tmp_path / "lost.wav").identity()


@pytest.mark.parametrize(
    ("source", "confusable"),
    [
        ("confusable", True),
        ("confusable/espeak", True),
        ("near-miss", True),
        ("near-miss/espeak", True),
        ("confusables", False),
        ("near-misses of a kind", False),
        ("speech/confusable", False),
        (None, False),
    ],
)
def test_confusable_phrases_are_known_by_their_source(source: str | None, confusable: bool) -> None:
    assert Clip(Path("a.wav"), source=source).is_confusable is confusable
