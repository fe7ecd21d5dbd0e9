"""Plain speech for pretraining: which clips, laid out as examples of about ten seconds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from wakeword.audio.levels import rms, set_level
from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.data.clip import Clip
from wakeword.data.dataset import Dataset
from wakeword.data.keywords import negatives_containing
from wakeword.data.loader import ClipLoader
from wakeword.simulate.effects import change_speed

LENGTH_S = 10.24
SPEED = (0.85, 1.2)
LONGEST_S = 8.0  # longer recordings are cut, and lose their text
LETTERS = " 'abcdefghijklmnopqrstuvwxyz"

Plan = Sequence[tuple[Clip, float]]
"""The clips of an example in order, each with its speed."""


@dataclass(frozen=True)
class SpeechExample:
    """(samples,) of speech, and its text in `LETTERS`; None where it is not known in full."""

    samples: Samples
    text: str | None


def plain_speech(data: Sequence[Dataset], split: str, keywords: Sequence[str] = ()) -> list[Clip]:
    """Return the clips of a split that are not keyword clips and whose text holds no keyword.

    Keywords are those of any of the data sets, and `keywords`. An encoder that met a keyword in
    pretraining would flatter every later measurement.
    """
    excluded = {*keywords, *(keyword for each in data for keyword in each.labels())}
    clips = []
    for each in data:
        with_keyword = set(negatives_containing(each, excluded)) if excluded else set()
        part = each.subset(split)
        clips += [c for clip in part.negatives if clip not in with_keyword for c in cut(clip)]
    return clips


def cut(clip: Clip) -> Iterator[Clip]:
    """Yield a clip as it is, or a long one in equal parts without its text."""
    seconds = clip.duration_s or 0.0
    parts = max(1, -(-seconds // LONGEST_S))
    if parts == 1:
        yield clip
        return
    for i in range(int(parts)):
        offset_s = clip.offset_s + i * seconds / parts
        yield replace(clip, offset_s=offset_s, duration_s=seconds / parts, text=None)


def plan_examples(clips: Sequence[Clip], count: int, seed: int) -> list[Plan]:
    """Return so many plans: as many clips each as fit into an example, at random speeds.

    Every clip is used once before any is used again.
    """
    rng = np.random.default_rng(seed)
    plans: list[Plan] = []
    plan: list[tuple[Clip, float]] = []
    used_s = 0.0
    while len(plans) < count:
        for i in rng.permutation(len(clips)):
            clip, speed = clips[i], float(rng.uniform(*SPEED))
            seconds = (clip.duration_s or LONGEST_S) / speed + 0.35
            if plan and used_s + seconds > LENGTH_S - 0.2:
                plans.append(plan)
                plan, used_s = [], 0.0
            plan.append((clip, speed))
            used_s += seconds
    return plans[:count]


def render_example(plan: Plan, loader: ClipLoader, rng: np.random.Generator) -> SpeechExample:
    """Lay out the clips of a plan, each after a random pause and at a random level."""
    example = np.zeros(round(LENGTH_S * SAMPLE_RATE), dtype=np.float32)
    texts: list[str | None] = []
    position = 0
    for clip, speed in plan:
        samples = loader.load(clip)
        if samples is None:
            continue
        samples = change_speed(samples, speed)
        samples = set_level(samples, float(rng.uniform(-32, -22)), rms(samples))
        position += round(float(rng.uniform(0.05, 0.35)) * SAMPLE_RATE)
        part = samples[: max(0, len(example) - position)]
        example[position : position + len(part)] = part
        is_complete = len(part) > 0.98 * len(samples)
        texts.append(spell(clip.text) if is_complete and clip.text else None)
        position += len(part)
    known = [text for text in texts if text is not None]
    is_known = known and len(known) == len(texts)
    return SpeechExample(example, " ".join(known) if is_known else None)


def spell(text: str) -> str | None:
    """Return the text in `LETTERS`; None where it has others, such as digits or accents."""
    spelled = " ".join(text.lower().replace("-", " ").replace("_", " ").split())
    spelled = "".join(char for char in spelled if char not in '.,!?;:"()')
    return spelled if spelled and set(spelled) <= set(LETTERS) else None
