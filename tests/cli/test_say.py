"""`wakeword speak` and `wakeword train --say`, with voices that speak in tones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tiny as tiny_family
import training
from click.testing import CliRunner, Result

from wakeword.audio.samples import Samples
from wakeword.cli import main
from wakeword.data.keywords import contains_phrase
from wakeword.data.readers import read_dataset
from wakeword.encoders.spec import EncoderSpec
from wakeword.errors import ConfigError
from wakeword.model.file import load_model
from wakeword.model.languages import languages_of
from wakeword.synthetic import dataset, noises, plan, takes
from wakeword.tts import kokoro
from wakeword.tts.voices import Voice

PHRASE = "hey jarvis"
VARIANTS = ("f1", "f2", "m1", "m2", "f3", "m4")  # the last two are held out


@pytest.fixture(autouse=True)
def fake_engine(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Voices that speak in tones. Returns what they have spoken so far."""
    spoken: list[str] = []
    voices = [Voice("espeak", f"en-us+{name}", f"espeak_{name}") for name in VARIANTS]

    def synthesise(text: str, voice: Voice, *, seed: int = 0, **_: object) -> Samples:
        spoken.append(text)
        seed += voices.index(voice) << 20
        is_phrase = contains_phrase(PHRASE, text)
        return training.word(seed) if is_phrase else tiny_family.synthetic_audio(1.5, seed=seed)

    monkeypatch.setattr(takes, "synthesise", synthesise)
    monkeypatch.setattr(takes, "available_cores", lambda: 1)
    monkeypatch.setattr(dataset, "list_language_voices", lambda language, engines=(): voices)
    monkeypatch.setattr(plan, "similar_words", lambda phrase, count: ["hey service"])
    monkeypatch.setattr(noises, "_NOISE_S", 2.0)
    monkeypatch.setattr("wakeword.tts.voices.ready_engines", lambda: {"espeak"})
    monkeypatch.setattr(kokoro, "fetch_kokoro_voices", _offline)
    return spoken


def _offline() -> None:
    raise ConfigError("no network")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)))


def test_speak_writes_a_data_set_once(tmp_path: Path, fake_engine: list[str]) -> None:
    result = run("speak", " hey  jarvis ", "-o", tmp_path / "spoken", "--takes", 1)
    assert result.exit_code == 0, result.output
    assert "to train on: 5 clips of 'hey jarvis' and 8 of other speech, by 4 speakers" in (
        result.output
    )
    assert "held out: 3 clips of 'hey jarvis' and 4 of other speech, by 2 speakers" in result.output
    assert read_dataset(tmp_path / "spoken").labels() == [PHRASE]
    assert len(fake_engine) == 18
    assert "without the Kokoro voices, results will be worse" in result.output
    run("speak", PHRASE, "-o", tmp_path / "spoken", "--takes", 1)
    assert len(fake_engine) == 18


def test_phonemes_are_shown_and_nothing_is_written(tmp_path: Path) -> None:
    pytest.importorskip("hibari")
    result = run("speak", PHRASE, "--show-phonemes")
    assert result.exit_code == 0 and "ʤ" in result.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("speak", PHRASE), "Name a folder for the clips: -o FOLDER"),
        (("speak", "привет", "-o", "spoken"), "is not written with"),
        (("train", "-o", "a.wakeword"), "nothing to train on. Give DATA"),
        (("train", "--say", PHRASE, "-k", "nova", "-o", "a.wakeword"), "leave --keyword out"),
    ],
)
def test_mistakes_are_explained(
    arguments: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.exit_code == 2 and message in result.output, result.output
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def train(tiny: EncoderSpec, tmp_path: Path) -> list[str]:
    """A training from the phrase that takes seconds."""
    weights = training.write_weights(tmp_path / "weights")
    output = tmp_path / "jarvis.wakeword"
    fixed = ["train", "--say", PHRASE, "-o", str(output), "--encoder", "tiny", "--epochs", "2"]
    fixed += ["--weights", str(weights), "--hours", "0.05", "--work-dir", str(tmp_path / "work")]
    return [*fixed, "--speak-dir", str(tmp_path / "spoken")]


def test_from_a_phrase_to_a_model(train: list[str], tmp_path: Path) -> None:
    planned = run(*train, "--dry-run")
    assert planned.exit_code == 0, planned.output
    assert "12 clips of it and 12 of other speech by 6 voices; 0 of them" in planned.output
    assert not (tmp_path / "spoken").exists()

    result = run(*train)
    assert result.exit_code == 0, result.output
    assert "synthetic voices only" in result.output and "people are missed more" in result.output
    model = load_model(tmp_path / "jarvis.wakeword")
    assert model.keywords == (PHRASE,)
    assert languages_of(model) == ["en"]
    assert model.origin.training["keyword_clips"] >= 6
    assert "held out: Detected" in result.output and "jarvis.html" in result.output
    page = (tmp_path / "jarvis.html").read_text("utf-8")
    assert "<svg" in page or "data:image/png" in page
    assert "synthetic voices only" in page and "confusable" in page.lower()

    planned = run(*train, "--dry-run")
    assert planned.exit_code == 0 and "estimated time on this machine" in planned.output


def test_people_join(train: list[str], tmp_path: Path) -> None:
    recordings = training.write_data(tmp_path / "recordings", 16, "Hey Jarvis")
    result = run(*train, recordings, "--json")
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert any("12 clips of 'hey jarvis' by people are too few" in n for n in summary["notes"])
    assert any(line.startswith("Detected") for line in summary["verdict"])
    sources = {row["source"] for row in summary["training"]["data"] if row["role"] == "keyword"}
    assert "keyword/espeak" in sources and len(sources) > 1
