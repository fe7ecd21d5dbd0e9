"""Every command on the pages exists, accepts its options and runs; every link leads somewhere."""

from __future__ import annotations

import functools
import json
import re
import runpy
import shlex
import shutil
import signal
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import hugging_face
import numpy as np
import onnxruntime_web_package
import pytest
import tiny as tiny_family
import tiny_corpora
import training
from click.testing import CliRunner
from recipe_runner import imports_from

import wakeword
from wakeword.audio.files import load_audio, save_audio
from wakeword.audio.resampling import resample
from wakeword.audio.samples import SAMPLE_RATE
from wakeword.cli import main
from wakeword.data.corpora.catalogue import CORPORA
from wakeword.detection import speaker_verification
from wakeword.detection.speaker_verification import _Network
from wakeword.encoders.registry import temporarily_registered
from wakeword.evaluation import metrics
from wakeword.exporting import onnxruntime_web
from wakeword.model.file import save_model
from wakeword.training.examples import ExampleConfig

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *ROOT.glob("recipes/**/*.md"),
]
OTHER_PROGRAMS = (
    r"(git|pip|npm|arecord|torchrun|apt-get|make|mkdir|cp|docker|systemctl"
    r"|python3 -m (venv|http)|\. |\w+ =) ?"
)
PLACES = (ROOT, ROOT / "wakeword")
RUN_PYTHON = ("README.md", "docs/how-to/raspberry-pi.md")  # the others show other programs
ENGINES = (
    "wakeword, two stages, further negatives",
    "wakeword, `--encoder whisper-tiny.en`",
    "wakeword, `--streaming window`, synthetic Mandarin negatives",
    "Porcupine 1.9.5",
    "speech embedding (openWakeWord's encoder), our data",
)
"""Rows of the README's table of results, named as in the table per keyword on the results page."""


