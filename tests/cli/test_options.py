"""Spellings of earlier versions keep working and stay out of the help."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from wakeword.cli import COMMANDS, main, training_options
from wakeword.cli.options import HIDDEN_ALIASES, AliasedOption, option
from wakeword.encoders.spec import EncoderSpec
from wakeword.errors import ConfigError
from wakeword.evaluation.calibrate import calibrate
from wakeword.training.config import TrainConfig


def command(name: str) -> click.Command:
    found = main.get_command(click.Context(main), name)  # type: ignore[attr-defined]
    assert found is not None
    return found


def aliased_options() -> list[tuple[str, str, str]]:
    """(command, option, old spelling) for every option that has one."""
    return [
        (name, shown, old)
        for name in COMMANDS
        for parameter in command(name).params
        if isinstance(parameter, AliasedOption)
        for shown in parameter.opts
        for old in HIDDEN_ALIASES.get(shown, ())
    ]


ALIASED = aliased_options()


def parse(name: str, *arguments: str) -> dict[str, Any]:
    """Return the parameters that a command is called with; required ones may be missing."""
    context = command(name).make_context(name, list(arguments), resilient_parsing=True)
    return context.params


def test_every_alias_belongs_to_an_option() -> None:
    assert {shown for _, shown, _ in ALIASED} == set(HIDDEN_ALIASES)


@pytest.mark.parametrize(("name", "shown", "old"), ALIASED)
def test_an_old_spelling_sets_the_same_parameter(name: str, shown: str, old: str) -> None:
    (parameter,) = [each for each in command(name).params if shown in each.opts]
    assert isinstance(parameter, click.Option)
    value = (
        [] if parameter.is_flag else ["7" if not isinstance(parameter.type, click.Path) else "x"]
    )
    if isinstance(parameter.type, click.FloatRange) and parameter.type.max is not None:
        value = ["0.5"]
    by_old, by_shown = parse(name, old, *value), parse(name, shown, *value)
    assert by_old[parameter.name or ""] == by_shown[parameter.name or ""]
    assert by_old[parameter.name or ""] != parse(name)[parameter.name or ""]


@pytest.mark.parametrize(("name", "shown", "old"), ALIASED)
def test_the_help_shows_the_new_spelling_alone(name: str, shown: str, old: str) -> None:
    words = CliRunner().invoke(main, [name, "--help"]).output.split()
    assert shown in words and old not in words


def test_a_missing_option_is_named_by_its_new_spelling() -> None:
    @click.command()
    @option("--work-dir", required=True)
    def needs(work_dir: str) -> None:
        click.echo(work_dir)

    assert "'--work-dir'" in CliRunner().invoke(needs, []).output
    assert CliRunner().invoke(needs, ["--work", "here"]).output == "here\n"


@pytest.mark.parametrize("name", ["train", "enroll"])
def test_streaming_modes_of_earlier_versions_are_accepted(name: str) -> None:
    assert parse(name, "--streaming", "exact")["streaming"] == "chunked"
    assert parse(name, "--streaming", "window")["streaming"] == "window"
    assert parse(name)["streaming"] == ""


def test_the_rate_of_false_accepts_has_one_default() -> None:
    default = TrainConfig().false_accepts_per_hour
    for name in ("train", "enroll", "calibrate"):
        assert parse(name)["false_accepts_per_hour"] == default
    assert calibrate.__kwdefaults__["false_accepts_per_hour"] == default


def test_layers_are_numbers() -> None:
    assert training_options.parse_layers("2,3") == (2, 3)
    assert training_options.parse_layers(None) == ()
    with pytest.raises(ConfigError, match="--layers"):
        training_options.parse_layers("top")


def test_options_of_a_training_become_its_config(tiny: EncoderSpec, tmp_path: Path) -> None:
    given: dict[str, Any] = {}

    @click.command()
    @training_options.train_config
    @option("--other")
    def trains(**parameters: Any) -> None:
        given.update(parameters)

    arguments = ["--encoder", "tiny", "--layers", "1,2", "--hours", "2", "--other", "x"]
    arguments += ["--weights", str(tmp_path), "--streaming", "exact", "--hop-ms", "320"]
    result = CliRunner().invoke(trains, arguments)
    assert result.exit_code == 0, result.output
    config = given.pop("config")
    assert given == {"weights": tmp_path, "other": "x"}
    assert config.verifier is None
    assert (config.encoder, config.layers, config.hop_ms) == ("tiny", (1, 2), 320)
    assert config.streaming == "chunked"
