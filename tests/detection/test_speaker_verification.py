"""Speaker verification: what the second stage gets, and whom it accepts."""

from __future__ import annotations

import csv
import importlib.util
import sys
import warnings
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import tiny as tiny_family
import torch
import training
from click.testing import CliRunner, Result

from wakeword.audio.files import load_audio, save_audio
from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.audio.silence_gate import SilenceGate
from wakeword.cli import main
from wakeword.detection import speaker_verification
from wakeword.detection.detector import Detector
from wakeword.detection.speaker_verification import SpeakerVerifier, _features, _load, _Network
from wakeword.encoders.spec import EncoderSpec
from wakeword.errors import CheckpointError, ConfigError
from wakeword.model.file import save_model

SOUND = tiny_family.synthetic_audio(6.0)


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replaces the packaged network by one with random weights."""

    def made() -> _Network:
        torch.manual_seed(0)
        return _Network().eval()

    monkeypatch.setattr(speaker_verification, "_load", made)


@pytest.fixture
def weights() -> None:
    if importlib.util.find_spec("resemblyzer") is None:
        pytest.skip("its weights are not installed: pip install --no-deps resemblyzer==0.1.4")


# ---------------------------------------------------------------- in a detector


@pytest.mark.parametrize("streaming", ["chunked", "window"])
@pytest.mark.parametrize("size", [400, 4001, len(SOUND)])
def test_the_verifier_gets_the_audio_up_to_each_detection(
    tiny: EncoderSpec, streaming: str, size: int
) -> None:
    verified: list[Samples] = []

    def accept(samples: Samples) -> bool:
        verified.append(samples)
        return len(verified) % 2 == 0

    model = tiny_family.model(streaming)
    every = [*(plain := Detector(model)).feed(SOUND), *plain.flush()]
    detector = Detector(model, verify=accept)
    found = [e for at in range(0, len(SOUND), size) for e in detector.feed(SOUND[at : at + size])]
    found += detector.flush()
    assert len(every) >= 4 and found == every[1::2]
    followed = np.concatenate([SOUND, np.zeros(SAMPLE_RATE, np.float32)])  # as flush has it
    for samples, each in zip(verified, every, strict=True):
        time = round(each.time * SAMPLE_RATE)
        later = model.block + model.first_block
        ends = [e for e in range(time, min(time + later, len(followed)) + 1) if e >= len(samples)]
        assert len(samples) in (2 * SAMPLE_RATE, min(ends))  # everything up to then
        assert any(np.array_equal(samples, followed[e - len(samples) : e]) for e in ends)


def test_the_verifier_gets_audio_from_after_a_closed_gate(tiny: EncoderSpec) -> None:
    verified: list[Samples] = []
    quiet = np.zeros(5 * SAMPLE_RATE, np.float32)
    detector = Detector(
        tiny_family.model(), gate=SilenceGate(), verify=lambda s: verified.append(s) or False
    )
    stream = np.concatenate([SOUND, quiet, SOUND])
    assert [*detector.feed(stream), *detector.flush()] == []
    assert verified and all(any_place(samples, stream) for samples in verified)


def any_place(samples: Samples, stream: Samples) -> bool:
    """Whether a piece of audio occurs in a stream."""
    starts = np.flatnonzero(stream[: len(stream) - len(samples) + 1] == samples[0])
    return any(np.array_equal(stream[i : i + len(samples)], samples) for i in starts)


# ---------------------------------------------------------------- speakers


@pytest.mark.usefixtures("untrained")
def test_a_speaker_is_identified() -> None:
    speakers = {"ada": [training.word(1)] * 3, "bob": [training.word(2)] * 3}
    known = SpeakerVerifier(speakers)
    before = np.concatenate(
        [tiny_family.synthetic_audio(0.5), np.zeros(SAMPLE_RATE // 5, np.float32)]
    )
    for name, clips in speakers.items():
        name_found, similarity = known.identify(
            np.concatenate([before, clips[0]])
        )  # the span ends the rest
        assert name_found == name and known.identify(clips[0]) == (
            name,
            pytest.approx(similarity, abs=1e-3),
        )
        assert known(clips[0])
    known.threshold = 1.01
    assert not known(speakers["ada"][0])


@pytest.mark.usefixtures("weights")
def test_the_network_equals_resemblyzers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "webrtcvad", ModuleType("webrtcvad"))  # not needed here
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its imports from scipy are old
        from resemblyzer import VoiceEncoder  # type: ignore[import-untyped]
        from resemblyzer.audio import wav_to_mel_spectrogram  # type: ignore[import-untyped]
    word = training.word(0)[8_000:16_000]
    samples = np.resize(word, 25_600) * (10 ** (-30 / 20) / np.sqrt(np.mean(word**2)))
    mels = wav_to_mel_spectrogram(samples)[None, :160]
    ours = _features(word)
    np.testing.assert_allclose(ours.numpy(), mels, rtol=1e-4, atol=1e-7)
    with torch.inference_mode():
        theirs = VoiceEncoder("cpu", verbose=False)(torch.from_numpy(mels))
        torch.testing.assert_close(_load()(ours), theirs, rtol=0, atol=1e-5)


@pytest.mark.usefixtures("weights")
def test_speakers_are_told_apart(corpus: Path) -> None:
    with (corpus / "keywords.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "dev"]
    by_speaker: dict[str, list[Samples]] = {}
    for row in rows:
        if row["label"] == "snowboy":
            by_speaker.setdefault(row["speaker"], []).append(load_audio(corpus / row["file"]))
    known = SpeakerVerifier({name: clips[:4] for name, clips in by_speaker.items()})
    answers = [
        known.identify(clip[: 2 * SAMPLE_RATE])[0] == name
        for name, clips in by_speaker.items()
        for clip in clips[4:8]
    ]
    assert len(answers) >= 12 and np.mean(answers) >= 0.9


# ---------------------------------------------------------------- errors and commands


@pytest.mark.usefixtures("untrained")
def test_too_few_clips_of_a_speaker_raise() -> None:
    with pytest.raises(ConfigError, match="no speakers"):
        SpeakerVerifier({})
    with pytest.raises(ConfigError, match="2 clips by ada: expected 3 or more"):
        SpeakerVerifier({"ada": [training.word(0), training.word(1)]})


@pytest.mark.parametrize("content", [None, b"", b"something else"])
def test_missing_or_other_weights_raise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    package = tmp_path / "resemblyzer"
    package.mkdir()
    (package / "__init__.py").touch()
    if content is not None:
        (package / "pretrained.pt").write_bytes(content)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "resemblyzer", raising=False)
    with pytest.raises(CheckpointError, match="pip install --no-deps resemblyzer"):
        SpeakerVerifier({"ada": [training.word(i) for i in range(3)]})


@pytest.mark.usefixtures("untrained")
def test_detect_for_some_speakers_only(
    tiny: EncoderSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_model(tiny_family.model(), tmp_path / "m.wakeword")
    save_audio(tmp_path / "some.wav", SOUND)
    data = training.write_data(tmp_path / "data")

    def detect(*more: object) -> Result:
        given = ["detect", tmp_path / "m.wakeword", tmp_path / "some.wav", *more]
        return CliRunner().invoke(main, [str(each) for each in given])

    monkeypatch.setattr(SpeakerVerifier, "__call__", lambda *_: False)
    every, none = detect(), detect("--only-voices", data)
    assert every.exit_code == none.exit_code == 0, none.output
    assert len(every.stdout.splitlines()) > 3 and none.stdout == ""
