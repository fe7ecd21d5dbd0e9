"""Every recipe runs, on small data."""

from __future__ import annotations

import json
import re
import runpy
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny as tiny_family
import torch
import training

import wakeword.training.train
from wakeword.audio.files import save_audio
from wakeword.audio.samples import Samples
from wakeword.data.clip import Clip
from wakeword.data.dataset import Dataset
from wakeword.data.keywords import contains_phrase
from wakeword.data.readers import read_dataset
from wakeword.data.writer import write_manifest
from wakeword.detection import speaker_verification
from wakeword.detection.speaker_verification import _Network
from wakeword.encoders.base import Encoder
from wakeword.encoders.families import FAMILIES
from wakeword.encoders.registry import build_encoder, register_encoder
from wakeword.encoders.spec import EncoderSpec, StripReport
from wakeword.errors import ConfigError
from wakeword.evaluation.results import ScoredStream
from wakeword.heads import build_head
from wakeword.model.file import load_model, save_model
from wakeword.model.network import WakeWordModel
from wakeword.model.operating_point import OperatingPoint
from wakeword.model.provenance import Origin
from wakeword.training import strategy_table
from wakeword.training.config import TrainConfig
from wakeword.training.result import TrainResult
from wakeword.tts.kokoro import phoneme_ids
from wakeword.tts.voices import Voice

RECIPES = Path(__file__).parents[2] / "recipes"


