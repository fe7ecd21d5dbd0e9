"""Training: deterministic, resumable, and strict about what learns."""

from __future__ import annotations

import json
import os
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import training
from click.testing import CliRunner, Result
from safetensors import safe_open
from training import finish, process

from wakeword.cli import main, training_options
from wakeword.data.readers import read_dataset
from wakeword.data.splits import assign_splits
from wakeword.encoders import registry
from wakeword.encoders.spec import EncoderSpec
from wakeword.errors import ConfigError, ManifestError
from wakeword.evaluation.evaluator import evaluate
from wakeword.model.file import load_model, save_model
from wakeword.training.config import TrainConfig
from wakeword.training.examples import ExampleConfig
from wakeword.training.train import train

SMALL = TrainConfig(
    encoder="tiny", epochs=2, examples=ExampleConfig(positive_hours=0.02, negative_hours=0.03)
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return training.write_data(tmp_path / "data")


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return training.write_weights(tmp_path / "weights")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def test_training_gives_a_model_that_detects_the_keyword(
    tiny: EncoderSpec, data: Path, weights: Path, tmp_path: Path
) -> None:
    examples = ExampleConfig(positive_hours=0.1, negative_hours=0.1)
    config = replace(SMALL, epochs=10, batch=8, examples=examples)
    dataset = read_dataset(data)
    trained = train(dataset, ["ping"], config, weights=weights, work_dir=tmp_path / "work")
    clean = evaluate(trained.model, dataset).results[0]
    best = min(point.misses for point in clean.curve if point.false_accepts == 0)
    assert best <= clean.clips / 4
    assert trained.history[-1].loss < trained.history[0].loss
    assert "stripped the transcription head: 4 decoder tensors" in trained.stripped


def test_a_seed_determines_every_byte_of_a_model(
    tiny: EncoderSpec, data: Path, weights: Path, tmp_path: Path
) -> None:
    files = []
    for number, seed in enumerate((0, 0, 1)):
        work, file = tmp_path / f"work{number}", tmp_path / f"{number}.wakeword"
        extra = ("--seed", str(seed), "--json")
        result = run(*training.arguments(data, weights, file, work, *extra))
        assert result.exit_code == 0, result.stderr
        files.append(file.read_bytes())
    assert files[0] == files[1]
    assert files[0] != files[2]


@pytest.mark.parametrize("moment", ["features", "checkpoint"])
@pytest.mark.skipif(os.name == "nt", reason="kill -9 is not to be had on Windows")
def test_a_killed_training_ends_with_the_same_bytes(
    moment: str, data: Path, weights: Path, tmp_path: Path
) -> None:
    complete, resumed = tmp_path / "complete.wakeword", tmp_path / "resumed.wakeword"
    finish(process(training.arguments(data, weights, complete, tmp_path / "work-complete")))

    work = tmp_path / "work"
    again = training.arguments(data, weights, resumed, work)
    pattern = "features-*/*.npz" if moment == "features" else "run-*/checkpoint.safetensors"
    killed = process(again)
    deadline = time.monotonic() + 60
    while not list(work.glob(pattern)) and time.monotonic() < deadline:
        time.sleep(0.002)
    killed.kill()
    killed.communicate()
    assert list(work.glob(pattern))
    assert not resumed.exists()

    finish(process(again))
    assert resumed.read_bytes() == complete.read_bytes()


@pytest.mark.parametrize("extra", [("--strategy", "head"), ("--strategy", "full")])
@pytest.mark.skipif(os.name == "nt", reason="gloo by torchrun needs a network name on Windows")
def test_two_processes_train_the_same_model_as_one(
    extra: tuple[str, ...],
    tiny: EncoderSpec,
    data: Path,
    weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TRAINING_WITHOUT_DROPOUT", "1")
    found = []
    for name, launcher in (
        ("one", ()),
        ("two", ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")),
    ):
        file, work = tmp_path / f"{name}.wakeword", tmp_path / f"work-{name}"
        # a chunked stream would begin at a position that each process draws
        given = (*extra, "--epochs", "2", "--streaming", "window")
        finish(process(training.arguments(data, weights, file, work, *given), *launcher))
        found.append((load_model(file), sorted(path.name for path in work.glob("features-*/*"))))
    (one, made), (two, made_together) = found
    assert made == made_together
    for tensor, other in zip(one.state_dict().values(), two.state_dict().values(), strict=True):
        # other batches, other roundings: with bfloat16 they are those of 8 bits
        torch.testing.assert_close(other, tensor, atol=3e-4, rtol=1e-3)
    assert one.operating_point.thresholds == pytest.approx(two.operating_point.thresholds, abs=1e-3)


@pytest.mark.parametrize("strategy", ["head", "top:1", "lora:2", "full", "gradual", "scratch"])
@pytest.mark.parametrize("streaming", ["chunked", "window"])
def test_a_strategy_changes_only_its_own_layers(
    strategy: str,
    streaming: str,
    tiny: EncoderSpec,
    data: Path,
    weights: Path,
    tmp_path: Path,
) -> None:
    from wakeword.encoders.registry import load_encoder

    examples = ExampleConfig(positive_hours=0.006, negative_hours=0.006)
    config = replace(SMALL, strategy=strategy, streaming=streaming, epochs=1, examples=examples)
    trained = train(
        read_dataset(data), ["ping"], config, weights=weights, work_dir=tmp_path / "work"
    )
    before, _, _ = load_encoder("tiny", path=weights)
    after = trained.model.encoder.trunk.state_dict()
    moved = {n for n, t in before.trunk.state_dict().items() if not torch.equal(t, after[n])}
    if strategy != "scratch":  # which has Whisper's formula, and the tiny weights random numbers
        assert "positional_embedding" not in moved
    top = {name for name in after if name.startswith(("blocks.1.", "ln_post."))}
    if strategy == "head":
        assert moved == set()
    elif strategy == "top:1":
        assert moved and moved <= top
    elif strategy == "lora:2":
        assert "blocks.0.mlp.0.weight" in moved
        assert all(after[name].ndim == 2 for name in moved)
    elif strategy in ("full", "scratch"):
        assert {"conv1.weight", "blocks.0.mlp.0.weight", "ln_post.weight"} <= moved


def test_head_loss_and_layers_are_settings(
    tiny: EncoderSpec, data: Path, weights: Path, tmp_path: Path
) -> None:
    work = tmp_path / "work"
    made: list[set[Path]] = []
    for head, loss in (("linear", "bce"), ("gru", "max-pooling"), ("attention", "bce")):
        config = replace(SMALL, head=head, loss=loss, layers=(1, 2))
        trained = train(read_dataset(data), ["ping"], config, weights=weights, work_dir=work)
        assert trained.model.origin.head == head
        save_model(trained.model, tmp_path / "one.wakeword")
        assert load_model(tmp_path / "one.wakeword").encoder.output_layers == (1, 2)
        made.append(set(work.glob("features-*/*")))
    assert made[0] and made[0] == made[1] == made[2]  # computed once for all three


@pytest.mark.parametrize("streaming, expected", [("chunked", {"chunk": 4}), ("window", {"hop": 4})])
def test_the_hop_is_a_setting(
    streaming: str,
    expected: dict[str, int],
    tiny: EncoderSpec,
    data: Path,
    weights: Path,
    tmp_path: Path,
) -> None:
    config = replace(SMALL, streaming=streaming, hop_ms=80, epochs=1)
    trained = train(
        read_dataset(data), ["ping"], config, weights=weights, work_dir=tmp_path / "work"
    )
    assert trained.model.encoder.settings().items() >= expected.items()
    assert trained.model.block == 1280
    config = replace(config, hop_ms=100)
    with pytest.raises(ConfigError, match="a hop of 100 ms: expected 40 to 2000, a multiple of 40"):
        train(read_dataset(data), ["ping"], config, weights=weights, work_dir=tmp_path / "work")


def test_few_held_out_clips_are_noted(
    tiny: EncoderSpec, data: Path, weights: Path, tmp_path: Path
) -> None:
    trained = train(
        read_dataset(data), ["ping"], SMALL, weights=weights, work_dir=tmp_path / "work"
    )
    (note,) = (note for note in trained.notes if "clips are held out" in note)
    bound = 3.8416 / (trained.held_out + 3.8416)  # Wilson's for none, by hand
    assert note.startswith(f"only {trained.held_out} keyword clips")
    assert f"as high as {bound:.0%} (95 % interval)" in note


def test_a_broken_clip_is_named_skipped_and_counted(
    tiny: EncoderSpec, data: Path, weights: Path, tmp_path: Path
) -> None:
    (data.parent / "ping-0.wav").write_bytes(b"RIFF nothing")
    trained = train(
        read_dataset(data), ["ping"], SMALL, weights=weights, work_dir=tmp_path / "work"
    )
    assert any("1 broken clip(s) skipped: ping-0.wav" in note for note in trained.notes)


def test_too_many_broken_clips_are_an_error(
    tiny: EncoderSpec, data: Path, weights: Path, tmp_path: Path
) -> None:
    for i in (0, 1, 2, 4):
        (data.parent / f"ping-{i}.wav").write_bytes(b"RIFF nothing")
    with pytest.raises(ManifestError, match="cannot be used"):
        train(read_dataset(data), ["ping"], SMALL, weights=weights, work_dir=tmp_path / "work")


def test_the_summary_as_json(tiny: EncoderSpec, data: Path, weights: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.wakeword"
    result = run(*training.arguments(data, weights, file, tmp_path / "work", "--json"))
    summary = json.loads(result.stdout)
    assert summary["keywords"] == ["ping"]
    assert summary["training"]["strategy"] == "head"
    assert 0 < summary["thresholds"]["ping"] < 1
    assert summary["threshold_provisional"] is True


def test_a_threshold_from_half_a_minute_is_called_provisional(
    tiny: EncoderSpec, data: Path, weights: Path, tmp_path: Path
) -> None:
    """By training, with what was observed and what to do about it, and by the evaluation."""
    file = tmp_path / "a.wakeword"
    result = run(*training.arguments(data, weights, file, tmp_path / "work"))
    printed = " ".join(result.stderr.split())
    assert re.search(r"\(provisional: \d+ false accepts? in 0\.\d min of other sound", printed)
    assert "estimated from" not in printed
    assert f"wakeword calibrate {file} --negatives FOLDER" in printed
    (note,) = (
        note
        for note in evaluate(load_model(file), read_dataset(data)).notes
        if "threshold is provisional" in note
    )
    assert "wakeword calibrate" in note


def test_training_and_evaluation_assign_the_same_splits(
    tiny: EncoderSpec, data: Path, weights: Path, tmp_path: Path
) -> None:
    rows = [json.loads(line) for line in data.read_text("utf-8").splitlines()]
    lines = [json.dumps({key: row[key] for key in row if key != "split"}) for row in rows]
    data.write_text("\n".join(lines), encoding="utf-8")
    dev = assign_splits(read_dataset(data)).subset("dev")
    assert len(dev.keywords) == 4 and dev.negatives  # one speaker of four
    for clip in (*dev.keywords, *dev.negatives):  # training on them would fail to read them
        clip.path.rename(clip.path.with_suffix(".kept"))
        clip.path.write_bytes(b"RIFF nothing")
    file = tmp_path / "a.wakeword"
    result = run(*training.arguments(data, weights, file, tmp_path / "work", "--json"))
    assert result.exit_code == 0 and "skipped" not in result.stderr
    for clip in (*dev.keywords, *dev.negatives):
        clip.path.with_suffix(".kept").replace(clip.path)
    result = CliRunner().invoke(main, ["eval", str(file), str(data), "--json"])
    assert result.exit_code == 0, result.output
    (clean, *_) = json.loads(result.stdout)["rows"]
    assert clean["shipped"]["clips"] == 4


def test_extra_data_is_never_held_out(
    tiny: EncoderSpec, data: Path, weights: Path, tmp_path: Path
) -> None:
    more = training.write_data(tmp_path / "more", clips=8)
    work = tmp_path / "work"

    def held_out(*extra: str) -> tuple[int, int]:
        file = tmp_path / f"{len(extra)}.wakeword"
        result = run(*training.arguments(data, weights, file, work, "--epochs", "1", *extra))
        assert result.exit_code == 0, result.output
        streams = [safe_open(each, "pt") for each in work.glob("features-*/*.safetensors")]
        spoken = [json.loads(each.metadata()["stream"])["segments"] for each in streams]
        about = load_model(file).origin.training
        return about["keyword_clips"], max(map(len, spoken))

    assert held_out() == (8, 4)
    assert held_out("--more", str(more)) == (8 + 6, 4)


def test_extra_negatives_leave_the_other_examples_as_they_are(
    tiny: EncoderSpec, data: Path, weights: Path, tmp_path: Path
) -> None:
    """Extra negatives of two data sets add one file; the other files are those without them."""
    work, file = tmp_path / "work", tmp_path / "m.wakeword"

    def files(*extra: str) -> set[str]:
        given = ("--epochs", "1", "--force", *extra)
        result = run(*training.arguments(data, weights, file, work, *given))
        assert result.exit_code == 0, result.output
        return {each.name for each in work.glob("features-*/*.npz")}

    more: list[str] = []
    for name in ("one", "two"):
        place = training.write_data(tmp_path / name)
        rows = place.read_text(encoding="utf-8").splitlines()
        place.write_text("\n".join(row for row in rows if '"label": ""' in row), encoding="utf-8")
        more += ["--more", str(place)]
    alone = files()
    assert len(alone) == 2
    assert len(files(*more) - alone) == 1
    negatives = [
        each for each in load_model(file).origin.training["data"] if each["role"] == "negative"
    ]
    assert sum(each["clips"] for each in negatives) == 12 + 2 * 12


def test_a_comparison_with_random_weights(
    tiny: EncoderSpec, data: Path, weights: Path, tmp_path: Path
) -> None:
    file = tmp_path / "m.wakeword"
    given = training.arguments(data, weights, file, tmp_path / "work", "--compare-scratch")
    result = run(*given, "--json")
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    gain = summary["compared_with_scratch"]
    kept = summary["training"]["best_epoch"]
    assert gain["pretrained"] == summary["history"][kept]["miss"]
    assert gain["clips"] == 4 and 0 <= gain["scratch"] <= 1
    assert load_model(file).origin.training["strategy"] == "head"  # not the one from scratch


def test_features_that_need_no_weights_are_shared(
    tiny: EncoderSpec, data: Path, weights: Path, tmp_path: Path
) -> None:
    made: list[set[Path]] = []
    for strategy in ("full", "scratch"):
        config = replace(SMALL, strategy=strategy, epochs=1)
        train(read_dataset(data), ["ping"], config, weights=weights, work_dir=tmp_path)
        made.append(set(tmp_path.glob("features-*/*")))
    assert made[0] and made[0] == made[1]


def test_without_weights_of_the_default_the_embedded_encoder_is_used(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "locate_weights", lambda name: "")
    file = tmp_path / "m.wakeword"
    small = ["--hours", "0.1", "--epochs", "1", "--work", str(tmp_path / "w")]
    small += ["--method", "train"]
    result = run("train", str(data), "-o", str(file), *small)
    assert result.exit_code == 0 and "pip install 'wakeword[offline]'" in result.stderr
    assert load_model(file).origin.encoder == "wakeword-stream"
    monkeypatch.undo()
    assert training_options.choose_encoder("moonshine-tiny", None) == "moonshine-tiny"
    assert training_options.choose_encoder(None, tmp_path / "tiny.en.pt") == "whisper-tiny.en"
