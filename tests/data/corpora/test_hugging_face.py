"""Data sets of the Hugging Face Hub by name, from a package `datasets` without a network."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import soundfile
import tiny as tiny_family
from click.testing import CliRunner, Result

from wakeword.audio.files import audio_info
from wakeword.cli import main
from wakeword.data.corpora.hugging_face import (
    HubDataset,
    downloaded_datasets,
    fetch_dataset,
    read_hub_dataset,
)
from wakeword.data.corpora.other_audio import read_recordings
from wakeword.errors import ConfigError

NAME = "hf:people/talk:de@validation"
BROKEN = b"no audio"


class Audio: ...


class Streamed:
    """A streamed data set: 2 s each at 8 kHz; an exception among the rows is raised there."""

    def __init__(self, rows: list[Any], features: dict[str, Any] | None) -> None:
        self.rows, self.features = rows, features
        self.info = SimpleNamespace(license="cc0-1.0")

    def with_format(self, name: str) -> Streamed:
        assert name == "arrow"  # rows as they are stored, with encoded audio
        return self

    def skip(self, count: int) -> Streamed:
        return Streamed(self.rows[count:], self.features)

    def iter(self, batch_size: int) -> Iterator[Any]:
        assert batch_size == 1
        for row in self.rows:
            if isinstance(row, Exception):
                raise row
            yield SimpleNamespace(to_pylist=lambda row=row: [row])


def row(number: int) -> dict[str, Any]:
    encoded = io.BytesIO()
    soundfile.write(encoded, tiny_family.synthetic_audio(1.0, seed=number), 8_000, format="WAV")
    recording = {"bytes": encoded.getvalue(), "path": f"{number}.wav"}
    return {"recording": recording, "sentence": f"ping {number}", "client_id": number % 2}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Streamed:
    """The data set that the package hands over."""
    streamed = Streamed([row(n) for n in range(6)], {"id": None, "recording": Audio()})
    package: Any = ModuleType("datasets")

    def load_dataset(path: str, name: str | None, *, split: str, streaming: bool) -> Streamed:
        assert streaming
        if (path, name, split) != ("people/talk", "de", "validation"):
            raise FileNotFoundError(f"no data set {path}")
        return streamed

    package.load_dataset, package.Audio = load_dataset, Audio
    monkeypatch.setitem(sys.modules, "datasets", package)
    return streamed


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(each) for each in arguments])


def test_the_first_hours_become_negatives(hub: Streamed) -> None:
    folder = fetch_dataset(HubDataset(NAME), hours=7 / 3600)
    data = read_hub_dataset(HubDataset(NAME))
    assert len(data.negatives) == 4 and not data.keywords  # the fourth passes 7 s
    first = data.negatives[0]
    assert (first.text, first.speaker, first.source) == ("ping 0", "0", NAME)
    assert first.licence == "cc0-1.0" and first.split is None
    assert audio_info(first.path).rate == 16_000
    assert sorted(path.suffix for path in folder.iterdir()) == [".flac"] * 4 + [".json", ".jsonl"]
    assert len(read_recordings([NAME], ["ping 2"])) == 3  # its transcript has the keyword


def test_an_interrupted_download_goes_on(hub: Streamed, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.rows.insert(2, ConnectionError("cut"))
    with pytest.raises(ConfigError, match=r"could not be read from the Hub: cut\."):
        fetch_dataset(HubDataset(NAME))
    assert not HubDataset(NAME).is_downloaded and downloaded_datasets() == []
    part = HubDataset(NAME).folder.with_name(f"{HubDataset(NAME).folder.name}.part")
    with (part / "recordings.jsonl").open("a") as manifest:
        manifest.write('{"audio_fi')  # killed while it wrote
    del hub.rows[2]
    fetch_dataset(HubDataset(NAME))
    texts = [clip.text for clip in read_hub_dataset(HubDataset(NAME)).negatives]
    assert texts == [f"ping {number}" for number in range(6)]
    hub.rows.clear()  # what is here is not downloaded again
    assert fetch_dataset(HubDataset(NAME)) == HubDataset(NAME).folder


def test_broken_recordings_are_counted(hub: Streamed) -> None:
    hub.rows[1]["recording"]["bytes"] = BROKEN
    del hub.rows[2]["sentence"]
    result = run("data", "get", NAME)
    assert result.exit_code == 0, result.output
    assert "0.0 h, licence cc0-1.0, 1 broken recordings left out" in result.output
    data = read_hub_dataset(HubDataset(NAME))
    assert len(data.negatives) == 5
    assert data.notes[-1].startswith(f"{NAME}: 1 recording(s) have no transcript")


def test_too_many_broken_recordings_stop_it(hub: Streamed) -> None:
    hub.rows[:] = [row(0) for _ in range(40)]
    for number in range(5, 40):
        hub.rows[number]["recording"]["bytes"] = BROKEN
    with pytest.raises(ConfigError, match="16 of 21 recordings cannot be read"):
        fetch_dataset(HubDataset(NAME))


def test_it_is_listed_and_deleted(hub: Streamed) -> None:
    run("data", "get", NAME, "--hours", "0.001")
    listed = json.loads(run("data", "list", "--json").stdout)[-1]
    assert (listed["name"], listed["licence"]) == (NAME, "cc0-1.0")
    assert listed["home"] == "https://huggingface.co/datasets/people/talk"
    assert NAME in run("data", "list").output
    assert "freed" in run("data", "remove", NAME).output
    assert "not here" in run("data", "remove", NAME).output
    assert not Path(listed["folder"]).exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("hf:talk", "expected hf:ORG/NAME, with :CONFIG and @SPLIT where needed"),
        ("hf:../../etc/x", "expected hf:ORG/NAME"),
        ("hf:people/other", "hf:people/other could not be read from the Hub: no data set"),
    ],
)
def test_wrong_names_are_explained(hub: Streamed, name: str, message: str) -> None:
    result = run("data", "get", name)
    assert result.exit_code == 2 and message in " ".join(result.output.split())


def test_a_data_set_without_audio_is_refused(hub: Streamed) -> None:
    hub.features = {"sentence": None}
    with pytest.raises(ConfigError, match="a data set without audio"):
        fetch_dataset(HubDataset(NAME))


def test_without_the_package_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ConfigError, match="pip install datasets"):
        fetch_dataset(HubDataset(NAME))


def test_what_is_not_downloaded_says_how() -> None:
    with pytest.raises(ConfigError, match=f"Run: wakeword data get {NAME}"):
        read_recordings([NAME])
