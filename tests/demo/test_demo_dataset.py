"""The demo's data set: planned fairly, synthesised once, read like a user's own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from wakeword.audio.files import audio_info
from wakeword.audio.samples import Samples
from wakeword.data.keywords import contains_phrase
from wakeword.data.readers import read_dataset
from wakeword.demo import dataset
from wakeword.demo.dataset import (
    _HELD_OUT_CLIPS,
    _TRAIN_CLIPS,
    make_demo_dataset,
    plan_demo,
)
from wakeword.errors import ConfigError
from wakeword.synthetic import takes as takes_module
from wakeword.synthetic.dataset import is_natural
from wakeword.synthetic.takes import Take
from wakeword.tts.voices import Voice, all_voices

KEYWORD = "hey jarvis"


@pytest.fixture
def takes(monkeypatch: pytest.MonkeyPatch) -> list[Take]:
    return plan(KEYWORD, 0, monkeypatch)


def plan(keyword: str, seed: int, monkeypatch: pytest.MonkeyPatch) -> list[Take]:
    """The demo's takes where all engines are installed."""
    monkeypatch.setattr(dataset, "list_voices", lambda: list(all_voices()))
    return list(plan_demo(keyword, seed).takes)


def count_engines(takes: list[Take], *, split: str, keyword: bool) -> Counter[str]:
    return Counter(
        take.voice.engine
        for take in takes
        if take.split == split and (take.kind == "keyword") == keyword
    )


def test_no_speaker_is_in_both_splits(takes: list[Take]) -> None:
    train, held_out = (
        {take.voice.speaker for take in takes if take.split == split} for split in ("train", "dev")
    )
    assert len(train) > 40 and len(held_out) >= 12
    assert not train & held_out


def test_keyword_and_negatives_have_the_same_engines_in_training(takes: list[Take]) -> None:
    assert count_engines(takes, split="train", keyword=True) == _TRAIN_CLIPS
    assert count_engines(takes, split="train", keyword=False) == _TRAIN_CLIPS
    assert set(count_engines(takes, split="dev", keyword=False)) == set(_HELD_OUT_CLIPS)


def test_natural_voices_are_held_out_for_the_keyword_too(takes: list[Take]) -> None:
    held_out = [t for t in takes if t.split == "dev" and t.kind == "keyword" and t.voice.natural]
    assert len(held_out) >= 26
    assert len({take.voice.speaker for take in held_out}) == 7


def test_takes_vary_and_each_has_its_own_file(takes: list[Take]) -> None:
    assert len({take.file for take in takes}) == len(takes)
    keyword_takes = [take for take in takes if take.kind == "keyword"]
    assert {take.text for take in keyword_takes} == {KEYWORD + mark for mark in ("", ".", "!", "?")}
    assert len({take.speed for take in keyword_takes}) > 50
    assert len({take.pitch for take in keyword_takes}) > 50


def test_the_seed_decides_the_plan(takes: list[Take], monkeypatch: pytest.MonkeyPatch) -> None:
    assert plan(KEYWORD, 0, monkeypatch) == takes
    assert plan(KEYWORD, 1, monkeypatch) != takes


def test_clips_of_earlier_versions_are_used_again() -> None:
    """Paths keep the kinds' earlier names."""
    voice = Voice("kokoro", "am_echo", "kokoro_am_echo")
    take = Take("confusable", "train", "hey talis.", voice, speed=0.874, pitch=0.203, seed=79800)
    assert take.file == "clips/near-miss/kokoro_am_echo_9ce29a0e49.flac"
    assert take.source == "confusable/kokoro"


def test_held_out_confusable_phrases_are_not_in_training(takes: list[Take]) -> None:
    confusables = [take for take in takes if take.kind == "confusable"]
    train, held_out = (
        {take.text.rstrip(".!?") for take in confusables if take.split == split}
        for split in ("train", "dev")
    )
    assert train & held_out <= {"hey", "jarvis"}
    assert len(held_out) > 5


@pytest.mark.parametrize(
    "keyword", ["hey jarvis", "computer", "Okay Nova", "hey there buddy", "go"]
)
def test_no_negative_contains_the_keyword(keyword: str, monkeypatch: pytest.MonkeyPatch) -> None:
    negatives = [take for take in plan(keyword, 0, monkeypatch) if take.kind != "keyword"]
    assert negatives
    assert not [take.text for take in negatives if contains_phrase(keyword, take.text)]


@pytest.mark.usefixtures("fake_voices", "few_clips")
def test_the_data_set_is_read_like_a_users_own(tmp_path: Path) -> None:
    data = make_demo_dataset(tmp_path, KEYWORD, workers=1)
    assert data.labels() == [KEYWORD]
    assert {clip.split for clip in (*data.keywords, *data.negatives)} == {"train", "dev"}
    assert all(clip.path.is_file() and clip.speaker and clip.text for clip in data.keywords)
    assert Counter(is_natural(c) for c in data.subset("dev").keywords) == {True: 8, False: 12}
    assert {clip.is_confusable for clip in data.negatives} == {True, False}
    assert {clip.split for clip in data.noises} == {"train", "dev"}
    assert all(2.9 < audio_info(clip.path).seconds < 3.1 for clip in data.noises)
    read = read_dataset(tmp_path)
    assert (read.keywords, read.negatives, read.noises) == (
        data.keywords,
        data.negatives,
        data.noises,
    )


@pytest.mark.usefixtures("fake_voices", "few_clips")
def test_clips_are_synthesised_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake_synthesise: Callable[..., Samples]
) -> None:
    first = make_demo_dataset(tmp_path, KEYWORD, workers=1)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.flac")}
    deleted = first.keywords[0].path
    deleted.unlink()
    spoken: list[str] = []

    def count(text: str, voice: Voice, **arguments: float) -> Samples:
        spoken.append(text)
        return fake_synthesise(text, voice, speed=arguments["speed"])

    monkeypatch.setattr(takes_module, "synthesise", count)
    assert make_demo_dataset(tmp_path, KEYWORD, workers=1) == first
    assert len(spoken) == 1
    del times[deleted]
    assert {path: path.stat().st_mtime_ns for path in times} == times


@pytest.mark.usefixtures("fake_voices")
def test_a_keyword_without_letters_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing to speak"):
        make_demo_dataset(tmp_path, "!?", workers=1)
