"""What `make dist` builds for a package index: nothing foreign inside, and it works by itself."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import project_file
import pytest
import runtime_process
import tiny as tiny_family

import wakeword
from wakeword.audio.files import save_audio
from wakeword.encoders.registry import temporarily_registered
from wakeword.exporting.onnx import export_onnx

for package in ("build", "hatchling"):
    pytest.importorskip(package, reason=f"builds the package: pip install {package}")

ROOT = project_file.ROOT
NAME = f"wakeword-{wakeword.__version__}"
DATA = {
    *(f"encoders/wakeword-{name}.safetensors" for name in ("micro", "stream")),
    *("py.typed", "serve/page.html"),
    *("synthetic/people_table.json", "training/strategy_table.json"),
    *(f"ready_models/{name}.wakeword" for name in ("alexa", "computer", "jarvis", "snowboy")),
    *("exporting/web/package.json", "exporting/web/page/index.html"),
    *(f"exporting/web/page/{name}.js" for name in ("model-thread", "page", "worker")),
    *("exporting/web/wakeword.d.ts", "exporting/web/wakeword.js"),
    *(f"exporting/web/{name}.js" for name in ("blocks", "cascade", "errors", "metadata", "model")),
    *(f"exporting/web/{name}.js" for name in ("microphone", "microphone-processor", "trigger")),
    *(f"exporting/web/{name}.js" for name in ("onnxruntime", "resampling")),
    *("web/detections.js", "web/styles.css"),
}
"""Files of the package that are no Python."""
AT_ROOT = {
    *(".gitignore", "CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE", "Makefile"),
    *("PKG-INFO", "README.md", "SECURITY.md", "mkdocs.yml", "pyproject.toml"),
    *("deploy", "docs", "recipes", "tests", "wakeword"),
}
LARGEST_BYTES = 5_000_000  # of the wheel; the weights of the encoder are 2 MB


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the sdist and of the wheel, which is built from the sdist."""
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


@pytest.fixture(scope="module")
def wheel(folder: Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(folder / f"{NAME}-py3-none-any.whl")


def package_files() -> set[str]:
    """The files of the package in this folder."""
    files = (each for each in (ROOT / "wakeword").rglob("*") if each.is_file())
    return {
        each.relative_to(ROOT).as_posix() for each in files if each.parent.name != "__pycache__"
    }


def test_two_files_are_built(folder: Path) -> None:
    names = {each.name for each in folder.iterdir()}
    assert names == {f"{NAME}.tar.gz", f"{NAME}-py3-none-any.whl"}


def test_the_wheel_holds_the_package_and_nothing_else(folder: Path, wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    about = {name for name in names if name.startswith(f"{NAME}.dist-info/")}
    assert names - about == package_files()
    assert {Path(name).name for name in about} == {
        *("METADATA", "WHEEL", "RECORD", "entry_points.txt", "LICENSE")
    }
    others = {name for name in names - about if not name.endswith(".py")}
    assert others == {f"wakeword/{name}" for name in DATA}
    assert (folder / f"{NAME}-py3-none-any.whl").stat().st_size < LARGEST_BYTES


def test_the_metadata_are_what_an_index_accepts(wheel: zipfile.ZipFile) -> None:
    metadata = Parser().parsestr(wheel.read(f"{NAME}.dist-info/METADATA").decode())
    assert metadata["Name"] == "wakeword" and metadata["Version"] == wakeword.__version__
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Description-Content-Type"] == "text/markdown"
    needed = metadata.get_all("Requires-Dist") or []
    assert len(needed) > 20 and not [each for each in needed if "@" in each]  # no addresses


def test_the_sdist_holds_tracked_files_alone(folder: Path) -> None:
    with tarfile.open(folder / f"{NAME}.tar.gz") as archive:
        names = {Path(name).relative_to(NAME).as_posix() for name in archive.getnames()}
    assert {Path(name).parts[0] for name in names} == AT_ROOT
    assert package_files() <= names
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("no clone: which files are tracked is not known")
    listed = subprocess.run([git, "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert names - {"PKG-INFO"} <= set(listed.stdout.splitlines())


def test_twine_accepts_both(folder: Path) -> None:
    pytest.importorskip("twine", reason="checks what is built: pip install twine")
    files = map(str, folder.iterdir())
    command = [sys.executable, "-m", "twine", "check", "--strict", *files]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_wheel_alone_runs_exported_models(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    """Where nothing else of the project is, and only what an exported model needs is installed."""
    site, home = tmp_path / "site", tmp_path / "home"
    wheel.extractall(site)
    audio = tiny_family.synthetic_audio(3.0)
    save_audio(home / "monday.wav", audio)
    with temporarily_registered(tiny_family.spec()):
        model = tiny_family.model(keywords=("word",), threshold=0.1)
        export_onnx(model, home / "word.onnx")
    detections, heavy = runtime_process.detect(home / "word.onnx", audio, home, site)
    assert detections and heavy == []
    missing = project_file.packages_not_in_runtime()
    for arguments, expected in (
        (["--help"], "Commands:"),
        (["--version"], wakeword.__version__),
        (["detect", "word.onnx", "monday.wav"], "word"),
    ):
        done = runtime_process.command(arguments, missing, home, root=site)
        assert done.returncode == 0 and expected in done.stdout, done.stderr
