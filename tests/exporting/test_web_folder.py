"""A written folder is complete and loads nothing from elsewhere; its runtime is verified."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import onnxruntime_web_package
import pytest
import tiny as tiny_family
import web_module
from click.testing import CliRunner, Result
from file_server import FileServer, serving

import wakeword
from wakeword.cli import main
from wakeword.encoders.registry import temporarily_registered
from wakeword.errors import ConfigError
from wakeword.exporting import onnxruntime_web
from wakeword.exporting.onnx import export_onnx
from wakeword.exporting.onnxruntime_web import load_onnxruntime_web
from wakeword.model.file import save_model


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with m.wakeword, m.onnx and the package in npm."""
    folder = tmp_path_factory.mktemp("files")
    with temporarily_registered(tiny_family.spec()):
        model = tiny_family.model(keywords=("alexa",))
        save_model(model, folder / "m.wakeword")
        export_onnx(model, folder / "m.onnx")
    onnxruntime_web_package.write_folder(folder / "npm")
    return folder


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """A registry that offers the stand-in, whose hash is expected."""
    content = onnxruntime_web_package.archive_bytes()
    digest = base64.b64encode(hashlib.sha512(content).digest()).decode()
    monkeypatch.setattr(onnxruntime_web, "_INTEGRITY", f"sha512-{digest}")
    served = FileServer(content)
    with serving(served):
        monkeypatch.setenv("npm_config_registry", served.url(""))
        yield served


def export(*arguments: Path | str) -> Result:
    return CliRunner().invoke(main, ["export", *map(str, arguments)])


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_of_an_exported_file_is_complete(files: Path, tmp_path: Path) -> None:
    site = tmp_path / "new" / "site"
    out = export(files / "m.onnx", "--web", site, "--onnxruntime-web", files / "npm")
    assert out.exit_code == 0, out.output
    assert f"wrote {site}" in out.output
    assert (site / "model.onnx").read_bytes() == (files / "m.onnx").read_bytes()
    found = names(site)
    assert {"index.html", "page.js", "wakeword.js", "wakeword.d.ts", "NOTICE.txt"} < found
    assert {"styles.css", "detections.js", "worker.js"} < found
    assert {f"onnxruntime-web/{name}" for name in onnxruntime_web_package.FILES} < found
    assert not any(name.endswith((".part", ".json", ".md")) for name in found)
    notice = (site / "NOTICE.txt").read_text("utf-8")
    assert "onnxruntime-web/, version 1.0.0: Copyright (c) Microsoft Corporation, MIT" in notice
    assert "Encoder: tiny, licence MIT" in notice


def test_a_folder_names_no_file_that_it_does_not_have(files: Path, tmp_path: Path) -> None:
    out = export(files / "m.onnx", "--web", tmp_path, "--onnxruntime-web", files / "npm")
    assert out.exit_code == 0, out.output
    named = []
    for path in [*tmp_path.glob("*.js"), tmp_path / "index.html"]:
        text = path.read_text("utf-8")
        assert re.findall(r"\b(?:https?|wss?)://(?!localhost)\S+", text) == [], path
        pattern = (
            r"""(?:from |import |import\(|URL\(|src=|stylesheet" href=|load\()["']([^"'$]+)["']"""
        )
        code = "\n".join(line for line in text.splitlines() if not line.startswith("//"))
        named += re.findall(pattern, code)
    assert len(named) > 12 and "./onnxruntime-web/ort.wasm.min.mjs" in named
    assert [name for name in named if not (tmp_path / name).is_file()] == []


