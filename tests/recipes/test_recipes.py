"""Every recipe runs, on small data."""

from __future__ import annotations

import json
import re
import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny as tiny_family
import torch
import training
import verifiers
from click.testing import CliRunner
from recipe_runner import RECIPES, imports_from, run_recipe

from wakeword.audio.files import save_audio
from wakeword.data.clip import Clip
from wakeword.detection import speaker_verification
from wakeword.detection.speaker_verification import _Network
from wakeword.encoders.base import Encoder
from wakeword.encoders.families import FAMILIES
from wakeword.encoders.registry import build_encoder, register_encoder
from wakeword.encoders.spec import EncoderSpec, StripReport
from wakeword.errors import ConfigError
from wakeword.evaluation.results import ScoredStream
from wakeword.heads import build_head
from wakeword.model.cascade import CascadeConfig
from wakeword.model.file import load_model, read_metadata, save_model
from wakeword.model.network import WakeWordModel
from wakeword.model.operating_point import OperatingPoint
from wakeword.model.provenance import Origin
from wakeword.model.two_stage import AnyModel, TwoStageModel


def test_every_recipe_is_run_here_or_with_its_module() -> None:
    pages = {
        file.name for file in RECIPES.glob("*.py") if '__name__ == "__main__"' in file.read_text()
    }
    assert pages == {
        "four_words.py",
        "frontend_level.py",
        "improve_loop.py",
        "in_the_browser.py",  # in test_web_browser.py
        "known_words.py",  # in test_synthetic_speech.py
        "many_words.py",
        "mandarin.py",  # in test_synthetic_speech.py
        "own_encoder.py",
        "pulse_microphone.py",  # in test_microphone.py
        "ready_models.py",
        "serve_load.py",
        "silence_gate.py",
        "soak.py",
        "speaker_verification.py",
        "stand_in.py",
        "then_transcribe.py",  # in test_synthetic_speech.py
        "threshold_holds.py",
    }


def test_a_page_is_short_and_the_modules_beside_it_are_used() -> None:
    for folder in {file.parent for file in RECIPES.rglob("*.py")}:
        texts = {file: file.read_text("utf-8") for file in folder.glob("*.py")}
        for file, text in texts.items():
            if '__name__ == "__main__"' in text:
                assert len(text.splitlines()) <= 165, file
            else:
                imports = (f"from {file.stem} import", f"import {file.stem}\n")
                assert any(each in other for other in texts.values() for each in imports), file


@pytest.mark.parametrize(
    ("page", "old"),
    [
        ("four_words.py", ("--word", "--spoken", "--more")),
        ("speaker_verification.py", ("--like",)),
        ("threshold_holds.py", ("--word", "--fa-per-hour")),
        ("depth/study.py", ("--word", "--spoken", "--more")),
        ("benchmark/race.py", ("--word",)),
        ("pretrain/pretrain.py", ("--around",)),
    ],
)
def test_old_spellings_of_options_work_but_are_not_shown(page: str, old: tuple[str, ...]) -> None:
    with imports_from((RECIPES / page).parent):
        command = runpy.run_path(str(RECIPES / page))["main"]
    shown = CliRunner().invoke(command, ["--help"]).stdout
    for spelling in old:
        assert f"{spelling} " not in shown
        result = CliRunner().invoke(command, [spelling])  # known: only its value is missing
        assert f"Option '{spelling}' requires an argument" in result.output


def test_frontend_level(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    whisper_tiny_en: tuple[Encoder, StripReport],
) -> None:
    for label in ("ping", "other"):
        for i in range(2):
            path = tmp_path / "data" / "dev" / label / f"{i}.wav"
            save_audio(path, tiny_family.synthetic_audio(2.5, seed=i))
    run_recipe("frontend_level.py", str(tmp_path / "data"), "--clips", "2", monkeypatch=monkeypatch)
    printed = capsys.readouterr().out
    assert "2 clips" in printed
    assert len([line for line in printed.splitlines() if "%" in line]) == 6


