"""Scenes: what is planned, what is shared between trainings, and where the word lies."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import training

from wakeword.audio.files import audio_info
from wakeword.audio.levels import rms
from wakeword.audio.samples import SAMPLE_RATE
from wakeword.data.clip import Clip
from wakeword.data.dataset import Dataset
from wakeword.data.keywords import select_keywords
from wakeword.data.loader import KeywordBank
from wakeword.data.readers import read_dataset
from wakeword.training.augmentation import AugmentConfig, Augmenter
from wakeword.training.examples import (
    ExampleConfig,
    ExamplePlan,
    plan_examples,
    plan_extra_examples,
    render_example,
)

CONFIG = ExampleConfig(positive_hours=0.05, negative_hours=0.05, partial_share=0.2)
LENGTH = round(CONFIG.length_s * SAMPLE_RATE)
PLAIN = AugmentConfig(
    speed_share=0, pitch_share=0, noise_share=0, room_share=0, band_share=0, level_db=(-26, -26)
)


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    return select_keywords(read_dataset(training.write_data(tmp_path)), ["ping"])


def planned(data: Dataset, seed: int = 0) -> tuple[KeywordBank, list[ExamplePlan]]:
    library = KeywordBank.read(data)
    return library, plan_examples(library, data, CONFIG, seed)


def test_every_clip_gets_its_turn(data: Dataset) -> None:
    library, plans = planned(data)
    spoken = [plan for plan in plans if plan.keyword_clip is not None and not plan.is_partial]
    halves = [plan for plan in plans if plan.is_partial]
    assert len(spoken) == round(0.05 * 3600 / CONFIG.length_s)
    assert len(halves) == round(0.2 * (len(plans) - len(spoken)))
    turns = Counter(plan.keyword_clip for plan in spoken)
    assert len(turns) == len(library.keywords) and max(turns.values()) - min(turns.values()) <= 1
    assert len({plan.seed for plan in plans}) == len(plans)
    used = Counter(clip.path for plan in plans for clip in plan.negatives)
    assert set(used) == {clip.path for clip in data.negatives}


def test_clips_beside_get_every_second_turn_at_most(data: Dataset) -> None:
    own = len(data.keywords)
    voices = [replace(data.keywords[i % own], speaker=f"voice {i}") for i in range(3 * own)]

    def turns(beside: list[Clip]) -> list[int]:
        both = replace(data, keywords=(*data.keywords, *beside))
        plans = plan_examples(KeywordBank.read(both), both, CONFIG, 0, beside)
        return [plan.keyword_clip for plan in plans if plan.keyword_clip is not None]

    many = turns(voices)
    assert all((number < own) == (place % 2 == 0) for place, number in enumerate(many))
    few = Counter(turns(voices[: own // 2]))  # fewer than its own: all are heard alike
    assert len(few) == own + own // 2 and max(few.values()) - min(few.values()) <= 1


def test_scenes_without_a_word_are_the_same_for_other_keyword_clips(data: Dataset) -> None:
    _, many = planned(data)
    _, few = planned(replace(data, keywords=data.keywords[:3]))
    _, other_seed = planned(data, seed=1)
    plain = [plan for plan in many if plan.keyword_clip is None]
    assert len(plain) > len(many) / 3
    assert plain == [plan for plan in few if plan.keyword_clip is None]
    assert plain != [plan for plan in other_seed if plan.keyword_clip is None]


def test_recordings_beside_are_heard_in_scenes_of_their_own(data: Dataset) -> None:
    _, own = planned(data)
    few = data.negatives[:4]
    beside = plan_extra_examples(few, CONFIG, 0)
    seconds = sum(audio_info(clip.path).seconds for clip in few)
    assert len(beside) == math.ceil(CONFIG.extra_repeats * seconds / CONFIG.length_s)
    assert all(plan.keyword_clip is None for plan in beside)
    assert {clip.path for plan in beside for clip in plan.negatives} == {clip.path for clip in few}
    assert not {plan.seed for plan in beside} & {plan.seed for plan in own}
    often = replace(CONFIG, extra_repeats=1000.0)
    assert len(plan_extra_examples(few, often, 0)) == math.ceil(often.negative_hours * 3600 / 5.12)
    assert plan_extra_examples((), CONFIG, 0) == []


def test_the_word_lies_where_the_scene_says(data: Dataset) -> None:
    library, plans = planned(data)
    augmenter = Augmenter(PLAIN, library.noises, library.rirs)
    for plan in plans:
        scene = render_example(plan, library, augmenter, LENGTH)
        again = render_example(plan, library, augmenter, LENGTH)
        assert scene.samples.shape == (LENGTH,) and np.array_equal(scene.samples, again.samples)
        assert len(scene.segments) == (plan.keyword_clip is not None and not plan.is_partial)
        for word in scene.segments:
            first, last = (round(t * SAMPLE_RATE) for t in (word.start_s, word.end_s))
            after = scene.samples[last + 800 : last + 2400]
            assert 0.3 < word.end_s - word.start_s < 0.7 and 0 <= first < last <= LENGTH
            assert rms(scene.samples[first:last]) > 10 * (rms(after) if len(after) else 0.0)
