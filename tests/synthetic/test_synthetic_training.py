"""Synthetic voices joined with people: who is held out, and what the user is told."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from wakeword.data.clip import Clip
from wakeword.data.dataset import Dataset
from wakeword.synthetic.people import MeasuredPhrase, measured_phrases, synthetic_only_note
from wakeword.synthetic.training import ENOUGH_PEOPLE, join_people

PHRASE = "hey jarvis"
SYNTHETIC = Dataset(
    Path("spoken"),
    "JSONL manifest",
    keywords=(Clip(Path("k.flac"), PHRASE, split="train"),),
    negatives=(
        Clip(Path("n.flac"), split="train"),
        Clip(Path("c.flac"), split="train", source="confusable/espeak"),
    ),
)
PLAIN, CONFUSABLES = SYNTHETIC.split_confusables()


def people(clips: int, negatives: int = 1) -> Dataset:
    return Dataset(
        Path("recordings"),
        "folders",
        keywords=tuple(
            Clip(Path(f"{i}.wav"), "Hey Jarvis", f"s{i}", "train") for i in range(clips)
        ),
        negatives=tuple(Clip(Path(f"other-{i}.wav"), split="train") for i in range(negatives)),
    )


def test_without_people_the_note_says_so() -> None:
    training = join_people(SYNTHETIC, None, PHRASE)
    assert (training.data, training.keywords) == (PLAIN, (PHRASE,))
    assert training.extra is not None and training.extra.negatives == CONFUSABLES
    assert "synthetic voices only" in training.notes[0]
    no_clips = join_people(SYNTHETIC, people(0), PHRASE)
    assert "synthetic voices only" in no_clips.notes[0]
    assert len(no_clips.data.negatives) == 2


def test_few_people_and_synthetic_voices_are_one_data_set() -> None:
    training = join_people(SYNTHETIC, people(ENOUGH_PEOPLE - 1), PHRASE)
    assert training.extra is not None and training.extra.negatives == CONFUSABLES
    assert len(training.data.keywords) == ENOUGH_PEOPLE
    assert not set(training.data.negatives) & set(CONFUSABLES)
    assert f"{ENOUGH_PEOPLE - 1} clips" in training.notes[0]


def test_enough_people_alone_are_held_out() -> None:
    recordings = people(ENOUGH_PEOPLE)
    training = join_people(SYNTHETIC, recordings, PHRASE)
    assert (training.data, training.extra, training.notes) == (recordings, SYNTHETIC, ())


def test_people_without_other_speech_get_the_synthetic_one() -> None:
    training = join_people(SYNTHETIC, people(ENOUGH_PEOPLE, negatives=0), PHRASE)
    assert training.data.negatives == PLAIN.negatives
    assert training.extra == replace(SYNTHETIC, negatives=CONFUSABLES)
    assert "false accepts are counted in synthetic voices" in training.notes[0]


def test_what_is_held_out_has_the_confusable_phrases_and_the_notes() -> None:
    training = join_people(SYNTHETIC, None, PHRASE)
    held_out = training.held_out()
    assert set(held_out.negatives) == set(SYNTHETIC.negatives)
    assert held_out.keywords == SYNTHETIC.keywords and held_out.notes == training.notes
    with_people = join_people(SYNTHETIC, people(ENOUGH_PEOPLE), PHRASE).held_out()
    assert len(with_people.keywords) == ENOUGH_PEOPLE  # of people alone
    assert with_people.negatives[1:] == CONFUSABLES


def test_the_measured_relation_is_stated_where_there_is_one() -> None:
    note = synthetic_only_note(PHRASE, [])
    assert "%" not in note and "people are missed more often" in note
    rows = [MeasuredPhrase("a", 1, 40, 10, 50), MeasuredPhrase("b", 1, 60, 20, 50)]
    measured = synthetic_only_note(PHRASE, rows)
    assert measured.startswith(note)
    assert "2 phrases" in measured and "2.0% (" in measured and "30.0% (" in measured


def test_the_table_of_the_package_can_be_read() -> None:
    import wakeword.synthetic

    table = Path(wakeword.synthetic.__file__).parent / "people_table.json"
    assert len(measured_phrases()) == len(json.loads(table.read_text("utf-8")))
