"""Pretraining on small data: examples, a student, and the checkpoint that it writes."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import safetensors.torch
import tiny as tiny_family
import torch
import training
from recipe_runner import RECIPES, imports_from, run_recipe

from wakeword.audio.files import save_audio
from wakeword.audio.samples import Samples
from wakeword.data.clip import Clip
from wakeword.data.dataset import Dataset
from wakeword.encoders.registry import load_encoder
from wakeword.encoders.spec import EncoderSpec


@pytest.fixture
def speech_examples() -> Iterator[ModuleType]:
    with imports_from(RECIPES / "pretrain"):
        yield importlib.import_module("speech_examples")


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    """A manifest of speech with text, one of which contains the keyword, and a keyword clip."""
    rows = []
    for i in range(12):
        path = tmp_path / f"{i}.wav"
        save_audio(path, tiny_family.synthetic_audio(2.5, seed=i))
        row = {"audio_filepath": path.name, "duration": 2.5, "speaker": f"s{i}", "split": "train"}
        rows.append(
            row | ({"label": "ping"} if i == 0 else {"text": f"{'ping' if i == 1 else 'a'} b"})
        )
    manifest = tmp_path / "speech.jsonl"
    manifest.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return manifest


def test_a_student_learns_and_an_interrupted_run_resumes(
    tiny: EncoderSpec, speech: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = training.write_weights(tmp_path / "weights")
    examples, out = tmp_path / "examples", tmp_path / "out"
    teacher = ("--teacher", "tiny", "--weights", weights)
    command = ("pretrain/prepare.py", examples, speech, "--hours", 0.1, *teacher)
    run_recipe(*command, monkeypatch=monkeypatch)
    (file,) = examples.glob("*.safetensors")
    tensors = safetensors.torch.load_file(file)
    assert tensors["audio"].shape == (64, 163_840)
    assert tensors["frames"].shape == (64, 255, 2 * 32)
    assert tensors["frames"].float().std() > 0.1

    options = ("--dev", examples, "--epochs", 2, "--batch", 16)
    command = ("pretrain/pretrain.py", examples, out, "--noise-data", speech, *options)
    run_recipe(*command, monkeypatch=monkeypatch)
    curves = json.loads((out / "curves.json").read_text())
    assert curves[1]["units"] < curves[0]["units"]
    assert curves[1]["ctc"] < curves[0]["ctc"]
    made = out / "wakeword-stream.safetensors"
    encoder, report, _ = load_encoder("wakeword-stream", path=made)
    assert report.stripped_tensors == 2
    frames, _ = encoder(torch.randn(1, 96, 80))
    assert frames.shape == (1, 24, encoder.dim) and frames.std() > 0

    written = made.read_bytes()
    made.unlink()
    command = ("pretrain/pretrain.py", examples, out, "--around", speech, *options)
    run_recipe(*command, monkeypatch=monkeypatch)  # from its last checkpoint: nothing is left to do
    assert made.read_bytes() == written


def test_a_student_for_microcontrollers_learns_from_one_that_streams(
    speech: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    examples, out = tmp_path / "examples", tmp_path / "out"
    command = ("pretrain/prepare.py", examples, speech, "--hours", 0.1)
    run_recipe(*command, "--teacher", "wakeword-stream", monkeypatch=monkeypatch)
    (file,) = examples.glob("*.safetensors")
    assert safetensors.torch.load_file(file)["frames"].shape == (64, 252, 2 * 192)

    options = ("--dev", examples, "--epochs", 2, "--batch", 16, "--student", "wakeword-micro")
    command = ("pretrain/pretrain.py", examples, out, "--noise-data", speech, *options)
    run_recipe(*command, monkeypatch=monkeypatch)
    curves = json.loads((out / "curves.json").read_text())
    assert curves[1]["units"] < curves[0]["units"]
    encoder, report, _ = load_encoder("wakeword-micro", path=out / "wakeword-micro.safetensors")
    assert report.stripped_tensors == 2
    frames, _ = encoder(10 * torch.rand(1, 48, 40))
    assert frames.shape == (1, 16, encoder.dim) and frames.std() > 0


def test_transcripts_are_kept_where_whisper_is_confident(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    transcripts = {
        "confident": (" Hello there.", -0.2),
        "uncertain": (" Hm.", -0.9),
        "keyword": (" A ping!", -0.1),
    }
    rows = [{"audio_filepath": "word.wav", "duration": 2.5, "label": "ping"}]
    rows.append({"audio_filepath": "known.wav", "duration": 2.5, "text": "as it was"})
    rows += [{"audio_filepath": f"{name}.wav", "duration": 2.5} for name in transcripts]
    for row in rows:
        save_audio(tmp_path / str(row["audio_filepath"]), tiny_family.synthetic_audio(2.5))
    manifest = tmp_path / "speech.jsonl"
    manifest.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    answers = iter(transcripts.values())

    def transcribe(samples: Samples, **_options: object) -> dict[str, object]:
        text, log_probability = next(answers)
        return {"text": text, "segments": [{"avg_logprob": log_probability}]}

    recogniser = SimpleNamespace(transcribe=transcribe)
    fake = SimpleNamespace(load_model=lambda _name, device: recogniser)
    monkeypatch.setitem(sys.modules, "whisper", fake)
    (tmp_path / "tiny.en.pt").write_bytes(b"weights")
    out = tmp_path / "transcribed.jsonl"
    command = ("pretrain/transcribe.py", manifest, out, "--weights", tmp_path / "tiny.en.pt")
    run_recipe(*command, monkeypatch=monkeypatch)
    texts = {Path(row["audio_filepath"]).stem: row.get("text") for row in read_lines(out)}
    assert texts == {"known": "as it was", "confident": "Hello there.", "uncertain": None}
    assert "2 of 3 recordings with text; 1 with a keyword left out" in capsys.readouterr().out


def read_lines(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_clips_with_a_keyword_are_left_out(speech_examples: ModuleType) -> None:
    def clip(name: str, **attributes: object) -> Clip:
        return Clip(Path(name), split="train", duration_s=2.0, **attributes)

    data = Dataset(
        Path(),
        "made up",
        keywords=(clip("ping.wav", label="ping"),),
        negatives=(clip("says.wav", text="a ping, now"), clip("other.wav", text="a pong")),
    )
    clips = speech_examples.plain_speech([data], "train")
    assert [clip.path.name for clip in clips] == ["other.wav"]
    assert speech_examples.plain_speech([data], "train", ["pong"]) == []


def test_long_recordings_are_cut_and_lose_their_text(speech_examples: ModuleType) -> None:
    parts = list(speech_examples.cut(Clip(Path("a.wav"), text="all of it", duration_s=20.0)))
    assert [(p.offset_s, p.duration_s, p.text) for p in parts] == [
        (pytest.approx(i * 20 / 3), pytest.approx(20 / 3), None) for i in range(3)
    ]
    (short,) = speech_examples.cut(Clip(Path("a.wav"), text="all of it", duration_s=3.0))
    assert short.text == "all of it"


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("Yes, sir!", "yes sir"),
        ("don't_stop", "don't stop"),
        ("héllo", None),
        ("7", None),
        ("", None),
    ],
)
def test_text_is_spelled_or_left_out(
    text: str, letters: str | None, speech_examples: ModuleType
) -> None:
    assert speech_examples.spell(text) == letters


def test_every_clip_is_used_once_before_any_is_used_again(speech_examples: ModuleType) -> None:
    clips = [Clip(Path(f"{i}.wav"), duration_s=float(np.clip(i, 1, 8))) for i in range(20)]
    plans = speech_examples.plan_examples(clips, 30, seed=0)
    assert len(plans) == 30
    order = [clip.path.name for plan in plans for clip, _ in plan]
    assert len(set(order[:20])) == 20
    for plan in plans:
        assert sum(c.duration_s / speed for c, speed in plan) <= speech_examples.LENGTH_S


def test_whisper_adapts_to_streaming_and_an_interrupted_run_resumes(
    tiny: EncoderSpec, speech: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = training.write_weights(tmp_path / "weights")
    out = tmp_path / "out"
    encoder = ("--encoder", "tiny", "--weights", weights)
    options = ("--hours", 0.16, "--batch", 4, "--rank", 4)
    command = ("pretrain/adapt.py", speech, out, *encoder, *options)
    run_recipe(*command, monkeypatch=monkeypatch)
    curve = json.loads((out / "curve.json").read_text())
    assert sum(curve[-1]["errors"]) < 0.99 * sum(curve[0]["errors"])
    made = out / "tiny.pt"
    plain = load_encoder("tiny", path=weights).encoder
    streamed = load_encoder("tiny", path=made).encoder
    features = torch.randn(1, 64, 80)
    assert not torch.allclose(plain(features)[0], streamed(features)[0], atol=1e-3)
    before, after = plain.trunk.state_dict(), streamed.trunk.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    linear = {n for n, m in plain.trunk.named_modules() if isinstance(m, torch.nn.Linear)}
    assert changed >= {f"{name}.weight" for name in linear} and "conv2.weight" not in changed
    rows = torch.any(before["positional_embedding"] != after["positional_embedding"], dim=1)
    assert rows.nonzero().max() < plain.period

    written = made.read_bytes()
    made.unlink()
    run_recipe(*command, monkeypatch=monkeypatch)  # from its last checkpoint: nothing is left to do
    assert made.read_bytes() == written