def page_name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def commands() -> list[tuple[str, str]]:
    """(page, line) of every line in a block of shell commands."""
    lines = []
    for page in PAGES:
        for block in re.findall(r"```sh\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
            joined = block.replace("\\\n", " ").splitlines()
            lines += [(page_name(page), line) for line in joined if line.strip()]
    return lines


def check(line: str) -> str:
    """Parse a line as its command would.

    Returns:
        "wakeword", "recipe" or "other".
    """
    name, *arguments = shlex.split(line, comments=True)
    if "|" in arguments:  # arecord … | wakeword listen …
        check(shlex.join(arguments[arguments.index("|") + 1 :]))
    if name == "wakeword":
        context = click.Context(main, info_name="wakeword")
        command = main.get_command(context, arguments[0])  # type: ignore[attr-defined]
        assert command is not None, f"no command {arguments[0]}"
        parse(command, arguments[1:])
        return "wakeword"
    if name in {"python", "python3"} and arguments[0].startswith("recipes/"):
        recipe = ROOT / arguments[0]
        assert recipe.is_file(), f"no {arguments[0]}"
        command = load_recipe(recipe).get("main")
        if isinstance(command, click.Command):
            parse(command, arguments[1:])
        return "recipe"
    return "other"


def load_recipe(recipe: Path) -> dict[str, Any]:
    """The globals of a script; it imports from its own folder, as when it is run."""
    with imports_from(recipe.parent):
        return runpy.run_path(str(recipe))


def parse(command: click.Command, arguments: list[str]) -> None:
    """Raises click.UsageError where the command would."""
    command.make_context(command.name or "", list(arguments))


@pytest.mark.parametrize(("page", "line"), commands())
def test_command_on_a_page_parses(page: str, line: str) -> None:
    kind = check(line)
    assert kind != "other" or re.match(OTHER_PROGRAMS, line), line


def test_unknown_commands_and_options_are_noticed() -> None:
    assert len(commands()) > 70
    for line in (
        "wakeword lisen a",
        "wakeword listen a --loud",
        "arecord -t raw | wakeword listen a --loud",
        "python recipes/none.py",
    ):
        with pytest.raises((AssertionError, click.UsageError)):
            check(line)


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text("utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_python_on_a_page_compiles(page: Path) -> None:
    for block in python_blocks(page):
        compile(block, page_name(page), "exec")


def python_blocks(page: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL)


# ---------------------------------------------------------------- architecture


def test_architecture_names_code_that_exists() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    paths = set(re.findall(r"`([a-z_/]+(?:\.py|/))`", text))
    assert len(paths) > 20
    missing = [path for path in paths if not any((place / path).exists() for place in PLACES)]
    assert missing == []
    source = "\n".join(path.read_text("utf-8") for path in (ROOT / "wakeword").rglob("*.py"))
    for owner, member in set(re.findall(r"`([A-Z]\w+)(?:\.(\w+))?[(`]", text)):
        assert f"class {owner}" in source or f"{owner}:" in source or f"{owner} =" in source, owner
        assert not member or re.search(rf"(def |self\.){member}\b", source), member


# ---------------------------------------------------------------- README


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 150


def table_rows(page: Path, header: str) -> Iterator[list[str]]:
    """The cells of each row of the table whose header line begins with `header`."""
    _, _, table = page.read_text("utf-8").partition(f"\n{header}")
    for line in table.splitlines()[2:]:
        if not line.startswith("|"):
            return
        yield [cell.strip() for cell in line.strip("|").split("|")]


def test_readme_results_are_the_means_of_the_results_per_keyword() -> None:
    results = ROOT / "docs" / "results" / "README.md"
    counts: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for condition, engine, *cells in table_rows(results, "| condition | engine |"):
        pairs = [tuple(map(int, cell.split(" of "))) for cell in cells]
        counts[engine, condition] = pairs  # type: ignore[assignment]
    readme = list(table_rows(ROOT / "README.md", "| engine | clean |"))
    assert [row[0] for row in readme] == list(ENGINES)
    for engine, *cells in readme:
        for condition, cell in zip(("clean", "10 dB", "0 dB", "far room"), cells, strict=True):
            pairs = counts[engine, condition]
            mean = float(np.mean([misses / clips for misses, clips in pairs]))
            rate = metrics.wilson(*(sum(column) for column in zip(*pairs, strict=True)))
            low, high = 100 * rate.low, 100 * rate.high
            assert cell == f"{100 * mean:.1f} ({low:.1f}–{high:.1f})", (engine, condition)


# ---------------------------------------------------------------- run


def small_defaults(place: Path) -> dict[str, dict[str, Any]]:
    """Defaults of the commands: seconds of training instead of minutes."""
    weights = str(training.write_weights(place / "weights"))
    encoder = {"encoder": "tiny", "weights": weights}
    return {
        "train": {
            **encoder,
            "hours": 0.1,
            "epochs": 4,
            "method": "train",
            "work_dir": str(place / "work"),
        },
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
    """A reader's folder: recordings, evenings without the keyword, a model and its export."""
    place = tmp_path_factory.mktemp("home")
    training.write_data(place / "recordings", 24, "computer")
    for number in (1, 2, 3):
        save_audio(
            place / f"{number}.wav",
            training.word(1) + tiny_family.synthetic_audio(1.5, number) / 50,
        )
    evening = np.concatenate(
        [training.word(50 + i) for i in range(6)] + [tiny_family.synthetic_audio(20.0)]
    )
    for name in ("evening.flac", "evenings/monday.flac", "monday.flac", "kitchen.wav"):
        save_audio(place / name, evening)
    with pytest.MonkeyPatch.context() as patch, temporarily_registered(tiny_family.spec()):
        patch.chdir(place)
        for keyword in ("alexa", "jarvis"):
            save_model(tiny_family.model(keywords=(keyword,)), Path(f"{keyword}.wakeword"))
        for line in (
            "train recordings/ -k computer -o computer.wakeword",
            "export computer.wakeword --audio evening.flac -o computer.onnx",
            "export jarvis.wakeword --audio evening.flac -o jarvis.onnx",
        ):
            run(line, small_defaults(place))
    for copy in ("word.wakeword", "other.wakeword"):
        shutil.copy(place / "computer.wakeword", place / copy)
    hugging_face.write(place / "facebook" / "hubert-base-ls960", "hubert")
    onnxruntime_web_package.write_archive(place / f"onnxruntime-web-{onnxruntime_web.VERSION}.tgz")
    return place


def run(line: str, defaults: dict[str, dict[str, Any]], keys: str = "") -> None:
    arguments = [path for word in shlex.split(line, comments=True) for path in expand(word)]
    if "--encoder" in arguments:
        defaults["train"].pop("weights")
    result = CliRunner().invoke(main, arguments, input=keys, default_map=defaults)
    assert result.exit_code == 0, (line, result.output, result.exception)


def expand(word: str) -> list[str]:
    """The files that a shell puts in the place of a pattern."""
    return sorted(map(str, Path().glob(word))) if "*" in word else [word]


def microphone_takes(line: str) -> list[np.ndarray]:
    """Audio that the microphone delivers while a command runs: as many takes as it asks for."""
    count = re.search(r"--count (\d+)", line)
    silence = np.zeros(SAMPLE_RATE, dtype=np.float32)
    takes = []
    first = zlib.crc32(line.partition("#")[0].strip().encode())  # no utterance twice
    for seed in range(first, first + (int(count[1]) if count else 20)):
        utterance = tiny_family.synthetic_audio(1.5, seed=seed)
        if "--other" not in line:
            utterance = training.word(seed) + utterance / 5
        take = np.concatenate([silence, utterance, silence, silence])
        takes.append(resample(take, SAMPLE_RATE, 48_000))
    return takes if line.startswith("record") else [np.concatenate(takes)]


def review_keys(folder: Path) -> str:
    """A label for each captured clip, in their order: yes for detections, no for other scores."""
    files = sorted(folder.glob("*.json"))
    return "".join("y" if True in json.loads(f.read_text("utf-8")).values() else "n" for f in files)


def stop_once_listening(monkeypatch: pytest.MonkeyPatch) -> None:
    """Terminate a server as soon as it prints its address."""
    monkeypatch.setattr(click, "echo", lambda *_, **__: signal.raise_signal(signal.SIGTERM))


def pages_with_commands() -> list[str]:
    pages = {page for page, line in commands() if line.startswith("wakeword")}
    pages.discard("docs/how-to/from-a-phrase.md")  # minutes of synthesis: see cli/test_say.py
    return sorted(page for page in pages if not page.startswith("recipes"))


@pytest.mark.parametrize("page", pages_with_commands())
def test_page_can_be_followed(
    page: str, home: Path, tiny: object, sd: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commands of a page succeed one after another."""
    if page == "docs/how-to/esphome.md":
        pytest.importorskip("tflite", reason="needs wakeword[esphome]")
    place = tmp_path / "home"
    shutil.copytree(home, place)
    if page == "docs/tutorial/first-keyword.md":
        shutil.rmtree(place / "recordings")  # the page records them
        (place / "computer.wakeword").unlink()  # and trains a model of them
    monkeypatch.chdir(place)
    monkeypatch.setattr(speaker_verification, "_load", lambda: _Network().eval())
    (archive,) = place.glob("onnxruntime-web-*.tgz")
    monkeypatch.setattr(onnxruntime_web, "_downloaded", lambda _: archive)
    on_this_page = (ROOT / page).read_text("utf-8")
    tiny_corpora.install(*(name for name in CORPORA if name in on_this_page))  # no download
    for name in set(re.findall("data get (hf:[^ \n]+)", on_this_page)):
        tiny_corpora.install_from_hub(name)
    for on_page, line in commands():
        name, _, arguments = line.partition(" ")
        if on_page != page or name != "wakeword" or "--ray" in line:  # test_parallel has a cluster
            continue
        sd.takes = microphone_takes(arguments)
        keys = (
            review_keys(Path(arguments.split()[1])) if arguments.startswith("review") else "\r" * 50
        )
        with monkeypatch.context() as patch:
            if arguments.startswith("serve"):
                stop_once_listening(patch)
            run(arguments.replace("--web 8080", "--web 0"), small_defaults(place), keys)


@pytest.mark.parametrize("page", RUN_PYTHON)
def test_python_on_a_page_runs(
    page: str, home: Path, tiny: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "home"
    shutil.copytree(home, place)
    monkeypatch.chdir(place)
    weights = training.write_weights(place / "weights")
    train = wakeword.train

    @functools.wraps(train)
    def train_briefly(data: object, keywords: list[str], config: object) -> object:
        assert isinstance(config, wakeword.TrainConfig)
        briefly = ExampleConfig(positive_hours=0.05, negative_hours=0.05)
        config = replace(config, encoder="tiny", epochs=2, examples=briefly)
        return train(data, keywords, config, weights=weights, work_dir=place / "work")

    monkeypatch.setattr(wakeword, "train", train_briefly, raising=False)
    names: dict[str, Any] = {"pcm": load_audio(place / "kitchen.wav")}
    for block in python_blocks(ROOT / page):
        exec(compile(block, page, "exec"), names)
    assert (place / "computer.onnx").is_file()