def test_four_words_and_threshold_holds(
    small_trainings: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data, out = str(small_trainings), tmp_path / "out"
    run_recipe("four_words.py", data, str(out), "--hours", "0.02", monkeypatch=monkeypatch)
    printed = capsys.readouterr().out
    assert "ping: trained in" in printed
    assert "| ping | clean |" in printed and "| ping | 10 dB |" in printed
    assert (out / "ping.wakeword").is_file()
    assert (out / "det.png").stat().st_size > 10_000

    run_recipe("threshold_holds.py", data, str(out), "--other", data, monkeypatch=monkeypatch)
    printed = capsys.readouterr().out
    halvings = [line for line in printed.splitlines() if "inside |" in line or "OUTSIDE" in line]
    assert len(halvings) == 5 and "of 5 inside" in printed
    assert "of 4 |" not in printed  # all 16 clips of the other manifest, not its dev split
    assert printed.count("of 16 |") == 2


def test_ready_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = []
    for line in training.write_data(tmp_path / "data").read_text("utf-8").splitlines():
        row = json.loads(line)
        if row["audio_filepath"] == "other-0.wav":
            row["source"] = "share-alike"
        lines.append(json.dumps(row))
    data, out = tmp_path / "data" / "some.jsonl", tmp_path / "out"
    data.write_text("\n".join(lines), encoding="utf-8")
    run_recipe("ready_models.py", data, out, "--hours", "0.02", monkeypatch=monkeypatch)
    assert "'clean'" in capsys.readouterr().out
    about = read_metadata(out / "ping.wakeword")
    assert about["format"] == "wakeword/3"
    clean, *others = about["made_by"]["measured"]["results"]
    assert (clean["condition"], clean["clips"]) == ("clean", 4) and 0 <= clean["missed"] <= 4
    assert [each["condition"] for each in others] == ["10 dB", "0 dB", "talker"]
    assert ", 1 recordings (SHA-256" in about["operating_point"]["provenance"]
    recordings = about["origin"]["training"]["data"]
    assert {each["source"] for each in recordings} == {"picovoice"}
    assert [each["clips"] for each in recordings if each["role"] == "negative"] == [11]
    assert {each["licence"] for each in recordings} == {"Apache-2.0"}


def test_improve_loop(
    small_trainings: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = ("--keyword", "ping", "--encoder", "tiny", "--hours", "0.1")
    command = ("improve_loop.py", small_trainings, tmp_path / "out", *options)
    run_recipe(*command, monkeypatch=monkeypatch)
    printed = capsys.readouterr().out
    batches = re.findall(r"(\w+): (\d+) clips with the keyword, (\d+) without", printed)
    (_, positives, negatives), (_, swapped_positives, swapped_negatives) = batches
    assert [name for name, _, _ in batches] == ["reviewed", "poisoned"]
    assert (positives, negatives) == (swapped_negatives, swapped_positives)
    assert int(positives) + int(negatives) > 0
    assert printed.count("false accepts in") == 4  # quiet and 10 dB, for either batch
    for name in ("reviewed", "poisoned"):
        written = (tmp_path / "out" / f"{name}.wakeword").is_file()
        assert written != (f"{name}: exit code 1" in printed)


def test_silence_gate(
    tiny: EncoderSpec,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = training.write_data(tmp_path / "data")
    model = tmp_path / "ping.wakeword"
    save_model(tiny_family.model(keywords=("ping",)), model)
    run_recipe("silence_gate.py", data, model, "--gap", "12", monkeypatch=monkeypatch)
    printed = capsys.readouterr().out
    rows = [[c.strip() for c in line.split("|")] for line in printed.splitlines() if "%" in line]
    assert [row[1:3] for row in rows[:2]] == [["clean", "no"], ["clean", "yes"]] and len(rows) == 6
    without, gated = (int(row[5].rstrip("%")) for row in rows[:2])
    assert without > 95 and gated < 70
    assert all(row[3].endswith("of 4") for row in rows) and "Silero VAD" in printed


@pytest.mark.parametrize("option", ["--similarity", "--like"])
def test_speaker_verification(
    option: str,
    tiny: EncoderSpec,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(speaker_verification, "_load", lambda: _Network().eval())
    data = training.write_data(tmp_path / "data", 28)
    model = tmp_path / "ping.wakeword"
    save_model(tiny_family.model(keywords=("ping",), seed=1), model)
    command = ("speaker_verification.py", data, model, "--split", "train", option, "-1")
    run_recipe(*command, monkeypatch=monkeypatch)
    rows = [line.split("|") for line in capsys.readouterr().out.splitlines() if "%" in line]
    assert [row[1].strip() for row in rows] == ["clean", "10 dB", "0 dB"]
    for row in rows:
        counts = map(int, re.findall(r"\d+", row[3] + row[4])[:5])
        undetected, rejected, own, accepted, others = counts
        assert (rejected, own, others) == (0, 3 * 3, 3 * 14)
        assert undetected < own and accepted > 0


def test_halves_are_of_equal_length_and_recordings_stay_whole() -> None:
    halves = runpy.run_path(str(RECIPES / "threshold_holds.py"))["halves"]
    clip = Clip(Path("a.wav"), "other")
    lengths_s = [1.0] * 40 + [10.0] * 4
    starts_s = np.cumsum([0.0, *lengths_s[:-1]])
    number = np.repeat(np.arange(44), [round(s / 0.04) for s in lengths_s])
    pieces = tuple((start_s, clip) for start_s in starts_s)
    stream = ScoredStream("negatives", number[:, None], (), 1.0, pieces)
    for seed in range(5):
        first, second = halves(stream, 0.04, seed)
        assert abs(len(first.logits) - len(second.logits)) <= 2 * 10.0 / 0.04
        assert first.hours + second.hours == pytest.approx(1.0)
        assert first.hours == pytest.approx(len(first.logits) / len(number))
        assert not set(first.logits[:, 0]) & set(second.logits[:, 0])


def random_model(name: str, streaming: str = "chunked", **settings: object) -> WakeWordModel:
    """A model that another process can open: of a named encoder, with random weights."""
    torch.manual_seed(0)
    encoder = build_encoder(name, streaming, **settings)
    head = build_head("conv", encoder.dim, 1, frame_rate_hz=encoder.frame_rate_hz)
    torch.nn.init.normal_(head.out.weight, std=2.0)
    origin = Origin(name, streaming, "", "none", "conv", {})
    return WakeWordModel(encoder, head, ["ping"], origin, OperatingPoint({"ping": 0.5}, 0.08, 0.2))


@pytest.mark.parametrize("is_two_stage", [False, True])
def test_serve_load(
    is_two_stage: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    model: AnyModel = random_model("wakeword-stream")
    if is_two_stage:
        window = {"window": 40, "hop": 40, "output_layers": (1,)}
        verifier = random_model("whisper-tiny.en", "window", **window)
        cascade = CascadeConfig({"ping": 0.5})
        model = TwoStageModel(model, verifier, cascade, model.operating_point)
    save_model(model, tmp_path / "a.wakeword")
    save_audio(tmp_path / "a.flac", tiny_family.synthetic_audio(3.0))
    few = ("--clients", "3", "--minutes", "0.1", "--hostile", "100")
    command = ("serve_load.py", tmp_path / "a.wakeword", tmp_path / "a.flac", *few)
    run_recipe(*command, monkeypatch=monkeypatch)
    printed = capsys.readouterr().out
    assert "0 lost, 0 unexpected" in printed and "streams per core" in printed
    assert "MB at the start" in printed and "100 hostile messages" in printed
    assert int(re.findall(r"(\d+) detections expected", printed)[0]) > 0
    median_ms, high_ms = map(float, re.findall(r"(?:median|percentile) (\S+) ms", printed))
    assert 0 < median_ms <= high_ms
    calls = re.findall(r"verifier: (\d+) calls; 99 % of them ran for at most \d+ ms", printed)
    assert (calls != []) == is_two_stage and ("the verifier was not called" in printed) == (
        not calls
    )


def test_own_encoder(
    small_trainings: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.undo()  # the real training, of the recipe's own encoder
    own = runpy.run_path(str(RECIPES / "own_encoder.py"))
    torch.manual_seed(0)
    recogniser = own["MyRecogniser"]()
    torch.save(recogniser.state_dict(), tmp_path / "mine.pt")
    files = [str(small_trainings), str(tmp_path / "mine.pt"), str(tmp_path / "p.wakeword")]
    options = ["--keyword", "ping", "--hours", "0.05", "--epochs", "1"]
    own["main"]([*files, *options], standalone_mode=False)
    assert "stripped the transcription head: 2 decoder tensors" in capsys.readouterr().out
    model = load_model(tmp_path / "p.wakeword")
    assert model.origin.encoder == "my-recogniser" and model.origin.licence == "yours"
    stem = model.encoder.trunk.stem.weight
    assert torch.equal(stem, recogniser.stem.weight)
    with pytest.raises(ConfigError, match="known already"):
        register_encoder(replace(own["SPEC"], dim=64), FAMILIES["my-family"])
    with pytest.raises(ConfigError, match="known already"):
        register_encoder(own["SPEC"], FAMILIES["whisper"])


def test_stand_ins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = training.write_data(tmp_path / "data")
    options = ("--keyword", "ping", "--hours", "0.05", "--epochs", "1")
    run_recipe("stand_in.py", data, tmp_path / "out", *options, monkeypatch=monkeypatch)
    printed = capsys.readouterr().out.splitlines()
    assert sum("stripped the transcription head" in line for line in printed) == 2
    rows = [line.split("|")[1:-1] for line in printed if line.startswith("|")]
    assert [row[3].strip() for row in rows] == ["chunked", "window"]
    for name in ("emformer", "wav2vec2"):
        assert load_model(tmp_path / "out" / f"{name}.wakeword").keywords == ("ping",)


def test_many_words(
    tiny: EncoderSpec,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = training.write_data(tmp_path / "data")
    lines = [json.loads(line) for line in data.read_text("utf-8").splitlines()]
    for i, row in enumerate(lines[::2]):
        row["label"] = "pong" if i % 8 >= 4 else "ping"
    data.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    keywords = ("ping", "pong")
    save_model(tiny_family.model(keywords=keywords), tmp_path / "out" / "all.wakeword")
    for keyword in keywords:
        save_model(tiny_family.model(keywords=(keyword,)), tmp_path / f"{keyword}.wakeword")
    command = ("many_words.py", data, tmp_path / "out", "--single", tmp_path, "--seconds", "2")
    run_recipe(*command, monkeypatch=monkeypatch)
    misses, confused, costs = (
        [line.split(" | ") for line in table.splitlines()[2:]]
        for table in capsys.readouterr().out.split("\n\n")
    )
    assert [row[:2] for row in misses] == [
        [f"| {w}", c] for c in ("clean", "10 dB") for w in keywords
    ]
    assert [row[0] for row in confused] == ["| ping", "| pong"]
    assert all(" of 2" in cell for row in confused for cell in row[1:])
    assert [row[0] for row in costs] == ["| 1", "| 2", "| 4", "| 8"]
    assert costs[0][2] == "1.00 |"


@pytest.mark.parametrize("is_two_stage", [False, True])
def test_soak(
    is_two_stage: bool,
    model_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if is_two_stage:
        save_model(verifiers.in_blocks(), model_file)
    for name, seconds, seed in (("long", 12.0, 1), ("clip", 1.0, 4)):
        save_audio(tmp_path / f"{name}.wav", tiny_family.synthetic_audio(seconds, seed=seed))
    recordings = (tmp_path / "long.wav", tmp_path / "clip.wav")
    run_recipe("soak.py", model_file, *recordings, "--hours", "0.02", monkeypatch=monkeypatch)
    printed = capsys.readouterr().out
    assert "100 of 100 simultaneous streams have the same detections as alone" in printed
    change = re.search(r"after 0\.0 h: .*, at most (\S+), changed by at most (\S+)", printed)
    assert change and float(change[1]) > 0 and float(change[2]) <= 1e-5
