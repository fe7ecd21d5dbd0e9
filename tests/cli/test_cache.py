"""`wakeword cache`: what it shows, what it deletes, and what it never touches."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import wakeword
from wakeword import storage
from wakeword.cli import main
from wakeword.errors import ConfigError

FILES = {
    "encoders/whisper-tiny.en/tiny.en.pt": 3_000_000,
    "encoders/whisper-tiny/tiny.pt": 1_000_000,
    "training/features-1a/0.safetensors": 200_000,
    "training/run-2b/checkpoint.safetensors": 500_000,
    "kokoro-voices-0.9.4.npz": 40_000,
}
FOREIGN = ("thesis.txt", "training/notes.txt", "pictures/cat.jpg")
"""Files of the user in the folder that WAKEWORD_CACHE names."""


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    folder = tmp_path / "cache"
    for name, size in {**FILES, **dict.fromkeys(FOREIGN, 10)}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(bytes(size))
    return folder


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def run(*arguments: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(main, ["cache", *arguments], input=answer)


def test_folder_and_sizes_are_shown(cache: Path) -> None:
    result = run()
    assert result.exit_code == 0 and str(cache) in result.stdout.replace("\n", "")
    for row in ("encoder weights +. +2 +. +4.0 MB", "training features +. +1 +. +0.2 MB"):
        assert re.search(row, result.stdout), result.stdout
    assert re.search("total +. +5 +. +4.7 MB", result.stdout)
    assert files(cache) == {*FILES, *FOREIGN}
    about = json.loads(run("--json").stdout)
    assert about["folder"] == str(cache) and about["bytes"] == sum(FILES.values())
    assert about["kinds"]["voices"] == {"files": 1, "bytes": 40_000}


@pytest.mark.parametrize(("answer", "kept"), [("y\n", FOREIGN), ("n\n", (*FILES, *FOREIGN))])
def test_clearing_asks(cache: Path, answer: str, kept: tuple[str, ...]) -> None:
    result = run("--clear", answer=answer)
    assert result.exit_code == 0 and "Delete 4.7 MB?" in result.stderr
    assert files(cache) == set(kept)


def test_clearing_without_a_question(cache: Path) -> None:
    result = run("--clear", "--yes", "--json")
    assert result.exit_code == 0 and "deleted 4.7 MB" in result.stderr
    assert json.loads(result.stdout)["bytes"] == sum(FILES.values())
    assert files(cache) == set(FOREIGN)
    assert "nothing to delete" in run("--clear").stderr


def test_without_an_answer_nothing_is_deleted(cache: Path) -> None:
    result = run("--clear", answer="")
    assert result.exit_code == 2 and "--yes deletes without a question" in result.stderr
    assert files(cache) == {*FILES, *FOREIGN}
    assert run("--yes").exit_code == 2


def test_a_link_is_deleted_and_what_it_points_to_is_kept(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "tiny.pt").write_bytes(b"weights")
    try:
        (cache / "encoders" / "linked").symlink_to(tmp_path / "elsewhere")
    except OSError:
        pytest.skip("no symbolic links here")
    storage.clear_cache()
    assert files(cache) == set(FOREIGN) and files(tmp_path / "elsewhere") == {"tiny.pt"}


def test_what_cannot_be_deleted_is_named(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(storage.shutil, "rmtree", denied)
    with pytest.raises(ConfigError, match=r"whisper-tiny: cannot be deleted \(Permission denied"):
        storage.clear_cache()


def test_an_empty_cache(tmp_path: Path) -> None:
    assert re.search("total +. +0 +. +0.0 MB", run().stdout)
    assert not (tmp_path / "cache").exists()


def test_everything_that_is_cached_has_a_kind() -> None:
    """Whatever the package keeps below the cache folder is shown and cleared."""
    package = Path(wakeword.__file__).parent
    text = "\n".join(path.read_text("utf-8") for path in package.rglob("*.py"))
    kept = re.findall(r'cache_dir\(\) / f?"([\w-]+)', text)
    for path in (package / "training").glob("*.py"):
        names = re.findall(r'folder / f"(\w+-)\{', path.read_text("utf-8"))
        kept += [f"training/{name}" for name in names]
    assert len(kept) > 4
    kinds = storage._CACHED.values()
    assert [each for each in kept if not any(kind.startswith(each) for kind in kinds)] == []
