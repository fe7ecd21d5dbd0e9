"""The depth study on small data, and the rows that `--strategy auto` reads from it."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import training
from figures import texts_outside
from recipe_runner import RECIPES, imports_from, run_recipe

from wakeword.data.clip import Clip
from wakeword.data.dataset import Dataset
from wakeword.data.readers import read_dataset
from wakeword.data.writer import write_manifest
from wakeword.training import strategy_table

FOLDER = RECIPES / "depth"
STUDY = "depth/study.py"


class Study:
    """The modules of recipes/depth, imported anew for each test."""

    def __getattr__(self, name: str) -> Any:
        return importlib.import_module(name)


@pytest.fixture
def study() -> Iterator[Any]:
    with imports_from(FOLDER):
        yield Study()


def rows_of(printed: str) -> list[str]:
    """The table's rows of the tiny encoder."""
    return [line for line in printed.splitlines() if line.startswith("| tiny ")]


def test_no_text_leaves_the_picture_of_one_encoder(study: Any) -> None:
    cells = study.cells.read_cells(*(FOLDER / "measured").glob("*.jsonl"))
    one = [cell for cell in cells if cell.setting.encoder == "wakeword-stream"]
    assert texts_outside(study.depth_plot.depth_figure(one)) == []
    assert texts_outside(study.depth_plot.depth_figure(cells)) == []


def test_an_encoder_with_another_default_head_has_a_panel(study: Any) -> None:
    cell, *_ = study.cells.read_cells(FOLDER / "measured" / "alexa.jsonl")
    setting = replace(cell.setting, encoder="wakeword-micro", head="depthwise")
    figure = study.depth_plot.depth_figure([replace(cell, setting=setting)])
    (axes,) = figure.axes
    assert axes.get_title().startswith("wakeword-micro")


@pytest.mark.usefixtures("in_this_process")
def test_the_depth_study_resumes_and_adds_to_its_table(
    small_trainings: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    few = ("--clips", "6", "--clips", "0", "--draws", "2", "--hours", "0.05", "--epochs", "1")
    study = (STUDY, small_trainings, tmp_path / "out", "--encoder", "tiny")
    run_recipe(*study, *few, monkeypatch=monkeypatch)
    first = capsys.readouterr().out
    assert first.count("of 8 missed") == 4 and len(rows_of(first)) == 2
    run_recipe(*study, *few, "--strategy", "lora:2", monkeypatch=monkeypatch)
    second = capsys.readouterr().out
    assert second.count("of 8 missed") == 4  # the first four are there
    head, lora = (rows_of(second)[i : i + 2] for i in (0, 2))
    assert head == rows_of(first)
    assert [row.split("|")[4].strip() for row in (*head, *lora)] == ["6", "all", "6", "all"]
    assert [row.split("|")[3].strip() for row in (*head, *lora)] == 2 * ["head"] + 2 * ["lora:2"]
    assert (tmp_path / "out" / "depth.png").stat().st_size > 10_000

    weights = training.write_weights(tmp_path / "again")
    examples = ("--head", "examples", "--clips", "6", "--draws", "1", "--weights", weights)
    run_recipe(*study, *examples, monkeypatch=monkeypatch)
    third = capsys.readouterr().out
    (row,) = (line for line in rows_of(third) if "| examples |" in line)
    # six clips of 1.5 s; nothing is trained
    assert "| examples | none | 6 | 0.1 | – | 0.00 M | 1 × 1 |" in row
    assert [line for line in rows_of(third) if line != row] == rows_of(second)


@pytest.mark.usefixtures("in_this_process")
@pytest.mark.parametrize("option", ["--synthetic", "--spoken"])
def test_the_depth_study_counts_synthetic_clips_apart(
    option: str,
    small_trainings: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    synthetic = tmp_path / "kokoro"
    synthetic.mkdir()
    clips = read_dataset(small_trainings).subset("train").keywords[:5]
    write_manifest(Dataset(synthetic, "jsonl", keywords=clips), synthetic / "ping.jsonl")
    few = ("--clips", "6", "--draws", "1", "--hours", "0.05", "--epochs", "1", "--keyword", "ping")
    study = (STUDY, small_trainings, tmp_path / "out", "--encoder", "tiny", *few)
    run_recipe(*study, option, synthetic, monkeypatch=monkeypatch)
    (row,) = rows_of(capsys.readouterr().out)
    assert "| head + synthetic kokoro | 6, 10 in all |" in row  # one is held out


def test_a_draw_of_clips_is_reproducible(study: Any) -> None:
    clips = tuple(Clip(Path(f"{i}.wav"), "ping", split="train") for i in range(20))
    task = Dataset(Path(), "folders", keywords=clips)
    few = [study.grid.draw_clips(task, 6, draw).keywords for draw in (0, 0, 1)]
    assert few[0] == few[1] != few[2] and {len(each) for each in few} == {6}
    assert study.grid.draw_clips(task, 0, 1).keywords == clips


def test_auto_reads_what_the_depth_study_measured(study: Any) -> None:
    measured_strategies = study.depth_table.measured_strategies
    cells = study.cells.read_cells(*sorted((FOLDER / "measured").glob("*.jsonl")))
    rows = measured_strategies(cells)
    assert rows == list(strategy_table.measured_strategies())
    packaged = files("wakeword.training").joinpath("strategy_table.json").read_text("utf-8")
    assert strategy_table.to_json(rows) == packaged
    cells = [cell for cell in cells if cell.setting.encoder == "wakeword-stream"]
    for missing in (("snowboy", 0), ("alexa", 2)):  # compared on the same keywords and draws alone
        fewer = [
            cell
            for cell in cells
            if cell.setting.strategy != "head" or (cell.keyword, cell.draw) != missing
        ]
        assert "head" not in {row.strategy for row in measured_strategies(fewer)}
    assert measured_strategies([c for c in cells if c.setting.strategy == "head"]) == []


def test_the_page_has_the_table_of_the_measured_cells(study: Any) -> None:
    cells = study.cells.read_cells(*sorted((FOLDER / "measured").glob("*.jsonl")))
    table = study.depth_table.format_table(cells)
    assert table in (FOLDER / "README.md").read_text("utf-8")


def test_cells_are_written_under_todays_names_and_read_under_both(
    study: Any, tmp_path: Path
) -> None:
    measured = FOLDER / "measured" / "computer.jsonl"
    (first, *_) = study.cells.read_cells(measured)
    study.cells.append_cell(tmp_path / "computer.jsonl", first)
    line = json.loads((tmp_path / "computer.jsonl").read_text("utf-8"))
    assert line["misses"] == first.misses and "missed" not in line
    assert study.cells.read_cells(tmp_path / "computer.jsonl") == [first]
    old = json.loads(measured.read_text("utf-8").splitlines()[0])
    assert (old["word"], old["missed"], old["spoken"]) == ("computer", first.misses, 128)
