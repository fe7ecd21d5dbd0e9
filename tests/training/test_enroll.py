"""`wakeword enroll`: a detector from a few clips at once."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import tiny as tiny_family
import training
from click.testing import CliRunner

import wakeword
from wakeword.audio.files import save_audio
from wakeword.audio.samples import Samples
from wakeword.cli import main
from wakeword.encoders.base import Encoder
from wakeword.encoders.spec import EncoderSpec, StripReport
from wakeword.errors import ConfigError
from wakeword.evaluation.benchmark import stream_difference
from wakeword.heads import ExamplesHead
from wakeword.model.file import load_model, save_model
from wakeword.training.enroll import _ClipFrames, enroll
from wakeword.tts.synthesis import synthesise
from wakeword.tts.voices import Voice

enrolment = import_module("wakeword.training.enroll")


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return training.write_weights(tmp_path / "weights")


def invoke(*arguments: object) -> str:
    result = CliRunner().invoke(main, ["enroll", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result.output


def speech(text: str, variant: str) -> Samples:
    return synthesise(text, Voice("espeak", f"en-us+{variant}", variant))


def test_the_keyword_is_detected_in_another_voice_and_other_speech_is_not(
    whisper_tiny_en: tuple[Encoder, StripReport], tmp_path: Path
) -> None:
    pytest.importorskip("espeakng_loader")
    clips = [tmp_path / f"{voice}.wav" for voice in ("m1", "f2", "m3")]
    for path in clips:
        save_audio(path, speech("computer", path.stem))
    talk = "the weather in the morning was cold, and nobody wanted to go to the market"
    save_audio(tmp_path / "talk" / "a.wav", speech(talk, "m2"))
    file = tmp_path / "computer.wakeword"
    told = invoke("computer", *clips, "-o", file)
    assert "'computer' from 3 clips" in told and "false accepts is unknown" in told
    told = invoke("computer", *clips, "-o", file, "--negatives", tmp_path / "talk")
    assert "provisional: 0 false accepts in 0.1 min of other sound, 1 recordings" in told
    assert "false accepts is unknown" not in told

    model = wakeword.load(file)
    assert model.origin.training["keyword_clips"] == 3
    quiet = np.zeros(8_000, np.float32)
    words = [speech(text, "f4") for text in (talk, "computer", "and then it was late again")]
    samples = np.concatenate([piece for word in words for piece in (word, quiet)])
    (detection,) = wakeword.Detector(model, threshold=0.5).feed(samples)
    ends_s = (len(words[0]) + len(quiet) + len(words[1])) / 16_000
    assert detection.time == pytest.approx(ends_s, abs=0.4)
    duration_s = model.operating_point.duration_s["computer"]
    assert 0.2 < duration_s < 1.2
    assert detection.end - detection.start == pytest.approx(duration_s, abs=1e-5)
    assert stream_difference(model, samples) < 1e-3


def test_the_same_clips_give_the_same_model(
    tiny: EncoderSpec, weights: Path, tmp_path: Path
) -> None:
    clips = [training.word(i) for i in range(2)]
    for name in ("a", "b"):
        made = enroll("ping", clips, encoder="tiny", weights=weights)
        save_model(made, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_clip_without_a_keyword_is_left_out(
    tiny: EncoderSpec, weights: Path, tmp_path: Path
) -> None:
    clips = [tmp_path / f"{i}.wav" for i in range(3)]
    noise = 0.1 * np.random.default_rng(0).standard_normal(40_000)
    for path, samples in zip(clips, (training.word(0), noise, training.word(1)), strict=True):
        save_audio(path, samples.astype(np.float32))
    fixed = ("--encoder", "tiny", "--weights", weights, "-o", tmp_path / "a")
    told = invoke("ping", *clips, *fixed)
    assert "1 clip(s) left out" in told and "'ping' from 2 clips" in told
    invoke("ping", clips[0], clips[2], *fixed[:-1], tmp_path / "b")
    with_it, without = (load_model(tmp_path / name).head.examples for name in "ab")
    assert np.array_equal(with_it, without)


def test_of_many_clips_those_nearest_to_the_others_are_kept(
    tiny: EncoderSpec, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten of them; those that are other audio are not among them."""
    kept: list[list[int]] = []
    choose = enrolment._choose_examples

    def spy(head: ExamplesHead, clips: Sequence[_ClipFrames]) -> list[int]:
        kept.append(choose(head, clips))
        return kept[-1]

    monkeypatch.setattr(enrolment, "_choose_examples", spy)
    clips = [training.word(i) for i in range(14)]
    for i in (3, 8):  # of the same length, and not the keyword
        clips[i][8_000:16_000] = tiny_family.synthetic_audio(0.5, seed=i)
    made = enroll("ping", clips, encoder="tiny", weights=weights)
    assert made.origin.training["keyword_clips"] == 10
    assert made.origin.training["left_out"] == 0
    assert len(set(kept[0])) == 10 and not {3, 8} & set(kept[0])
    (tmp_path / "clips").mkdir()
    for i in range(45):
        save_audio(tmp_path / "clips" / f"{i:02}.wav", training.word(i))
    files = sorted((tmp_path / "clips").iterdir())
    fixed = ("--encoder", "tiny", "--weights", weights, "-o", tmp_path / "a")
    printed = invoke("ping", *files, *fixed)
    assert "of 45 clips, 10 that are near to the others serve as examples" in printed
    assert "'ping' from 10 clips" in printed


def test_unusable_clips_are_an_error(tiny: EncoderSpec, weights: Path) -> None:
    word, noise = training.word(0), np.random.default_rng(0).standard_normal(40_000)
    noise = (0.1 * noise).astype(np.float32)
    for clips, reason in (
        ([word], "1 clip.s.: expected 2 or more"),
        ([word, noise], "1 of 2 clips contain a keyword of at most 2 s that stands out"),
        ([word, word[::-1].copy()], "no more similar to each other than to other audio"),
    ):
        with pytest.raises(ConfigError, match=reason):
            enroll("ping", clips, encoder="tiny", weights=weights)
