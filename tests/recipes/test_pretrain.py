"""Pretraining on small data: scenes, a student, and the checkpoint that it leaves."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import safetensors.torch
import tiny as tiny_family
import torch
import training

from wakeword.audio.files import save_audio
from wakeword.audio.samples import Samples
from wakeword.data.clip import Clip
from wakeword.data.dataset import Dataset
from wakeword.encoders.registry import load_encoder
from wakeword.encoders.spec import EncoderSpec

FOLDER = Path(__file__).parents[2] / "recipes" / "pretrain"


def script(name: str, monkeypatch: pytest.MonkeyPatch, *arguments: object) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(FOLDER / name), run_name="__main__")
    assert not end.value.code


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    """A manifest of speech with text, of which one clip says the keyword, and keyword clips."""
    rows = []
    for i in range(12):
        path = tmp_path / f"{i}.wav"
        save_audio(path, tiny_family.sound(2.5, seed=i))
        row = {"audio_filepath": path.name, "duration": 2.5, "speaker": f"s{i}", "split": "train"}
        rows.append(
            row | ({"label": "ping"} if i == 0 else {"text": f"{'ping' if i == 1 else 'a'} b"})
        )
    manifest = tmp_path / "speech.jsonl"
    manifest.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return manifest


def test_a_student_learns_and_a_run_that_was_cut_off_goes_on(
    tiny: EncoderSpec, speech: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = training.write_weights(tmp_path / "weights")
    scenes, out = tmp_path / "scenes", tmp_path / "out"
    script(
        "prepare.py", monkeypatch, scenes, speech, "--hours", 0.1, "--teacher", "tiny",
        "--weights", weights,
    )  # fmt: skip
    (file,) = scenes.glob("*.safetensors")
    held = safetensors.torch.load_file(file)
    assert held["audio"].shape == (64, 163_840) and held["frames"].shape == (64, 255, 2 * 32)
    assert held["frames"].float().std() > 0.1

    command = (scenes, out, "--around", speech, "--dev", scenes, "--epochs", 2, "--batch", 16)
    script("pretrain.py", monkeypatch, *command)
    curves = json.loads((out / "curves.json").read_text())
    assert curves[1]["units"] < curves[0]["units"]
    assert curves[1]["ctc"] < curves[0]["ctc"]
    made = out / "wakeword-stream.safetensors"
    encoder, stripped, _ = load_encoder("wakeword-stream", path=made)
    assert stripped.stripped_tensors == 2
    frames, _ = encoder(torch.randn(1, 64, 80))
    assert frames.shape == (1, 16, encoder.dim) and frames.std() > 0

    whole = made.read_bytes()
    made.unlink()
    script("pretrain.py", monkeypatch, *command)  # from its last checkpoint: nothing is left to do
    assert made.read_bytes() == whole


def test_transcripts_are_kept_where_whisper_is_sure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = {
        "sure": (" Hello there.", -0.2),
        "unsure": (" Hm.", -0.9),
        "keyword": (" A ping!", -0.1),
    }
    rows = [{"audio_filepath": "word.wav", "duration": 2.5, "label": "ping"}]
    rows.append({"audio_filepath": "known.wav", "duration": 2.5, "text": "as it was"})
    rows += [{"audio_filepath": f"{name}.wav", "duration": 2.5} for name in said]
    for row in rows:
        save_audio(tmp_path / str(row["audio_filepath"]), tiny_family.sound(2.5))
    manifest = tmp_path / "speech.jsonl"
    manifest.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    answers = iter(said.values())

    def transcribe(samples: Samples, **_options: object) -> dict[str, object]:
        text, sure = next(answers)
        return {"text": text, "segments": [{"avg_logprob": sure}]}

    recogniser = SimpleNamespace(transcribe=transcribe)
    fake = SimpleNamespace(load_model=lambda _name, device: recogniser)
    monkeypatch.setitem(sys.modules, "whisper", fake)
    (tmp_path / "tiny.en.pt").write_bytes(b"weights")
    out = tmp_path / "told.jsonl"
    script("transcribe.py", monkeypatch, manifest, out, "--weights", tmp_path / "tiny.en.pt")
    told = {Path(row["audio_filepath"]).stem: row.get("text") for row in read_lines(out)}
    assert told == {"known": "as it was", "sure": "Hello there.", "unsure": None}
    assert "2 of 3 recordings with text; 1 say a keyword" in capsys.readouterr().out


def read_lines(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_what_a_keyword_is_said_in_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    import prepare

    def clip(name: str, **about: object) -> Clip:
        return Clip(Path(name), split="train", duration_s=2.0, **about)

    data = Dataset(
        Path(),
        "made up",
        keywords=(clip("ping.wav", label="ping"),),
        negatives=(clip("says.wav", text="a ping, now"), clip("other.wav", text="a pong")),
    )
    assert [c.path.name for c in prepare.plain_speech([data], "train")] == ["other.wav"]
    assert prepare.plain_speech([data], "train", ["pong"]) == []


def test_long_recordings_are_cut_and_lose_their_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    import prepare

    parts = list(prepare.cut(Clip(Path("a.wav"), text="all of it", duration_s=20.0)))
    assert [(p.offset_s, p.duration_s, p.text) for p in parts] == [
        (pytest.approx(i * 20 / 3), pytest.approx(20 / 3), None) for i in range(3)
    ]
    (whole,) = prepare.cut(Clip(Path("a.wav"), text="all of it", duration_s=3.0))
    assert whole.text == "all of it"


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
    text: str, letters: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    import prepare

    assert prepare.spelled(text) == letters


def test_every_clip_comes_once_before_any_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    import prepare

    clips = [Clip(Path(f"{i}.wav"), duration_s=float(np.clip(i, 1, 8))) for i in range(20)]
    plans = prepare.planned(clips, 30, seed=0)
    assert len(plans) == 30
    order = [clip.path.name for plan in plans for clip, _ in plan]
    assert len(set(order[:20])) == 20
    for plan in plans:
        assert sum(c.duration_s / speed for c, speed in plan) <= prepare.LENGTH_S


def test_a_whisper_learns_to_be_streamed_and_a_run_that_was_cut_off_goes_on(
    tiny: EncoderSpec, speech: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = training.write_weights(tmp_path / "weights")
    out = tmp_path / "out"
    command = (
        "adapt.py", monkeypatch, speech, out, "--encoder", "tiny", "--weights", weights,
        "--hours", 0.16, "--batch", 4, "--rank", 4,
    )  # fmt: skip
    script(*command)
    curve = json.loads((out / "curve.json").read_text())
    assert sum(curve[-1]["errors"]) < 0.99 * sum(curve[0]["errors"])
    made = out / "tiny.pt"
    plain, _, _ = load_encoder("tiny", path=weights)
    streamed, _, _ = load_encoder("tiny", path=made)
    features = torch.randn(1, 64, 80)
    assert not torch.allclose(plain(features)[0], streamed(features)[0], atol=1e-3)
    before, after = plain.trunk.state_dict(), streamed.trunk.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    linear = {n for n, m in plain.trunk.named_modules() if isinstance(m, torch.nn.Linear)}
    assert changed >= {f"{name}.weight" for name in linear} and "conv2.weight" not in changed
    rows = torch.any(before["positional_embedding"] != after["positional_embedding"], dim=1)
    assert rows.nonzero().max() < plain.period

    whole = made.read_bytes()
    made.unlink()
    script(*command)  # from its last checkpoint: nothing is left to do
    assert made.read_bytes() == whole
