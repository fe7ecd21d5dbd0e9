"""Options that take one of some names: checked before anything is read, suggested, completed."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.shell_completion import BashComplete
from click.testing import CliRunner

import wakeword.cli.train
from wakeword.cli import main
from wakeword.encoders.registry import encoder_names
from wakeword.encoders.spec import EncoderSpec
from wakeword.errors import ConfigError
from wakeword.heads import HEADS
from wakeword.training import train as library
from wakeword.training.config import HEAD_NAMES, LOSS_NAMES
from wakeword.training.losses import LOSSES


def fails(*arguments: object) -> str:
    result = CliRunner().invoke(main, [str(each) for each in arguments])
    assert result.exit_code == 2, (result.output, result.exception)
    return result.stderr


def completions(*arguments: str) -> list[str]:
    *before, incomplete = arguments
    complete = BashComplete(main, {}, "wakeword", "_WAKEWORD_COMPLETE")
    return [item.value for item in complete.get_completions(before, incomplete)]


@pytest.mark.parametrize(
    ("mistyped", "meant"),
    [("tain", "train"), ("ecnoders", "encoders"), ("verify", "verify-export")],
)
def test_a_mistyped_command_is_suggested(mistyped: str, meant: str) -> None:
    error = fails(mistyped, "DATA")
    assert f"unknown command '{mistyped}'. Did you mean '{meant}'?" in error
    assert "calibrate" in error  # and all others are listed


@pytest.mark.parametrize(
    ("option", "mistyped", "meant"),
    [
        ("--head", "cnv", "conv"),
        ("--loss", "bse", "bce"),
        ("--strategy", "hed", "head"),
        ("--strategy", "top1", "top:N"),
        ("--strategy", "lora", "lora:R"),
        ("--verifier-strategy", "ful", "full"),
        ("--streaming", "chunks", "chunked"),
        ("--encoder", "wisper-tiny", "whisper-tiny"),
        ("--verifier", "whisper-tin", "whisper-tiny"),
    ],
)
def test_a_mistyped_choice_is_suggested_before_data_is_read(
    monkeypatch: pytest.MonkeyPatch, option: str, mistyped: str, meant: str
) -> None:
    def read(*_: object) -> None:
        raise AssertionError("data was read")

    monkeypatch.setattr(wakeword.cli.train, "read_dataset", read)
    error = fails("train", "DATA", "-o", "a.wakeword", option, mistyped)
    assert f"'{mistyped}'. Did you mean '{meant}'?" in error


def test_names_that_do_not_suit_the_encoder_are_reported_before_data_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def read(*_: object) -> None:
        raise AssertionError("data was read")

    monkeypatch.setattr(wakeword.cli.train, "read_dataset", read)
    command = ("train", "DATA", "-o", "a.wakeword", "--verifier", "none", "--encoder")
    assert "top:1 to top:5" in fails(*command, "whisper-tiny.en", "--strategy", "top:9")
    assert "streaming mode" in fails(*command, "wakeword-stream", "--streaming", "window")
    assert "a hop of 50 ms" in fails(*command, "whisper-tiny.en", "--hop-ms", "50")


@pytest.mark.parametrize(
    "settings", [{"strategy": "top:9"}, {"head": "cnv"}, {"loss": "mse"}, {"strategy": "top"}]
)
def test_the_library_checks_names_before_it_reads_clips(
    tiny: EncoderSpec, settings: dict[str, str]
) -> None:
    with pytest.raises(ConfigError):
        library.check_names(library.TrainConfig(encoder="tiny", **settings), tiny)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", ["top:2", "lora:8", "full"])
def test_open_forms_are_accepted(value: str) -> None:
    error = fails(
        "train", "no-data", "-o", "a.wakeword", "--encoder", "whisper-base", "--strategy", value
    )
    assert "no-data" in error and "strategy" not in error


def test_other_splits_are_suggested_and_synonyms_accepted(model_file: Path) -> None:
    assert "Did you mean 'dev'?" in fails("eval", model_file, "DATA", "--split", "deev")
    assert "DATA: no such" in fails("eval", model_file, "DATA", "--split", "validation")


def test_choices_are_completed() -> None:
    heads = ["linear", "conv", "depthwise", "gru", "attention"]
    assert completions("train", "--head", "") == heads
    assert completions("train", "--strategy", "to") == ["top:"]
    assert completions("improve", "--verifier-strategy", "gr") == ["gradual"]
    assert completions("enroll", "--streaming", "") == ["chunked", "window"]
    assert completions("train", "--encoder", "moon") == [
        name for name in encoder_names() if name.startswith("moon")
    ]
    assert completions("train", "--encoder", "h") == ["hubert-large-960h", "hf:"]
    assert {"auto", "none", "hf:"} <= set(completions("train", "--verifier", ""))
    assert completions("eval", "--split", "t") == ["train", "test"]


def test_the_help_shows_short_lists() -> None:
    text = CliRunner().invoke(main, ["train", "--help"]).output
    assert "--head [linear|conv|depthwise|gru|attention]" in text and "--encoder NAME" in text
    assert "--loss [bce|max-pooling]" in text


def test_the_listed_heads_and_losses_are_those_there_are() -> None:
    assert tuple(HEADS) == HEAD_NAMES
    assert tuple(LOSSES) == LOSS_NAMES