def test_a_model_is_exported_into_its_folder(files: Path, tiny: object, tmp_path: Path) -> None:
    site = tmp_path / "site"
    arguments = ("--web", site, "--onnxruntime-web", files / "npm")
    out = export(files / "m.wakeword", "--int8", *arguments)
    assert out.exit_code == 0, out.output
    assert "max |Δ score|" in out.output
    size = (site / "model.onnx").stat().st_size
    assert size < (files / "m.onnx").stat().st_size
    (site / "own.css").write_text("")
    out = export(files / "m.wakeword", *arguments, "-o", tmp_path / "other.onnx")
    assert out.exit_code == 0, out.output
    assert (site / "model.onnx").read_bytes() == (tmp_path / "other.onnx").read_bytes()
    assert (site / "own.css").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["m.onnx"], "an exported model. Give the model"),
        (["m.onnx", "--web", "site", "--int8"], "an exported model"),
        (["m.wakeword", "--onnxruntime-web", "npm"], "--web DIR. Give both"),
        (["m.onnx", "--web", "site", "--onnxruntime-web", "none"], "none: not the npm package"),
        (["m.onnx", "--web", "site", "--onnxruntime-web", "m.onnx"], "not the npm package"),
        (["m.onnx", "--web", "site", "--onnxruntime-web", "other"], "the package other"),
        (["m.onnx", "--web", "m.onnx", "--onnxruntime-web", "npm"], "cannot be written"),
        (["none.onnx", "--web", "site", "--onnxruntime-web", "npm"], "no such model file"),
    ],
)
def test_mistakes_are_explained_and_nothing_is_written(
    files: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(files)
    onnxruntime_web_package.write_folder(files / "other", "other")
    out = export(*arguments)
    assert out.exit_code == 2 and message in out.output, out.output
    assert not (files / "site").exists()


def test_archive_and_folder_hold_the_same(tmp_path: Path) -> None:
    archive = onnxruntime_web_package.write_archive(tmp_path / "package.tgz")
    package = load_onnxruntime_web(archive)
    assert package == load_onnxruntime_web(onnxruntime_web_package.write_folder(tmp_path / "npm"))
    assert package.version == "1.0.0" and {*package.files} == {*onnxruntime_web_package.FILES}


def test_the_package_is_downloaded_once(registry: FileServer) -> None:
    assert load_onnxruntime_web().files == load_onnxruntime_web().files
    assert len(registry.asked) == 1


@pytest.mark.parametrize("name", ["bad.onnx", "bad.wakeword", "none.wakeword"])
def test_nothing_is_downloaded_for_a_wrong_model(
    registry: FileServer, tmp_path: Path, name: str
) -> None:
    for bad in ("bad.onnx", "bad.wakeword"):
        (tmp_path / bad).write_bytes(b"no model")
    out = export(tmp_path / name, "--web", tmp_path / "site")
    assert out.exit_code == 2 and name in out.output, out.output
    assert registry.asked == [] and not (tmp_path / "site").exists()


def test_another_package_than_expected_is_not_kept(registry: FileServer, tmp_path: Path) -> None:
    registry.content += b"changed"
    with pytest.raises(ConfigError, match=r"does not have SHA-512 .*npm_config_registry"):
        load_onnxruntime_web()
    assert names(tmp_path) == set()


def test_the_npm_package_is_described_as_it_is() -> None:
    package = json.loads((web_module.MODULE / "package.json").read_text("utf-8"))
    assert package["version"] == wakeword.__version__
    minimum = package["peerDependencies"]["onnxruntime-web"].removeprefix(">=").split()[0]
    assert minimum == onnxruntime_web.VERSION


def test_the_types_declare_what_the_module_exports() -> None:
    web_module.require_node()
    program = "import(process.argv[1]).then((m) => console.log(JSON.stringify(Object.keys(m))))"
    module = (web_module.MODULE / "wakeword.js").as_uri()
    done = subprocess.run(["node", "-e", program, module], capture_output=True, check=True)
    text = (web_module.MODULE / "wakeword.d.ts").read_text("utf-8")
    declared = re.findall(r"export declare (?:class|function|const) (\w+)", text)
    assert sorted(declared) == sorted(json.loads(done.stdout))
