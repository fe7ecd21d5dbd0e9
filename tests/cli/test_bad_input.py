"""Invalid input: one message that names the problem and the remedy, exit code 2, no traceback.

No partly written file is left behind.
"""

from __future__ import annotations

import errno
import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import soundfile
import torch
import training
from click.testing import CliRunner

from wakeword.audio.files import save_audio
from wakeword.cli import main
from wakeword.encoders.spec import EncoderSpec

Case = Callable[[Path], list[str]]
CASES: dict[str, tuple[Case, str]] = {}


def case(expected: str) -> Callable[[Case], Case]:
    """Register an invalid input: a function that sets it up and returns the arguments."""

    def register(function: Case) -> Case:
        CASES[function.__name__] = (function, expected)
        return function

    return register


def wav(path: Path, samples: object, rate: int = 16_000) -> Path:
    soundfile.write(path, np.asarray(samples), rate, subtype="FLOAT")
    return path


def model(place: Path) -> str:
    return str(place / "tiny.wakeword")


def detect(place: Path, recording: Path) -> list[str]:
    return ["detect", model(place), str(recording)]


def train(place: Path, data: Path, *more: str, output: Path | None = None) -> list[str]:
    weights = training.write_weights(place / "weights")
    output = output or place / "out.wakeword"
    return training.arguments(data, weights, output, place / "work", *more)


def folders(place: Path) -> Path:
    return training.write_data(place / "data")


# ---------------------------------------------------------------- recordings


@case("no such file")
def recording_missing(place: Path) -> list[str]:
    return detect(place, place / "nowhere.wav")


@case("0 bytes")
def recording_empty_file(place: Path) -> list[str]:
    (place / "a.wav").touch()
    return detect(place, place / "a.wav")


@case("cannot be read as audio")
def text_renamed_wav(place: Path) -> list[str]:
    (place / "a.wav").write_text("not audio")
    return detect(place, place / "a.wav")


@case("cannot be read as audio")
def broken_flac(place: Path) -> list[str]:
    soundfile.write(place / "a.flac", training.word(0), 16_000)
    whole = (place / "a.flac").read_bytes()
    (place / "a.flac").write_bytes(b"fLaX" + whole[4:60])
    return detect(place, place / "a.flac")


@case("not numbers")
def nan_samples(place: Path) -> list[str]:
    return detect(place, wav(place / "a.wav", np.full(16_000, np.nan, dtype=np.float32)))


@case("no recordings here")
def a_folder_as_recording(place: Path) -> list[str]:
    (place / "folder.wav").mkdir()
    return detect(place, place / "folder.wav")


# ---------------------------------------------------------------- models


@case("no such model")
def model_missing(place: Path) -> list[str]:
    return ["detect", str(place / "no.wakeword"), str(wav(place / "a.wav", np.zeros(16_000)))]