def run(name: str, *arguments: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    try:
        runpy.run_path(str(RECIPES / name), run_name="__main__")
    except SystemExit as end:
        assert not end.code


def test_every_recipe_is_run_here_or_with_its_module() -> None:
    assert {path.name for path in RECIPES.glob("*.py")} == {
        "four_words.py",
        "frontend_level.py",
        "improve_loop.py",
        "known_words.py",
        "many_words.py",
        "mandarin.py",
        "only_voices.py",
        "own_encoder.py",
        "pulse_microphone.py",  # in test_microphone.py
        "serve_load.py",
        "silence_gate.py",
        "soak.py",
        "speak.py",
        "stand_in.py",
        "threshold_holds.py",
    }


def test_frontend_level(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    whisper_tiny_en: tuple[Encoder, StripReport],
) -> None:
    for word in ("ping", "other"):
        for i in range(2):
            path = tmp_path / "data" / "dev" / word / f"{i}.wav"
            save_audio(path, tiny_family.sound(2.5, seed=i))
    run("frontend_level.py", str(tmp_path / "data"), "--clips", "2", monkeypatch=monkeypatch)
    printed = capsys.readouterr().out
    assert "2 clips" in printed
    assert len([line for line in printed.splitlines() if "%" in line]) == 6


@pytest.fixture
def small_trainings(
    tiny: EncoderSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A data set; every training within takes the tiny encoder."""
    weights = training.write_weights(tmp_path / "weights")
    real = wakeword.training.train.train

    def small(data: Dataset, words: list[str], config: TrainConfig, **given: Any) -> TrainResult:
        config = replace(config, encoder="tiny", epochs=1)
        return real(data, words, config, **{**given, "weights": weights})

    monkeypatch.setattr(wakeword.training.train, "train", small)
    yield training.write_data(tmp_path / "data")


def test_four_words_and_whether_their_thresholds_hold(
    small_trainings: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data, out = str(small_trainings), tmp_path / "out"
    run("four_words.py", data, str(out), "--hours", "0.02", monkeypatch=monkeypatch)
    printed = capsys.readouterr().out
    assert "ping: trained in" in printed
    assert "| ping | clean |" in printed and "| ping | 10 dB |" in printed
    assert (out / "ping.wakeword").is_file()
    assert (out / "det.png").stat().st_size > 10_000

    run("threshold_holds.py", data, str(out), "--other", data, monkeypatch=monkeypatch)
    printed = capsys.readouterr().out
    halvings = [line for line in printed.splitlines() if "inside |" in line or "OUTSIDE" in line]
    assert len(halvings) == 5 and "of 5 inside" in printed
    assert "of 4 |" not in printed  # all 16 clips of the other table are heard, not its dev split
    assert printed.count("of 16 |") == 2


def test_an_evening_makes_a_weak_model_better_or_not(
    small_trainings: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = [str(small_trainings), str(tmp_path / "out"), "--word", "ping", "--encoder", "tiny"]
    run("improve_loop.py", *given, "--hours", "0.1", monkeypatch=monkeypatch)
    printed = capsys.readouterr().out
    told = re.findall(r"(\w+): (\d+) clips with the word, (\d+) without", printed)
    (_, words, others), (_, poisoned, honest) = told
    assert [name for name, _, _ in told] == ["reviewed", "poisoned"]
    assert (words, others) == (honest, poisoned) and int(words) + int(others) > 0
    assert printed.count("false accepts in") == 4  # quiet and 10 dB, for either batch
    for name in ("reviewed", "poisoned"):
        written = (tmp_path / "out" / f"{name}.wakeword").is_file()
        assert written != (f"{name}: exit code 1" in printed)


def test_a_gate_beside_none(
    tiny: EncoderSpec,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = training.write_data(tmp_path / "data")
    net = tiny_family.model(keywords=("ping",))
    save_model(net, tmp_path / "ping.wakeword")
    given = [str(data), str(tmp_path / "ping.wakeword"), "--gap", "12"]
    run("silence_gate.py", *given, monkeypatch=monkeypatch)
    printed = capsys.readouterr().out
    rows = [[c.strip() for c in line.split("|")] for line in printed.splitlines() if "%" in line]
    assert [row[1:3] for row in rows[:2]] == [["clean", "no"], ["clean", "yes"]] and len(rows) == 6
    without, gated = (int(row[5].rstrip("%")) for row in rows[:2])
    assert without > 95 and gated < 70
    assert all(row[3].endswith("of 4") for row in rows) and "Silero VAD" in printed


def test_the_known_voice_beside_others(
    tiny: EncoderSpec,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(speaker_verification, "_load", lambda: _Network().eval())
    data = training.write_data(tmp_path / "data", 28)
    save_model(tiny_family.model(keywords=("ping",), seed=1), tmp_path / "ping.wakeword")
    given = [str(data), str(tmp_path / "ping.wakeword"), "--split", "train", "--like", "-1"]
    run("only_voices.py", *given, monkeypatch=monkeypatch)
    rows = [line.split("|") for line in capsys.readouterr().out.splitlines() if "%" in line]
    assert [row[1].strip() for row in rows] == ["clean", "10 dB", "0 dB"]
    for row in rows:
        unheard, missed, of, through, others = map(int, re.findall(r"\d+", row[3] + row[4])[:5])
        assert (missed, of, others) == (0, 3 * 3, 3 * 14) and unheard < of and through > 0


def test_halves_are_of_equal_length_and_recordings_stay_whole() -> None:
    halves = runpy.run_path(str(RECIPES / "threshold_holds.py"))["halves"]
    clip = Clip(Path("a.wav"), "other")
    lengths_s = [1.0] * 40 + [10.0] * 4
    starts_s = np.cumsum([0.0, *lengths_s[:-1]])
    number = np.repeat(np.arange(44), [round(s / 0.04) for s in lengths_s])
    track = ScoredStream("negatives", number[:, None], (), 1.0, tuple((s, clip) for s in starts_s))
    for seed in range(5):
        one, rest = halves(track, 0.04, seed)
        assert abs(len(one.logits) - len(rest.logits)) <= 2 * 10.0 / 0.04
        assert one.hours + rest.hours == pytest.approx(1.0)
        assert one.hours == pytest.approx(len(one.logits) / len(number))
        assert not set(one.logits[:, 0]) & set(rest.logits[:, 0])


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other processes would not know the tiny encoder."""

    def threads(cores: int, context: object) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(cores)

    monkeypatch.setattr("concurrent.futures.ProcessPoolExecutor", threads)


@pytest.mark.usefixtures("in_this_process")
def test_the_depth_study_goes_on_and_adds_to_its_table(
    small_trainings: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    few = ("--clips", "6", "--clips", "0", "--draws", "2", "--hours", "0.05", "--epochs", "1")
    study = [str(small_trainings), str(tmp_path / "out"), "--encoder", "tiny", *few]
    run("depth/study.py", *study, monkeypatch=monkeypatch)
    first = capsys.readouterr().out
    assert first.count("missed of 8") == 4 and len(rows_of(first)) == 2
    run("depth/study.py", *study, "--strategy", "lora:2", monkeypatch=monkeypatch)
    second = capsys.readouterr().out
    assert second.count("missed of 8") == 4  # the first four are there
    head, lora = (rows_of(second)[i : i + 2] for i in (0, 2))
    assert head == rows_of(first)
    assert [row.split("|")[4].strip() for row in (*head, *lora)] == ["6", "all", "6", "all"]
    assert [row.split("|")[3].strip() for row in (*head, *lora)] == 2 * ["head"] + 2 * ["lora:2"]
    assert (tmp_path / "out" / "depth.png").stat().st_size > 10_000

    weights = training.write_weights(tmp_path / "again")
    by_example = ("--head", "examples", "--clips", "6", "--draws", "1", "--weights", str(weights))
    study = [str(small_trainings), str(tmp_path / "out"), "--encoder", "tiny", *by_example]
    run("depth/study.py", *study, monkeypatch=monkeypatch)
    third = capsys.readouterr().out
    (row,) = (line for line in rows_of(third) if "| examples |" in line)
    # six clips of 1.5 s; nothing learns
    assert "| examples | none | 6 | 0.1 | – | 0.00 M | 1 × 1 |" in row
    assert [line for line in rows_of(third) if line != row] == rows_of(second)


@pytest.mark.usefixtures("in_this_process")
def test_the_depth_study_counts_synthetic_clips_beside_those_of_people(
    small_trainings: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    voices_of = tmp_path / "kokoro"
    voices_of.mkdir()
    spoken = read_dataset(small_trainings).subset("train").keywords[:5]
    write_manifest(Dataset(voices_of, "jsonl", keywords=spoken), voices_of / "ping.jsonl")
    few = ("--clips", "6", "--draws", "1", "--hours", "0.05", "--epochs", "1", "--word", "ping")
    study = [str(small_trainings), str(tmp_path / "out"), "--encoder", "tiny", *few]
    run("depth/study.py", *study, "--spoken", str(voices_of), monkeypatch=monkeypatch)
    (row,) = rows_of(capsys.readouterr().out)
    assert "| head + synthetic kokoro | 6, 10 in all |" in row  # one is held out


def rows_of(printed: str) -> list[str]:
    return [line for line in printed.splitlines() if line.startswith("| tiny ")]


def test_a_draw_of_clips_and_the_same_draw_again() -> None:
    drawn = runpy.run_path(str(RECIPES / "depth" / "study.py"))["drawn"]
    clips = tuple(Clip(Path(f"{i}.wav"), "ping", split="train") for i in range(20))
    task = Dataset(Path(), "folders", keywords=clips)
    few = [drawn(task, 6, draw).keywords for draw in (0, 0, 1)]
    assert few[0] == few[1] != few[2] and {len(each) for each in few} == {6}
    assert drawn(task, 0, 1).keywords == clips


def test_auto_goes_by_what_the_depth_study_measured() -> None:
    study = runpy.run_path(str(RECIPES / "depth" / "study.py"))
    cells = study["read"](*sorted((RECIPES / "depth" / "measured").glob("*.jsonl")))
    assert study["rows"](cells) == list(strategy_table.measured_strategies())
    cells = [cell for cell in cells if cell.how.encoder == "wakeword-stream"]
    for missing in (("snowboy", 0), ("alexa", 2)):  # compared on the same words and draws alone
        fewer = [c for c in cells if c.how.strategy != "head" or (c.word, c.draw) != missing]
        assert "head" not in {row.strategy for row in study["rows"](fewer)}
    assert study["rows"]([c for c in cells if c.how.strategy == "head"]) == []


def test_serve_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a model that another process can open: of a named encoder, with random weights."""
    torch.manual_seed(0)
    encoder = build_encoder("wakeword-stream")
    head = build_head("conv", encoder.dim, 1, frame_rate_hz=encoder.frame_rate_hz)
    torch.nn.init.normal_(head.out.weight, std=2.0)
    origin = Origin("wakeword-stream", "chunked", "", "none", "conv", {})
    point = OperatingPoint({"ping": 0.5}, 0.08, 0.2)
    save_model(WakeWordModel(encoder, head, ["ping"], origin, point), tmp_path / "a.wakeword")
    save_audio(tmp_path / "a.flac", tiny_family.sound(3.0))
    few = ("--clients", "3", "--minutes", "0.1", "--hostile", "100")
    given = (str(tmp_path / "a.wakeword"), str(tmp_path / "a.flac"), *few)
    run("serve_load.py", *given, monkeypatch=monkeypatch)
    printed = capsys.readouterr().out
    assert "0 lost, 0 too many" in printed and "streams a core" in printed
    assert "MB at first" in printed and "100 hostile messages" in printed
    assert int(re.findall(r"(\d+) detections expected", printed)[0]) > 0


def test_own_encoder(
    small_trainings: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.undo()  # the real training, of the recipe's own encoder
    own = runpy.run_path(str(RECIPES / "own_encoder.py"))
    torch.manual_seed(0)
    whole = own["MyRecogniser"]()
    torch.save(whole.state_dict(), tmp_path / "mine.pt")
    given = [str(small_trainings), str(tmp_path / "mine.pt"), str(tmp_path / "p.wakeword")]
    less = ["--word", "ping", "--hours", "0.05", "--epochs", "1"]
    own["main"]([*given, *less], standalone_mode=False)
    assert "stripped the transcription head: 2 decoder tensors" in capsys.readouterr().out
    model = load_model(tmp_path / "p.wakeword")
    assert model.origin.encoder == "my-recogniser" and model.origin.licence == "yours"
    stem = model.encoder.trunk.stem.weight
    assert torch.equal(stem, whole.stem.weight)
    with pytest.raises(ConfigError, match="known already"):
        register_encoder(replace(own["SPEC"], dim=64), FAMILIES["my-family"])
    with pytest.raises(ConfigError, match="known already"):
        register_encoder(own["SPEC"], FAMILIES["whisper"])


def test_stand_ins_are_read_stripped_and_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = training.write_data(tmp_path / "data")
    less = ["--word", "ping", "--hours", "0.05", "--epochs", "1"]
    run("stand_in.py", str(data), str(tmp_path / "out"), *less, monkeypatch=monkeypatch)
    printed = capsys.readouterr().out.splitlines()
    assert sum("stripped the transcription head" in line for line in printed) == 2
    rows = [line.split("|")[1:-1] for line in printed if line.startswith("|")]
    assert [row[3].strip() for row in rows] == ["chunked", "window"]
    for name in ("emformer", "wav2vec2"):
        assert load_model(tmp_path / "out" / f"{name}.wakeword").keywords == ("ping",)


def test_speak_and_learn_from_it(
    small_trainings: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(
        "wakeword.tts.voices.list_voices", lambda: [Voice("espeak", "en-us+f3", "f3")]
    )
    spoken = tmp_path / "spoken"
    few = ("--word", "ping", "--takes", "3", "--others", "4", "--engine", "espeak")
    run("speak.py", str(spoken), *few, monkeypatch=monkeypatch)
    assert "ping: 3 and 4 others, 1 voices" in capsys.readouterr().out
    made = read_dataset(spoken / "ping.jsonl")
    assert {clip.label for clip in made.keywords} == {"ping"}
    assert {clip.split for clip in (*made.keywords, *made.negatives)} == {"train"}
    assert len({clip.identity().content for clip in made.keywords}) == 3  # three takes, none twice
    assert not any(contains_phrase("ping", clip.text or "") for clip in made.negatives)

    data, out = str(small_trainings), tmp_path / "out"
    learn = ("--hours", "0.02", "--spoken", str(spoken))
    run("four_words.py", data, str(out), *learn, monkeypatch=monkeypatch)
    about = load_model(out / "ping.wakeword").origin.training
    assert about["keyword_clips"] == 8 + 3  # of the twelve for training, four are held out


def test_mandarin_and_learn_from_it(
    small_trainings: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With a made-up voice: Kokoro's are fetched by nobody here."""
    voices = [
        Voice("kokoro", name, f"kokoro_{name}") for name in ("zf_xiaoni", "af_bella", "af_kore")
    ]
    monkeypatch.setattr("wakeword.tts.voices.list_voices", lambda: voices)
    monkeypatch.setattr("wakeword.tts.synthesis.synthesise", hummed)
    monkeypatch.setattr("concurrent.futures.ProcessPoolExecutor", threads)
    made = tmp_path / "made"
    for _ in range(2):
        run("mandarin.py", str(made), "--hours", "0.02", monkeypatch=monkeypatch)
    (first, _, hours), again = (
        line.split(maxsplit=2) for line in capsys.readouterr().out.splitlines() if "phrases" in line
    )
    assert again == [first, "phrases,", hours] and float(hours.split()[0]) >= 0.02
    clips = read_dataset(made / "mandarin.jsonl").negatives
    assert len(clips) == int(first)
    # af_kore is held out
    assert {clip.speaker for clip in clips} == {"kokoro_zf_xiaoni", "kokoro_af_bella"}

    learn = ("--hours", "0.02", "--more", str(made / "mandarin.jsonl"))
    run(
        "four_words.py",
        str(small_trainings),
        str(tmp_path / "out"),
        *learn,
        monkeypatch=monkeypatch,
    )
    about = load_model(tmp_path / "out" / "ping.wakeword").origin.training
    used = {each["source"]: each["clips"] for each in about["data"] if each["role"] == "negative"}
    assert used["synthetic"] == len(clips)


def threads(count: int, context: object) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count)


def hummed(
    text: str, voice: Voice, *, speed: float, pitch: float, seed: int, phonemes: bool
) -> Samples:
    assert phonemes and voice.engine == "kokoro"
    return tiny_family.sound(len(text) / speed / 20, seed=seed)


def test_known_words_are_said_and_measured_by_other_voices(
    small_trainings: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = ("zf_xiaoni", "af_bella", "af_kore", "zf_xiaoyi")
    voices = [Voice("kokoro", name, f"kokoro_{name}") for name in names]
    voices.append(Voice("joe", "joe", "joe"))
    said: list[tuple[str, str]] = []

    def synthesise(text: str, voice: Voice, **_: object) -> Samples:
        said.append((text.strip(".!?,"), voice.name))
        return tiny_family.sound(1.0, seed=len(said))

    monkeypatch.setattr("wakeword.tts.voices.list_voices", lambda: voices)
    monkeypatch.setattr("wakeword.tts.synthesis.synthesise", synthesise)
    monkeypatch.setattr("concurrent.futures.ProcessPoolExecutor", threads)
    words = ("--word", "hey siri", "--word", "你好百度")
    run("known_words.py", str(small_trainings), str(tmp_path), *words, monkeypatch=monkeypatch)
    assert capsys.readouterr().out.splitlines() == [
        "hey siri: 18 synthetic clips to learn, 16 to measure",
        "你好百度: 12 synthetic clips to learn, 16 to measure",
    ]
    held_out = {"hey-siri": {"af_kore", "joe"}, "nihao-baidu": {"af_kore", "zf_xiaoyi"}}
    for file, names_of in held_out.items():
        data = read_dataset(tmp_path / f"{file}.jsonl")
        near = [clip for clip in data.negatives if clip.is_confusable]
        spoken = [*data.keywords, *near]
        speakers = {name if name == "joe" else f"kokoro_{name}" for name in names_of}
        assert {clip.speaker for clip in spoken if clip.split == "dev"} == speakers
        assert not {clip.speaker for clip in spoken if clip.split == "train"} & speakers
        assert sum(clip.split == "dev" for clip in near) == 24
        others = read_dataset(small_trainings)
        assert len(data.negatives) - len(near) == len(others.negatives) + len(others.keywords)
    measured = {text for text, name in said if name in ("joe", "af_kore")}
    taught = {text for text, name in said if name == "af_bella"}
    assert measured & taught == {"hey siri", "ni↗ xa↓u pa↓i tu↘"}


def test_mandarin_is_written_in_letters_that_the_voices_know() -> None:
    pytest.importorskip("hibari")
    recipe = runpy.run_path(str(RECIPES / "mandarin.py"))
    phrases = [recipe["phrase"](np.random.default_rng(seed)) for seed in range(300)]
    assert set("".join(phrases)) <= set(phoneme_ids())
    assert len(set(phrases)) > 290
    for phrase in phrases:
        spoken = re.findall(r"[^→↗↓↘]*[→↗↓↘][nŋiu]?", phrase)
        assert 2 <= len(spoken) <= 7  # syllables, each with its tone


def test_many_words_in_one_model(
    tiny: EncoderSpec,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = training.write_data(tmp_path / "data")
    lines = [json.loads(line) for line in data.read_text("utf-8").splitlines()]
    for i, row in enumerate(lines[::2]):
        row["label"] = "pong" if i % 8 >= 4 else "ping"
    data.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    words = ("ping", "pong")
    save_model(tiny_family.model(keywords=words), tmp_path / "out" / "all.wakeword")
    for word in words:
        save_model(tiny_family.model(keywords=(word,)), tmp_path / f"{word}.wakeword")
    arguments = (str(data), str(tmp_path / "out"), "--single", str(tmp_path), "--seconds", "2")
    run("many_words.py", *arguments, monkeypatch=monkeypatch)
    misses, confused, costs = (
        [line.split(" | ") for line in table.splitlines()[2:]]
        for table in capsys.readouterr().out.split("\n\n")
    )
    assert [row[:2] for row in misses] == [[f"| {w}", c] for c in ("clean", "10 dB") for w in words]
    assert [row[0] for row in confused] == ["| ping", "| pong"]
    assert all(" of 2" in cell for row in confused for cell in row[1:])
    assert [row[0] for row in costs] == ["| 1", "| 2", "| 4", "| 8"]
    assert costs[0][2] == "1.00 |"


def test_soak(
    model_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, seconds, seed in (("long", 12.0, 1), ("clip", 1.0, 2)):
        save_audio(tmp_path / f"{name}.wav", tiny_family.sound(seconds, seed=seed))
    sounds = (str(tmp_path / "long.wav"), str(tmp_path / "clip.wav"))
    run("soak.py", str(model_file), *sounds, "--hours", "0.02", monkeypatch=monkeypatch)
    printed = capsys.readouterr().out
    assert "100 of 100 streams at once heard as each alone" in printed
    moved = re.search(r"after 0\.0 h: .* moved by at most (\S+)", printed)
    assert moved and float(moved[1]) <= 1e-5
