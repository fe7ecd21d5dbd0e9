"""Data sets: subsets and roles."""

from __future__ import annotations

from pathlib import Path

import pytest
from data_files import dataset

from wakeword.data.clip import Clip
from wakeword.errors import ManifestError


def test_subset(tmp_path: Path) -> None:
    clips = tuple(
        Clip(tmp_path / str(split), "go", split=split) for split in ("train", None, "dev")
    )
    data = dataset(clips, noises=clips)
    assert data.subset("train").keywords == clips[:2]
    assert data.subset("dev").noises == clips[2:]
    assert data.subset("test").keywords == ()
    with pytest.raises(ManifestError, match=r"unknown split 'tset'. Did you mean 'test'\?"):
        data.subset("tset")


def test_confusables_are_split_from_the_other_negatives(tmp_path: Path) -> None:
    speech = Clip(tmp_path / "a", source="radio")
    confusables = tuple(Clip(tmp_path / s, source=f"{s}/tts") for s in ("confusable", "near-miss"))
    data = dataset(negatives=(confusables[0], speech, confusables[1]))
    assert data.split_confusables() == (dataset(negatives=(speech,)), confusables)


def test_roles() -> None:
    clip = Clip(Path("a"))
    data = dataset((clip,), rirs=(clip, clip))
    roles = {"keyword": (clip,), "negative": (), "noise": (), "rir": (clip, clip)}
    assert data.by_role() == roles
