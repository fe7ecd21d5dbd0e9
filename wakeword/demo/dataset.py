"""The demo's data set: fewer clips than `wakeword speak` makes, so that it takes some minutes."""

from __future__ import annotations

from pathlib import Path

from wakeword.data.dataset import Dataset
from wakeword.progress import ProgressCallback
from wakeword.synthetic.dataset import SpeechPlan, make_dataset, plan_dataset
from wakeword.synthetic.plan import Counts, Phrase
from wakeword.tts.voices import list_voices

KEYWORD = "hey computer"

# Clips by engine: of the keyword in training (as many again without it), and held out.
_TRAIN_CLIPS = {"kokoro": 32, "hibari": 60, "espeak": 380}
_HELD_OUT_CLIPS = {"kokoro": 12, "joe": 20, "espeak": 30}
_HELD_OUT_CONFUSABLES = {"kokoro": 6, "joe": 20, "espeak": 40}
_HELD_OUT_SPEECH = {"kokoro": 6, "joe": 12, "espeak": 150}
_CONFUSABLE_SHARE = 0.2  # of the training clips without the keyword


def plan_demo(keyword: str = KEYWORD, seed: int = 0) -> SpeechPlan:
    """Plan the demo's data set.

    Args:
        keyword: an English phrase.
        seed: of all draws.

    Raises:
        ConfigError: no engine is installed, or the keyword cannot be spoken.
    """
    phrase = Phrase(keyword)
    phrase.check()
    # with words as similar as "commuter", so few clips do not set a threshold
    return plan_dataset(phrase, list_voices(), _counts(), 0.0, seed, similar=False)


def make_demo_dataset(
    folder: Path,
    keyword: str = KEYWORD,
    *,
    seed: int = 0,
    workers: int | None = None,
    progress: ProgressCallback | None = None,
) -> Dataset:
    """Synthesise the demo's data set into a folder; see `make_dataset` and `plan_demo`."""
    return make_dataset(folder, plan_demo(keyword, seed), workers=workers, progress=progress)


def _counts() -> Counts:
    confusables = {engine: round(_CONFUSABLE_SHARE * n) for engine, n in _TRAIN_CLIPS.items()}
    speech = {engine: n - confusables[engine] for engine, n in _TRAIN_CLIPS.items()}
    return {
        ("keyword", "train"): _TRAIN_CLIPS,
        ("confusable", "train"): confusables,
        ("speech", "train"): speech,
        ("keyword", "dev"): _HELD_OUT_CLIPS,
        ("confusable", "dev"): _HELD_OUT_CONFUSABLES,
        ("speech", "dev"): _HELD_OUT_SPEECH,
    }
