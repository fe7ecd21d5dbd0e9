"""Assignment of splits by speaker."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from data_files import clips_by, dataset
from faulty_data import save, shifted, voice

from wakeword.data.check import copies
from wakeword.data.clip import Clip
from wakeword.data.dataset import Dataset
from wakeword.data.readers import read_dataset
from wakeword.data.splits import assign_splits
from wakeword.errors import ConfigError


def splits_of(clips: tuple[Clip, ...]) -> dict[str | None, set[str | None]]:
    """{speaker: splits}"""
    splits: dict[str | None, set[str | None]] = {}
    for clip in clips:
        splits.setdefault(clip.speaker, set()).add(clip.split)
    return splits


def test_each_speaker_is_in_one_split(tmp_path: Path) -> None:
    data = dataset(clips_by(20, "go") + clips_by(10, "stop", first=12), clips_by(30, None, first=5))
    divided = assign_splits(data)
    spoken = divided.keywords + divided.negatives
    assert all(len(splits) == 1 for splits in splits_of(spoken).values())
    for clips in (
        [clip for clip in divided.keywords if clip.label == "go"],
        [clip for clip in divided.keywords if clip.label == "stop"],
        divided.negatives,
    ):
        share = sum(clip.split == "dev" for clip in clips) / len(clips)
        assert 0.1 <= share <= 0.4
    assert not divided.notes


def test_splits_depend_on_the_seed_and_new_speakers_change_few() -> None:
    data = dataset(clips_by(40, "go"))
    first = assign_splits(data, seed=1)
    assert assign_splits(data, seed=1) == first
    assert assign_splits(data, seed=2) != first
    grown = assign_splits(dataset(clips_by(41, "go")), seed=1)
    before = {clip.speaker for clip in first.keywords if clip.split == "dev"}
    after = {clip.speaker for clip in grown.keywords if clip.split == "dev"}
    assert len(before ^ after) <= 2


def test_splits_do_not_depend_on_the_order_of_clips() -> None:
    data = dataset(clips_by(20, "go"), clips_by(20, None))
    reversed_data = data.map(lambda clips: clips[::-1])
    assert assign_splits(reversed_data) == assign_splits(data).map(lambda clips: clips[::-1])


def test_stated_splits_are_kept_for_all_clips_of_a_speaker() -> None:
    stated = tuple(
        Clip(Path(f"/{split}{number}"), "go", speaker=f"{split}{number}", split=split)
        for split in ("train", "dev", "test")
        for number in range(3)
    )
    assert assign_splits(dataset(stated)) == dataset(stated)
    later = Clip(Path("/later"), "go", speaker="test1")
    assert assign_splits(dataset((*stated, later))).keywords == (
        *stated,
        replace(later, split="test"),
    )


def test_dev_is_taken_from_train_if_none_is_stated() -> None:
    train = tuple(replace(clip, split="train") for clip in clips_by(10, "go"))
    test = tuple(replace(clip, split="test") for clip in clips_by(2, "go", first=50))
    divided = assign_splits(dataset(train + test))
    assert Counter(clip.split for clip in divided.keywords) == {"train": 40, "dev": 10, "test": 10}
    assert divided.keywords[50:] == test
    assert "No dev split is stated: it is taken from train." in divided.notes


def test_clips_of_unknown_speakers_are_divided_by_file_with_a_note() -> None:
    parts = tuple(
        Clip(Path(f"/{file}.wav"), "go", offset_s=float(part))
        for file in range(20)
        for part in range(5)
    )
    divided = assign_splits(dataset(parts))
    splits: dict[Path, set[str | None]] = {}
    for clip in divided.keywords:
        splits.setdefault(clip.path, set()).add(clip.split)
    assert all(len(names) == 1 for names in splits.values())
    assert Counter(clip.split for clip in divided.keywords) == {"train": 80, "dev": 20}
    assert any(note.startswith("SPEAKERS UNKNOWN for 100 of 100") for note in divided.notes)


def test_a_keyword_of_one_speaker_is_divided_by_file_with_a_note() -> None:
    divided = assign_splits(dataset(clips_by(1, "go", clips=10), clips_by(5, None, first=1)))
    assert Counter(clip.split for clip in divided.keywords) == {"train": 8, "dev": 2}
    assert any(note.startswith("ONE SPEAKER ('s0') for 'go'") for note in divided.notes)


def test_a_role_of_one_speaker_stays_in_train_with_a_note() -> None:
    data = dataset(clips_by(5, "go"), (Clip(Path("/tv.wav"), speaker="tv"),))
    divided = assign_splits(data)
    assert divided.negatives[0].split == "train"
    assert any("None of the negatives could be held out" in note for note in divided.notes)


def test_a_speaker_with_nearly_all_clips_stays_in_train() -> None:
    data = dataset(clips_by(1, "go", clips=90) + clips_by(2, "go", clips=5, first=1))
    for seed in range(5):
        divided = assign_splits(data, seed=seed)
        assert splits_of(divided.keywords)["s0"] == {"train"}
        assert any(clip.split == "dev" for clip in divided.keywords)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, 20])
def test_shares_out_of_range_are_refused(share: float) -> None:
    with pytest.raises(ConfigError, match="expected a share between 0 and 1"):
        assign_splits(dataset(clips_by(2, "go")), dev_share=share)


# ---------------------------------------------------------------- copies of a recording


def folder_with_copies(root: Path) -> Dataset:
    """Ten words and ten negatives of unknown speakers, each with a copy in another file."""
    for number in range(10):
        save(root / f"go/{number}.wav", voice(number))
        save(root / f"go/copy-{9 - number}.wav", shifted(voice(number)))
        save(root / f"negative/{number}.wav", voice(20 + number, 2.0))
        save(root / f"negative/copy-{9 - number}.wav", voice(20 + number, 2.0))
    return read_dataset(root)


def copies_apart(data: Dataset) -> int:
    """Number of recordings whose copy is in the other split."""
    split = {clip.path.relative_to(data.root).with_suffix("").as_posix(): clip.split
             for clip in (*data.keywords, *data.negatives)}  # fmt: skip
    return sum(
        split[f"{folder}/{number}"] != split[f"{folder}/copy-{9 - number}"]
        for folder in ("go", "negative")
        for number in range(10)
    )


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_copies_of_a_recording_are_in_one_split(tmp_path: Path, seed: int) -> None:
    data = folder_with_copies(tmp_path)
    divided = assign_splits(data, seed=seed)
    assert copies_apart(divided) == 0
    assert 0 < len(divided.subset("dev").keywords) < 10
    assert (
        assign_splits(data.map(lambda clips: clips[::-1]), seed=seed).map(lambda clips: clips[::-1])
        == divided
    )


def test_a_copy_follows_the_stated_split_of_the_other(tmp_path: Path) -> None:
    data = folder_with_copies(tmp_path)

    def state(clips: tuple[Clip, ...]) -> tuple[Clip, ...]:
        return tuple(replace(c, split="test" if c.path.stem in "012" else None) for c in clips)

    divided = assign_splits(data.map(state))
    assert copies_apart(divided) == 0
    assert len(divided.subset("test").keywords) == 6


def test_copies_are_looked_for_once_and_only_without_speakers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = folder_with_copies(tmp_path / "data")
    reported: list[str] = []
    first = assign_splits(data, progress=lambda stage, done, total: reported.append(stage))
    assert reported.count("looking for copies") == 40

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("decoded again")

    monkeypatch.setattr(copies, "measure", fail)
    assert assign_splits(data) == first
    named = data.map(
        lambda clips: tuple(replace(c, speaker=c.path.stem.split("-")[-1]) for c in clips)
    )
    assign_splits(named)
    save(tmp_path / "data" / "go" / "0.wav", voice(99))
    with pytest.raises(AssertionError, match="decoded again"):  # a file has changed
        assign_splits(data)