@case("not a complete safetensors file")
def model_truncated(place: Path) -> list[str]:
    whole = Path(model(place)).read_bytes()
    Path(model(place)).write_bytes(whole[: len(whole) // 2])
    return detect(place, wav(place / "a.wav", np.zeros(16_000)))


@case("pickles are never opened")
def model_is_a_pickle(place: Path) -> list[str]:
    class Hostile:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(place / "pwned"),)

    Path(model(place)).write_bytes(pickle.dumps(Hostile()))
    return detect(place, wav(place / "a.wav", np.zeros(16_000)))


@case("of another program")
def model_of_something_else(place: Path) -> list[str]:
    safetensors.torch.save_file({"x": torch.zeros(3)}, model(place))
    return detect(place, wav(place / "a.wav", np.zeros(16_000)))


@case("reads wakeword/1, wakeword/2")
def model_from_the_future(place: Path) -> list[str]:
    about = {"wakeword": json.dumps({"format": "wakeword/99"})}
    safetensors.torch.save_file({"x": torch.zeros(3)}, model(place), about)
    return detect(place, wav(place / "a.wav", np.zeros(16_000)))


# ---------------------------------------------------------------- data


@case("no such")
def data_missing(place: Path) -> list[str]:
    return train(place, place / "nowhere")


@case("Expected")
def data_folder_empty(place: Path) -> list[str]:
    (place / "empty").mkdir()
    return train(place, place / "empty")


@case("Did you mean 'ping'?")
def wrong_label(place: Path) -> list[str]:
    return train(place, folders(place), "--keyword", "pong")


@case("--keyword")
def two_labels_and_no_keyword(place: Path) -> list[str]:
    for word in ("one", "two", "other"):
        (place / "words" / word).mkdir(parents=True)
        for i in range(3):
            save_audio(place / "words" / word / f"{i}.wav", training.word(i))
    return train(place, place / "words")


@case("without the keyword")
def no_negatives(place: Path) -> list[str]:
    (place / "words" / "ping").mkdir(parents=True)
    for i in range(12):
        save_audio(place / "words" / "ping" / f"{i}.wav", training.word(i))
    return train(place, place / "words", "--keyword", "ping")


@case("cannot be used")
def most_clips_broken(place: Path) -> list[str]:
    data = folders(place)
    for i in range(0, 12, 2):
        (data.parent / f"ping-{i}.wav").write_bytes(b"RIFF")
    return train(place, data)


@case("line 2")
def manifest_not_json(place: Path) -> list[str]:
    data = folders(place)
    lines = data.read_text().splitlines()
    data.write_text("\n".join([lines[0], "{oops", *lines[1:]]))
    return train(place, data)


@case("split")
def manifest_unknown_split(place: Path) -> list[str]:
    data = folders(place)
    data.write_text(data.read_text().replace('"train"', '"trian"'))
    return train(place, data)


@case("in the test split")
def eval_without_clips(place: Path) -> list[str]:
    return ["eval", model(place), str(keywords_of_the_model(place)), "--split", "test"]


def keywords_of_the_model(place: Path) -> Path:
    for word in ("alexa", "computer", "other"):
        (place / "clips" / word).mkdir(parents=True)
        for i in range(4):
            save_audio(place / "clips" / word / f"{i}.wav", training.word(i))
    return place / "clips"


# ---------------------------------------------------------------- settings


@case("Did you mean 'tiny'?")
def unknown_encoder(place: Path) -> list[str]:
    return train(place, folders(place), "--encoder", "tny")


@case("Did you mean 'conv'?")
def unknown_head(place: Path) -> list[str]:
    return train(place, folders(place), "--head", "cnv")


@case("unknown strategy")
def unknown_strategy(place: Path) -> list[str]:
    return train(place, folders(place), "--strategy", "deep")


@case("top:1 to top:3")
def too_many_layers(place: Path) -> list[str]:
    return train(place, folders(place), "--strategy", "top:9")


@case("Did you mean 'window'?")
def unknown_streaming(place: Path) -> list[str]:
    return train(place, folders(place), "--streaming", "windows")


@case("unknown loss")
def unknown_loss(place: Path) -> list[str]:
    return train(place, folders(place), "--loss", "mse")


@case("--layers")
def layers_not_numbers(place: Path) -> list[str]:
    return train(place, folders(place), "--layers", "top")


@case("layers (1, 7)")
def layers_that_are_not_there(place: Path) -> list[str]:
    return train(place, folders(place), "--layers", "1,7")


@case("no such checkpoint")
def weights_missing(place: Path) -> list[str]:
    return train(place, folders(place), "--weights", str(place / "no.pt"))


@case("not a complete safetensors file")
def weights_truncated(place: Path) -> list[str]:
    arguments = train(place, folders(place))
    file = place / "weights" / "model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    return arguments


@case("not the encoder of whisper-tiny")
def weights_of_another_encoder(place: Path) -> list[str]:
    return train(place, folders(place), "--encoder", "whisper-tiny")


# ---------------------------------------------------------------- places


@case("cannot be written")
def output_in_a_file(place: Path) -> list[str]:
    (place / "file").touch()
    return train(place, folders(place), output=place / "file" / "out.wakeword")


@case("cannot be written")
def output_without_permission(place: Path) -> list[str]:
    if os.name == "nt":
        pytest.skip("folders have no write bit on Windows")
    locked = place / "locked"
    locked.mkdir()
    if os.geteuid() == 0:
        locked = Path("/proc/1")  # not even root may create files there
        if not locked.is_dir():
            pytest.skip("no folder here that the superuser may not write to")
    else:
        locked.chmod(0o500)
    return train(place, folders(place), output=locked / "out.wakeword")


@pytest.mark.parametrize("name", CASES)
def test_invalid_input_is_reported_in_one_message(name: str, model_file: Path) -> None:
    place = model_file.parent
    function, expected = CASES[name]
    arguments = function(place)
    before = files(place)
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2, (result.output, result.exception)
    assert isinstance(result.exception, SystemExit)
    assert expected in result.stderr
    assert "Traceback" not in result.stderr
    left = files(place) - before
    assert not [file for file in left if file.suffix in (".part", ".wakeword", ".probe")]
    assert not (place / "pwned").exists()


def test_a_full_disk_leaves_no_file(
    tiny: EncoderSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = train(tmp_path, folders(tmp_path))
    write = Path.write_bytes

    def full(self: Path, data: bytes) -> int:
        if self.suffix != ".part":
            return write(self, data)
        write(self, data[:100])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2, result.output
    assert "No space left on device" in result.stderr
    assert not list(tmp_path.rglob("*.part"))
    assert not (tmp_path / "out.wakeword").exists()


@pytest.mark.parametrize("channels", [1, 2, 8])
@pytest.mark.parametrize("rate", [8_000, 44_100, 192_000])
def test_any_rate_and_channel_count_is_accepted(rate: int, channels: int, model_file: Path) -> None:
    samples = np.zeros((rate, channels), dtype=np.float32)
    recording = wav(model_file.parent / "a.wav", samples, rate)
    result = CliRunner().invoke(main, detect(model_file.parent, recording))
    assert result.exit_code == 0, result.output


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 25


def files(place: Path) -> set[Path]:
    return {path for path in place.rglob("*") if path.is_file()}
