"""Speech in several languages as further negatives."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import tiny as tiny_family

from wakeword.audio.samples import Samples
from wakeword.cli import synthetic_negatives
from wakeword.data.clip import Clip
from wakeword.data.dataset import Dataset
from wakeword.errors import ConfigError
from wakeword.synthetic import languages, takes
from wakeword.synthetic.languages import plan_languages, speak_languages
from wakeword.synthetic.training import TrainingInput
from wakeword.training.distributed import ProcessGroup
from wakeword.tts.mandarin import MANDARIN
from wakeword.tts.voices import HELD_OUT_SPEAKERS, Voice

HOURS = {MANDARIN: 0.004, "es": 0.004}


@pytest.fixture(autouse=True)
def fake_kokoro(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Kokoro speaks in tones. Returns what it has spoken so far."""
    spoken: list[str] = []

    def synthesise(text: str, voice: Voice, *, seed: int, phonemes: bool, **_: object) -> Samples:
        assert phonemes and voice.engine == "kokoro"
        spoken.append(text)
        return tiny_family.synthetic_audio(1.0, seed=seed)

    monkeypatch.setattr(takes, "synthesise", synthesise)
    monkeypatch.setattr(takes, "available_cores", lambda: 1)
    monkeypatch.setattr(languages, "to_phonemes", lambda text, language: text)
    monkeypatch.setattr(languages, "why_no_languages", lambda: "")
    monkeypatch.setattr(synthetic_negatives, "why_no_languages", lambda: "")
    monkeypatch.setattr(synthetic_negatives, "plan_languages", lambda: plan_languages(HOURS))
    return spoken


def training_input() -> TrainingInput:
    negatives = (Clip(Path("other.wav"), split="train", duration_s=1800),)
    return TrainingInput(Dataset(Path(), "folders", negatives=negatives), ("hey nova",))


def test_every_language_has_a_voice() -> None:
    assert all(takes for takes in plan_languages().takes.values())


def test_the_seed_decides_what_is_spoken_and_held_out_voices_stay_unused() -> None:
    plan = plan_languages(HOURS)
    assert plan == plan_languages(HOURS) != plan_languages(HOURS, seed=1)
    assert list(plan.takes) == [MANDARIN, "es"]
    assert not {take.voice.speaker for take in plan.all_takes()} & HELD_OUT_SPEAKERS
    for language, initial in ((MANDARIN, "z"), ("es", "e")):
        own = [take.voice.name.startswith(initial) for take in plan.takes[language]]
        assert len(own) > 3 and any(own)


def test_clips_are_negatives_by_language_and_made_once(
    tmp_path: Path, fake_kokoro: list[str]
) -> None:
    plan = plan_languages(HOURS)
    data = speak_languages(plan, tmp_path)
    count = len(fake_kokoro)
    assert count == len(data.negatives) and not data.keywords
    assert {clip.source for clip in data.negatives} == {f"synthetic/{MANDARIN}", "synthetic/es"}
    assert {clip.split for clip in data.negatives} == {"train"}
    assert speak_languages(plan, tmp_path) == data and len(fake_kokoro) == count


def test_the_speech_is_added_to_extra_data_and_the_summary_names_it() -> None:
    group = ProcessGroup.current()
    training = synthetic_negatives.add_languages(training_input(), None, group, False)
    assert training.extra is not None and len(training.extra.negatives) > 6
    assert f"synthetic speech in {MANDARIN}, es added" in training.notes[0]
    again = synthetic_negatives.add_languages(replace(training, notes=()), True, group, False)
    assert again.extra is not None
    assert len(again.extra.negatives) == 2 * len(training.extra.negatives)


def test_a_dry_run_speaks_nothing(fake_kokoro: list[str]) -> None:
    training = training_input()
    assert (
        synthetic_negatives.add_languages(training, None, ProcessGroup.current(), True) is training
    )
    assert fake_kokoro == []


def test_without_natural_voices_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthetic_negatives, "why_no_languages", lambda: "x not installed. Run: y")
    with pytest.raises(ConfigError, match=r"--synthetic-negatives: x not installed\. Run: y"):
        synthetic_negatives.add_languages(training_input(), True, ProcessGroup.current(), False)


def test_with_enough_other_speech_nothing_is_added(fake_kokoro: list[str]) -> None:
    training, group = training_input(), ProcessGroup.current()
    confusable = Clip(Path("near.wav"), split="train", source="confusable/x", duration_s=3600)
    more = replace(training.data, negatives=(*training.data.negatives, confusable))
    extra = replace(more, negatives=(Clip(Path("more.wav"), split="train", duration_s=1800),))
    enough = replace(training, extra=extra)
    assert synthetic_negatives.add_languages(enough, None, group, False) is enough
    assert synthetic_negatives.add_languages(training, False, group, False) is training
    assert fake_kokoro == []
    little = replace(training, data=more)
    assert synthetic_negatives.add_languages(little, None, group, False) is not little


def test_without_natural_voices_a_note_says_how_much_other_speech_there_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(synthetic_negatives, "why_no_languages", lambda: "x not installed. Run: y")
    training = training_input()
    noted = synthetic_negatives.add_languages(training, None, ProcessGroup.current(), False)
    assert (noted.data, noted.extra) == (training.data, None)
    assert noted.notes[0].startswith("only 30 min of speech without the keyword")
