"""The recipes that synthesise speech, and trainings with their clips."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from types import SimpleNamespace

import fake_detector
import numpy as np
import pytest
import tiny as tiny_family
import training
from recipe_runner import run_recipe

from wakeword.audio.files import save_audio
from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.data.clip import Clip
from wakeword.data.dataset import Dataset
from wakeword.data.readers import read_dataset
from wakeword.data.writer import write_manifest
from wakeword.model.file import load_model
from wakeword.synthetic.dataset import manifest_of
from wakeword.synthetic.plan import Phrase
from wakeword.tts.kokoro import phoneme_ids
from wakeword.tts.mandarin import random_phrase
from wakeword.tts.voices import Voice


def test_four_words_trains_on_a_folder_of_speak(
    small_trainings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = [Clip(tmp_path / f"{i}.wav", "ping", "voice", "train") for i in range(3)]
    for number, clip in enumerate(clips):
        save_audio(clip.path, training.word(900 + number))
    data = Dataset(tmp_path, "JSONL manifest", keywords=tuple(clips))
    write_manifest(data, manifest_of(tmp_path, Phrase("ping")))
    out = tmp_path / "out"
    options = ("--hours", "0.02", "--synthetic", tmp_path)
    run_recipe("four_words.py", small_trainings, out, *options, monkeypatch=monkeypatch)
    summary = load_model(out / "ping.wakeword").origin.training
    assert summary["keyword_clips"] == 8 + 3  # of the twelve for training, four are held out


@pytest.mark.usefixtures("in_this_process")
@pytest.mark.parametrize("option", ["--extra-data", "--more"])
def test_mandarin_and_train_on_it(
    option: str,
    small_trainings: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With a made-up engine: the tests do not download Kokoro's voices."""
    names = ("zf_xiaoni", "af_bella", "af_kore")
    voices = [Voice("kokoro", name, f"kokoro_{name}") for name in names]
    monkeypatch.setattr("wakeword.tts.voices.list_voices", lambda: voices)
    monkeypatch.setattr("wakeword.tts.synthesis.synthesise", hum)
    synthetic = tmp_path / "synthetic"
    for _ in range(2):
        run_recipe("mandarin.py", synthetic, "--hours", "0.02", monkeypatch=monkeypatch)
    (first, _, hours), again = (
        line.split(maxsplit=2) for line in capsys.readouterr().out.splitlines() if "phrases" in line
    )
    assert again == [first, "phrases,", hours] and float(hours.split()[0]) >= 0.02
    clips = read_dataset(synthetic / "mandarin.jsonl").negatives
    assert len(clips) == int(first)
    # af_kore is held out
    assert {clip.speaker for clip in clips} == {"kokoro_zf_xiaoni", "kokoro_af_bella"}

    options = ("--hours", "0.02", option, synthetic / "mandarin.jsonl")
    out = tmp_path / "out"
    run_recipe("four_words.py", small_trainings, out, *options, monkeypatch=monkeypatch)
    summary = load_model(out / "ping.wakeword").origin.training
    used = {each["source"]: each["clips"] for each in summary["data"] if each["role"] == "negative"}
    assert used["synthetic"] == len(clips)


def hum(
    text: str, voice: Voice, *, speed: float, pitch: float, seed: int, phonemes: bool
) -> Samples:
    """In place of `synthesise`, for phonemes of Kokoro."""
    assert phonemes and voice.engine == "kokoro"
    return tiny_family.synthetic_audio(len(text) / speed / 20, seed=seed)


