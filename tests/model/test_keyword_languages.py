"""Languages are recorded in both kinds of files, and files without them still load."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tiny as tiny_family
from click.testing import CliRunner
from two_stage import tiny_two_stage

from wakeword import runtime
from wakeword.cli import main
from wakeword.encoders.spec import EncoderSpec
from wakeword.errors import ConfigError
from wakeword.exporting.onnx import export_onnx
from wakeword.model.file import load_model, save_model
from wakeword.model.languages import languages_of, normalise_language, record_languages


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("EN", "en"),
        ("PT-br", "pt-BR"),
        ("es-419", "es-419"),
        ("ZH-HANT-tw", "zh-Hant-TW"),
        ("cmn-LATN-pinyin", "cmn-Latn-pinyin"),
        ("de-CH-1996", "de-CH-1996"),
        ("vi-vn-x-Central", "vi-VN-x-central"),
    ],
)
def test_tags_get_their_usual_spelling(given: str, expected: str) -> None:
    assert normalise_language(given) == expected


@pytest.mark.parametrize(
    "tag", ["", "english", "pt_BR", "e", "en-", "en-x", "dé", "en-USA", "en\n"]
)
def test_other_text_is_refused_with_an_example(tag: str) -> None:
    with pytest.raises(ConfigError) as refused:
        normalise_language(tag)
    assert repr(tag) in str(refused.value) and "pt-BR" in str(refused.value)


def test_a_file_and_its_export_keep_the_languages(tiny: EncoderSpec, tmp_path: Path) -> None:
    model, file, exported = tiny_family.model(), tmp_path / "a.wakeword", tmp_path / "a.onnx"
    record_languages(model, ["pt-br", "en", "en"])
    save_model(model, file)
    export_onnx(load_model(file), exported)
    expected = ["pt-BR", "en"]
    assert languages_of(load_model(file)) == languages_of(runtime.load(exported)) == expected
    for each in (file, exported):
        result = CliRunner().invoke(main, ["info", str(each), "--json"])
        assert json.loads(result.output)["languages"] == expected
        assert "pt-BR, en" in CliRunner().invoke(main, ["info", str(each)]).output


def test_a_file_without_languages_has_none(tiny: EncoderSpec, tmp_path: Path) -> None:
    file = tmp_path / "old.wakeword"
    save_model(tiny_family.model(), file)
    assert languages_of(load_model(file)) == []
    assert "not recorded" in CliRunner().invoke(main, ["info", str(file)]).output


def test_both_stages_record_the_languages_of_a_model_of_two(tiny: EncoderSpec) -> None:
    model = tiny_two_stage()
    record_languages(model, ["en"])
    assert languages_of(model) == languages_of(model.gate) == languages_of(model.verifier) == ["en"]
    record_languages(model, [])
    assert languages_of(model) == []


@pytest.mark.parametrize("command", [["train", "data"], ["enroll", "alexa", "1.wav", "2.wav"]])
def test_a_wrong_language_is_an_error_before_anything_is_read(command: list[str]) -> None:
    arguments = [*command, "-o", "a.wakeword", "--language", "pt_BR"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert "'pt_BR'" in result.output and "en or pt-BR" in " ".join(result.output.split())
