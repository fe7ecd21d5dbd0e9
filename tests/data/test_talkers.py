"""Which clips serve as competing speech."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from wakeword.data.clip import Clip
from wakeword.data.dataset import Dataset
from wakeword.data.keywords import select_keywords
from wakeword.data.talkers import choose_talkers
from wakeword.evaluation.conditions import CLEAN, TALKER
from wakeword.evaluation.test_streams import positive_stream


def speech(name: str, seconds: float = 3.0, **known: object) -> Clip:
    return Clip(Path(name), duration_s=seconds, **known)  # type: ignore[arg-type]


def names(clips: tuple[Clip, ...]) -> set[str]:
    return {clip.path.name for clip in clips}


def test_short_clips_and_confusable_phrases_are_no_talkers() -> None:
    clips = [
        speech("sentence.wav"),
        speech("word.wav", 0.9),
        speech("second.wav", 1.0),
        speech("confusable.wav", source="confusable"),
        speech("hour.wav", 3600.0),
    ]
    chosen = choose_talkers(clips)
    assert names(chosen) == {"sentence.wav", "second.wav", "hour.wav"}
    assert {clip.path.name: clip.duration_s for clip in chosen}["hour.wav"] == 15.0


def test_the_choice_depends_on_the_clips_alone() -> None:
    clips = [speech(f"{i}.wav") for i in range(50)]
    chosen = choose_talkers(clips, 10)
    assert len(set(chosen)) == 10 and chosen == choose_talkers(clips, 10)
    assert names(chosen) != {f"{i}.wav" for i in range(10)}  # not simply the first ones
    assert choose_talkers(clips, 50)[:10] == chosen
    assert choose_talkers([]) == ()


@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_talkers_are_of_the_split_and_never_say_a_keyword(split: str) -> None:
    keyword = speech("alexa.wav", label="alexa", split=split)
    others = [
        speech(f"{kind}-{other}.wav", split=other, **known)
        for other in ("train", "dev", "test")
        for kind, known in (
            ("plain", {"text": "turn the light on"}),
            ("keyword", {"text": "Alexa, turn the light on"}),
            ("confusable", {"text": "a Lexus", "source": "confusable"}),
            ("word", {"label": "computer"}),
        )
    ]
    labelled = tuple(clip for clip in others if clip.label)
    plain = tuple(clip for clip in others if not clip.label)
    data = Dataset(Path(), "made up", keywords=(keyword, *labelled), negatives=plain)
    part = select_keywords(data, ["alexa"]).subset(split)
    stream = positive_stream(part, TALKER)
    assert names(stream.clips) == {"alexa.wav"}
    assert names(stream.noises) == {f"plain-{split}.wav", f"word-{split}.wav"}
    assert not any(clip.label for clip in stream.noises)
    assert positive_stream(part, CLEAN).noises == ()
    assert positive_stream(replace(part, negatives=()), TALKER).noises == ()