@pytest.mark.usefixtures("in_this_process")
def test_known_keywords_are_measured_on_other_voices(
    small_trainings: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = ("zf_xiaoni", "af_bella", "af_kore", "zf_xiaoyi")
    voices = [Voice("kokoro", name, f"kokoro_{name}") for name in names]
    voices.append(Voice("joe", "joe", "joe"))
    spoken: list[tuple[str, str]] = []

    def synthesise(text: str, voice: Voice, **_: object) -> Samples:
        spoken.append((text.strip(".!?,"), voice.name))
        return tiny_family.synthetic_audio(1.0, seed=len(spoken))

    monkeypatch.setattr("wakeword.tts.voices.list_voices", lambda: voices)
    monkeypatch.setattr("wakeword.tts.synthesis.synthesise", synthesise)
    keywords = ("--keyword", "hey siri", "--keyword", "你好百度")
    run_recipe("known_words.py", small_trainings, tmp_path, *keywords, monkeypatch=monkeypatch)
    assert capsys.readouterr().out.splitlines() == [
        "hey siri: 18 synthetic clips to train on, 16 to measure on",
        "你好百度: 12 synthetic clips to train on, 16 to measure on",
    ]
    held_out = {"hey-siri": {"af_kore", "joe"}, "nihao-baidu": {"af_kore", "zf_xiaoyi"}}
    for file, held_out_names in held_out.items():
        data = read_dataset(tmp_path / f"{file}.jsonl")
        confusables = [clip for clip in data.negatives if clip.is_confusable]
        synthetic = [*data.keywords, *confusables]
        speakers = {name if name == "joe" else f"kokoro_{name}" for name in held_out_names}
        assert {clip.speaker for clip in synthetic if clip.split == "dev"} == speakers
        assert not {clip.speaker for clip in synthetic if clip.split == "train"} & speakers
        assert sum(clip.split == "dev" for clip in confusables) == 24
        corpus = read_dataset(small_trainings)
        others = len(corpus.negatives) + len(corpus.keywords)
        assert len(data.negatives) - len(confusables) == others
    measured = {text for text, name in spoken if name in ("joe", "af_kore")}
    trained = {text for text, name in spoken if name == "af_bella"}
    assert measured & trained == {"hey siri", "ni↗ xa↓u pa↓i tu↘"}


@pytest.mark.parametrize(
    "transcript",
    ["{first} one two", "Loud, {first}", "ping {first}", "one two three four"],
)
def test_what_follows_a_keyword_is_transcribed_and_measured(
    transcript: str,
    model_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With a made-up engine, recogniser and detector: synthesis and Whisper are no part of it."""
    whisper = pytest.importorskip("whisper")
    sentences: list[str] = []
    lengths_s: list[float] = []

    def synthesise(text: str, voice: Voice, **_: object) -> Samples:
        sentences.append(text.removeprefix("ping").strip(" ,."))
        loud = np.random.default_rng(0).normal(0.0, 0.1, 2 * SAMPLE_RATE)
        return loud.astype(np.float32)

    class Recogniser:
        def transcribe(self, samples: Samples, **_: object) -> dict[str, str]:
            lengths_s.append(len(samples) / SAMPLE_RATE)
            first = sentences[-1].split()[0] if sentences else "first"
            return {"text": f" {transcript.format(first=first)}"}

    class LoudDetector(fake_detector.Detector):
        def __init__(self, model: object, **options: object) -> None:
            super().__init__(model, **options)
            self.model = SimpleNamespace(keywords=("ping",))

        def reset(self) -> None:
            super().__init__(None, rate=self.rate, keep_s=self.keep_s)

    monkeypatch.setattr("wakeword.tts.synthesis.synthesise", synthesise)
    monkeypatch.setattr("wakeword.tts.voices.list_voices", lambda: [Voice("joe", "joe", "joe")])
    # a module that is first imported during the test would keep the made-up class
    for module in ("wakeword.cli.detector_factory", "wakeword.detection.following_speech"):
        importlib.import_module(module)
    monkeypatch.setattr("wakeword.detection.detector.Detector", LoudDetector)
    monkeypatch.setattr(whisper, "load_model", lambda *_, **__: Recogniser())
    (tmp_path / "tiny.en.pt").write_bytes(b"weights")
    save_audio(tmp_path / "evening.wav", np.pad(synthesise("ping", Voice("", "", "")), 48_000))
    sentences.clear()
    command = ("then_transcribe.py", model_file)
    weights = ("--weights", tmp_path / "tiny.en.pt")
    run_recipe(*command, tmp_path / "evening.wav", *weights, monkeypatch=monkeypatch)
    is_cut = transcript.startswith("Loud")  # behind the keyword of the detection
    text = "first" if is_cut else transcript.format(first="first")
    assert f"loud: {text}\n" in capsys.readouterr().out
    both_s = [0.3 + 2.0 + 0.3, 0.2 + 2.0 + 0.3]
    assert lengths_s == pytest.approx(both_s[:1] if is_cut else both_s, abs=0.05)
    run_recipe(*command, "--measure", "4", *weights, monkeypatch=monkeypatch)
    rows = [row.strip("| ").split(" | ") for row in capsys.readouterr().out.splitlines()[-4:]]
    lost = str(2 * (transcript == "one two three four"))
    has_keyword = str(2 * ("ping" in transcript))
    audios = ("keyword and sentence", "what is behind the keyword")
    assert rows == [
        [way, audio, "2 of 2", lost, has_keyword]
        for way in ("at once", "after a comma")
        for audio in audios
    ]


def test_mandarin_is_written_in_phonemes_that_the_voices_know() -> None:
    pytest.importorskip("hibari")
    phrases = [random_phrase(np.random.default_rng(seed)) for seed in range(300)]
    assert set("".join(phrases)) <= set(phoneme_ids())
    assert len(set(phrases)) > 290
    for phrase in phrases:
        syllables = re.findall(r"[^→↗↓↘]*[→↗↓↘][nŋiu]?", phrase)
        assert 2 <= len(syllables) <= 7  # each with its tone
