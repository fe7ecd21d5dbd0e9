"""Reports of whole data sets."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from faulty_data import RATE, SyntheticDataset, shifted, voice

from wakeword.data.check import check_dataset, measure
from wakeword.data.readers import read_dataset
from wakeword.errors import ManifestError

CORPUS = os.environ.get("WAKEWORD_CORPUS")


@pytest.fixture
def data(tmp_path: Path) -> SyntheticDataset:
    return SyntheticDataset(tmp_path)


def test_a_data_set_without_faults_has_no_findings(data: SyntheticDataset) -> None:
    report = data.report()
    assert report.findings == ()
    assert report.duplicates == ()
    assert report.broken == ()
    assert report.errors == 0
    assert report.keywords == ("computer", "jarvis")


def test_rows_count_clips_by_split_role_and_label(data: SyntheticDataset) -> None:
    data.keyword(np.stack([voice(900), voice(901)], axis=1))
    rows = {(row.split, row.role, row.label): row for row in data.report().rows}
    row = rows["train", "keyword", "computer"]
    assert (row.clips, row.speakers, row.channels, row.rates) == (3, 2, (1, 2), (RATE,))
    assert row.seconds == pytest.approx(2.4)
    assert rows["test", "negative", ""].clips == 2
    assert rows["train", "rir", ""].clips == 1
    assert [key[:2] for key in rows][:4] == [
        ("train", "keyword"),
        ("train", "keyword"),
        ("train", "negative"),
        ("train", "noise"),
    ]
    assert len(rows) == 11


def test_other_words_than_the_given_keywords_count_as_negatives(data: SyntheticDataset) -> None:
    report = check_dataset(data.dataset(), ["jarvis"])
    assert report.keywords == ("jarvis",)
    rows = {(row.split, row.role, row.label): row.clips for row in report.rows}
    assert rows["train", "negative", "other words"] == 2
    assert ("train", "keyword", "computer") not in rows
    assert report.findings == ()
    with pytest.raises(ManifestError, match="Did you mean 'jarvis'"):
        check_dataset(data.dataset(), ["jarviss"])


def test_several_processes_give_the_same_report(
    data: SyntheticDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = data.samples()
    data.keyword(recording)
    data.keyword(shifted(recording), split="dev", speaker="dev-0")
    data.negatives[0].path.write_bytes(b"")
    single = check_dataset(data.dataset(), workers=1)
    monkeypatch.setattr(measure, "_MIN_PARALLEL", 0)
    monkeypatch.setattr(measure, "_CHUNK", 4)
    assert check_dataset(data.dataset(), workers=2) == single
    assert single.errors > 0


def test_progress_reaches_the_total(data: SyntheticDataset) -> None:
    recording = data.samples()
    data.keyword(recording)
    data.keyword(shifted(recording))
    steps: list[tuple[str, int, int]] = []
    check_dataset(data.dataset(), progress=lambda *step: steps.append(step))
    assert steps[-2:] == [("reading", 22, 22), ("comparing", 1, 1)]


def test_the_report_can_be_written_as_json(data: SyntheticDataset) -> None:
    data.keyword(speaker=None)
    report = data.report()
    read = json.loads(json.dumps(report.as_dict()))
    assert read["findings"][0]["kind"] == "speakers-missing"
    assert len(read["rows"]) == len(report.rows)


@pytest.mark.skipif(CORPUS is None, reason="WAKEWORD_CORPUS does not point at the speech corpus")
def test_known_faults_of_the_corpus_are_found() -> None:
    assert CORPUS is not None
    data = read_dataset(CORPUS)
    selected = tuple(clip for clip in data.negatives if clip.source == "wuw")
    report = check_dataset(replace(data, negatives=selected))

    assert report.broken == ()
    errors = [finding for finding in report.findings if finding.severity == "error"]
    assert [finding.kind for finding in errors] == ["keyword-in-negatives"]
    assert [Path(file).name for file in errors[0].files] == ["WUWII00307_008.opus"]
    near = next(finding for finding in report.findings if finding.kind == "near-duplicates")
    keywords = sum(row.clips for row in report.rows if row.role == "keyword")
    assert len(near.files) / keywords == pytest.approx(1 / 6, abs=0.03)
