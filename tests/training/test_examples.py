"""Training examples: what is planned, what trainings share, and where the keyword lies."""

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
    bank = KeywordBank.read(data)
    return bank, plan_examples(bank, data, CONFIG, seed)


def test_every_clip_is_used_about_equally_often(data: Dataset) -> None:
    bank, plans = planned(data)
    positives = [plan for plan in plans if plan.keyword_clip is not None and not plan.is_partial]
    partial = [plan for plan in plans if plan.is_partial]
    assert len(positives) == round(0.05 * 3600 / CONFIG.length_s)
    assert len(partial) == round(0.2 * (len(plans) - len(positives)))
    uses = Counter(plan.keyword_clip for plan in positives)
    assert len(uses) == len(bank.keywords) and max(uses.values()) - min(uses.values()) <= 1
    assert len({plan.seed for plan in plans}) == len(plans)
    used = Counter(clip.path for plan in plans for clip in plan.negatives)
    assert set(used) == {clip.path for clip in data.negatives}


def test_extra_clips_make_up_every_second_example_at_most(data: Dataset) -> None:
    own = len(data.keywords)
    voices = [replace(data.keywords[i % own], speaker=f"voice {i}") for i in range(3 * own)]

    def order(extra: list[Clip]) -> list[int]:
        both = replace(data, keywords=(*data.keywords, *extra))
        plans = plan_examples(KeywordBank.read(both), both, CONFIG, 0, extra)
        return [plan.keyword_clip for plan in plans if plan.keyword_clip is not None]

    many = order(voices)
    assert all((number < own) == (place % 2 == 0) for place, number in enumerate(many))
    few = Counter(order(voices[: own // 2]))  # fewer than its own: all equally often
    assert len(few) == own + own // 2 and max(few.values()) - min(few.values()) <= 1


def test_examples_without_a_keyword_do_not_depend_on_keyword_clips(data: Dataset) -> None:
    _, many = planned(data)
    _, few = planned(replace(data, keywords=data.keywords[:3]))
    _, other_seed = planned(data, seed=1)
    plain = [plan for plan in many if plan.keyword_clip is None]
    assert len(plain) > len(many) / 3
    assert plain == [plan for plan in few if plan.keyword_clip is None]
    assert plain != [plan for plan in other_seed if plan.keyword_clip is None]


def test_extra_negatives_are_in_examples_of_their_own(data: Dataset) -> None:
    _, own = planned(data)
    few = data.negatives[:4]
    extra = plan_extra_examples(few, CONFIG, 0)
    seconds = sum(audio_info(clip.path).seconds for clip in few)
    assert len(extra) == math.ceil(CONFIG.extra_repeats * seconds / CONFIG.length_s)
    assert all(plan.keyword_clip is None for plan in extra)
    assert {clip.path for plan in extra for clip in plan.negatives} == {clip.path for clip in few}
    assert not {plan.seed for plan in extra} & {plan.seed for plan in own}
    repeated = replace(CONFIG, extra_repeats=1000.0)
    assert len(plan_extra_examples(few, repeated, 0)) == math.ceil(
        repeated.negative_hours * 3600 / 5.12
    )
    assert plan_extra_examples((), CONFIG, 0) == []


def test_the_keyword_lies_where_the_segment_says(data: Dataset) -> None:
    bank, plans = planned(data)
    augmenter = Augmenter(PLAIN, bank.noises, bank.rirs)
    for plan in plans:
        example = render_example(plan, bank, augmenter, LENGTH)
        again = render_example(plan, bank, augmenter, LENGTH)
        assert example.samples.shape == (LENGTH,) and np.array_equal(example.samples, again.samples)
        assert len(example.segments) == (plan.keyword_clip is not None and not plan.is_partial)
        for segment in example.segments:
            first, last = (round(t * SAMPLE_RATE) for t in (segment.start_s, segment.end_s))
            after = example.samples[last + 800 : last + 2400]
            assert 0.3 < segment.end_s - segment.start_s < 0.7 and 0 <= first < last <= LENGTH
            assert rms(example.samples[first:last]) > 10 * (rms(after) if len(after) else 0.0)


def test_negatives_have_pauses_as_long_as_those_around_keywords(data: Dataset) -> None:
    bank, plans = planned(data)
    augmenter = Augmenter(PLAIN, bank.noises, bank.rirs)
    before, within = [], []
    for plan in (plan for plan in plans if plan.keyword_clip is None):
        loud = np.flatnonzero(np.abs(render_example(plan, bank, augmenter, LENGTH).dry) > 1e-4)
        before.append(loud[0] / SAMPLE_RATE)
        within.append(np.diff(loud).max() / SAMPLE_RATE)
    for pauses in (before, within):
        assert max(pauses) > 1.0
    assert min(before) < 0.3
