"""Every command on the pages is one that there is, with options that it has, and can be run."""

from __future__ import annotations

import re
import runpy
import shlex
import shutil
import signal
import sys
import zlib
from pathlib import Path
from typing import Any

import click
import hugging_face
import numpy as np
import pytest
import tiny as tiny_family
import training
from click.testing import CliRunner

from wakeword.audio.files import save_audio
from wakeword.audio.resampling import resample
from wakeword.audio.samples import SAMPLE_RATE
from wakeword.cli import main
from wakeword.detection import speaker_verification
from wakeword.detection.speaker_verification import _Network
from wakeword.encoders.registry import temporarily_registered
from wakeword.model.file import save_model

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *ROOT.glob("recipes/**/*.md")]
PYTHON = {"python", "python3"}


def commands() -> list[tuple[str, str]]:
    """(page, line) of everything in a block of shell commands."""
    found = []
    for page in PAGES:
        for block in re.findall(r"```sh\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
            lines = block.replace("\\\n", " ").splitlines()
            found += [(str(page.relative_to(ROOT)), line) for line in lines if line.strip()]
    return found


def check(line: str) -> str:
    """Parse a line as its command would; says what kind it was."""
    name, *given = shlex.split(line, comments=True)
    if name == "wakeword":
        context = click.Context(main, info_name="wakeword")
        command = main.get_command(context, given[0])  # type: ignore[attr-defined]
        assert command is not None, f"no command {given[0]}"
        parse(command, given[1:])
        return "wakeword"
    if name in PYTHON and given[0].startswith("recipes/"):
        recipe = ROOT / given[0]
        assert recipe.is_file(), f"no {given[0]}"
        command = module(recipe).get("main")
        if isinstance(command, click.Command):
            parse(command, given[1:])
        return "recipe"
    return "other"


def module(recipe: Path) -> dict[str, Any]:
    """What a script holds; its own folder is where it imports from, as when it is run."""
    sys.path.insert(0, str(recipe.parent))
    try:
        return runpy.run_path(str(recipe))
    finally:
        sys.path.remove(str(recipe.parent))


def parse(command: click.Command, arguments: list[str]) -> None:
    """Raises click.UsageError where the command would."""
    command.make_context(command.name or "", list(arguments))


@pytest.mark.parametrize(("page", "line"), commands())
def test_a_command_on_a_page_can_be_given(page: str, line: str) -> None:
    kind = check(line)
    assert kind != "other" or re.match(r"(pip|arecord|torchrun|apt-get|make|\w+ =) ?", line), line


def test_the_check_notices() -> None:
    assert len(commands()) > 40
    for line in ("wakeword lisen a", "wakeword listen a --loud", "python recipes/none.py"):
        with pytest.raises((AssertionError, click.UsageError)):
            check(line)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text("utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


# ---------------------------------------------------------------- run


def small(place: Path) -> dict[str, dict[str, Any]]:
    """What the commands take by default here: seconds of training instead of minutes."""
    weights = str(training.write_weights(place / "weights"))
    encoder = {"encoder": "tiny", "weights": weights}
    return {
        "train": {**encoder, "hours": 0.1, "epochs": 4, "work_dir": str(place / "work")},
        "enroll": encoder,
        "improve": {"hours": 0.1, "epochs": 2},
        "mine": {"min_score": 1e-12},
        "record": {"countdown": 0},
        "serve": {"port": 0},
        "bench": {"seconds": 3},
        "verify-export": {"audio": "evening.flac"},
    }


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What somebody has who reads the pages: recordings, evenings, a model and its export."""
    place = tmp_path_factory.mktemp("home")
    training.write_data(place / "recordings", 24, "computer")
    for number in (1, 2, 3):
        save_audio(place / f"{number}.wav", training.word(1) + tiny_family.sound(1.5, number) / 50)
    evening = np.concatenate([training.word(50 + i) for i in range(6)] + [tiny_family.sound(20.0)])
    for name in ("evening.flac", "evenings/monday.flac", "monday.flac"):
        save_audio(place / name, evening)
    with pytest.MonkeyPatch.context() as patch, temporarily_registered(tiny_family.spec()):
        patch.chdir(place)
        for word in ("alexa", "jarvis"):
            save_model(tiny_family.model(keywords=(word,)), Path(f"{word}.wakeword"))
        for line in (
            "train recordings/ -k computer -o computer.wakeword",
            "export computer.wakeword --audio evening.flac -o computer.onnx",
            "export jarvis.wakeword --audio evening.flac -o jarvis.onnx",
        ):
            run(line, small(place))
    for copy in ("word.wakeword", "other.wakeword"):
        shutil.copy(place / "computer.wakeword", place / copy)
    hugging_face.write(place / "facebook" / "hubert-base-ls960", "hubert")
    return place


def run(line: str, defaults: dict[str, dict[str, Any]], keys: str = "") -> None:
    arguments = shlex.split(line, comments=True)
    if "--encoder" in arguments:
        defaults["train"].pop("weights")
    result = CliRunner().invoke(main, arguments, input=keys, default_map=defaults)
    assert result.exit_code == 0, (line, result.output, result.exception)


def heard(line: str) -> list[np.ndarray]:
    """What the microphone hears while a command runs: as many takes as it asks for."""
    count = re.search(r"--count (\d+)", line)
    quiet = np.zeros(SAMPLE_RATE, dtype=np.float32)
    other = "--other" in line
    takes = []
    begin = zlib.crc32(line.encode())  # nobody says the same twice
    for number in range(begin, begin + (int(count[1]) if count else 20)):
        said = tiny_family.sound(1.5, seed=number)
        if not other:
            said = training.word(number) + said / 5
        takes.append(resample(np.concatenate([quiet, said, quiet, quiet]), SAMPLE_RATE, 48_000))
    return takes if line.startswith("record") else [np.concatenate(takes)]


def stop_when_listening(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is told to stop as soon as it has said where it listens."""
    monkeypatch.setattr(click, "echo", lambda *_, **__: signal.raise_signal(signal.SIGTERM))


def pages_with_commands() -> list[str]:
    of_the_tool = {page for page, line in commands() if line.startswith("wakeword")}
    return sorted(page for page in of_the_tool if not page.startswith("recipes"))


@pytest.mark.parametrize("page", pages_with_commands())
def test_a_page_can_be_followed(
    page: str, home: Path, tiny: object, sd: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its commands, one after the other, do what the page says."""
    place = tmp_path / "home"
    shutil.copytree(home, place)
    if page == "docs/first-word.md":
        shutil.rmtree(place / "recordings")  # which it makes
    monkeypatch.chdir(place)
    monkeypatch.setattr(speaker_verification, "_load", lambda: _Network().eval())
    for of, line in commands():
        name, _, rest = line.partition(" ")
        if of != page or name != "wakeword" or "--ray" in line:  # test_spread.py has a cluster
            continue
        sd.takes = heard(rest)
        keys = "y" * 20 if rest.startswith("review") else "\r" * 50
        with monkeypatch.context() as patch:
            if rest.startswith("serve"):
                stop_when_listening(patch)
            run(rest.replace("--web 8080", "--web 0"), small(place), keys)
