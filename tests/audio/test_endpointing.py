"""Endpointing of live streams, and `wakeword record`, which uses it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from wakeword.audio.endpointing import MARGIN_S, next_utterance, recording_problems
from wakeword.audio.files import load_audio
from wakeword.audio.samples import Samples
from wakeword.cli import main
from wakeword.cli.level_meter import with_level_meter
from wakeword.data.readers import read_dataset

RATE = 16_000


def tone_sequence(*parts: tuple[float, float], rate: int = RATE, seed: int = 0) -> Samples:
    """Noise: (seconds, RMS) one after the other."""
    rng = np.random.default_rng(seed)
    pieces = [rms * rng.normal(size=round(seconds * rate)) for seconds, rms in parts]
    return np.concatenate(pieces).clip(-1, 1).astype(np.float32)


def blocks(samples: Samples, size: int = 640) -> Iterator[Samples]:
    for at in range(0, len(samples), size):
        yield samples[at : at + size]


@pytest.mark.parametrize("size", [160, 640, 5000])
@pytest.mark.parametrize("floor", [0.0, 0.003])
def test_an_utterance_is_cut_with_its_margin(size: int, floor: float) -> None:
    samples = tone_sequence((1.0, floor), (0.7, 0.1), (2.0, floor))
    utterance = next_utterance(blocks(samples, size), RATE)
    assert utterance is not None
    assert len(utterance) / RATE == pytest.approx(0.7 + 2 * MARGIN_S, abs=0.05)
    loud = np.flatnonzero(np.abs(utterance) > 0.05) / RATE
    assert loud[0] == pytest.approx(MARGIN_S, abs=0.03)


def test_a_short_pause_is_part_of_it_and_a_click_is_not() -> None:
    samples = tone_sequence(
        (0.5, 0.001), (0.03, 0.3), (1.0, 0.001), (0.4, 0.1), (0.3, 0.001), (0.4, 0.1)
    )
    utterance = next_utterance(blocks(np.concatenate([samples, tone_sequence((2.0, 0.001))])), RATE)
    assert utterance is not None
    assert len(utterance) / RATE == pytest.approx(1.1 + 2 * MARGIN_S, abs=0.06)


def test_silence_and_clicks_give_none_and_endless_noise_is_cut_off() -> None:
    assert next_utterance(blocks(tone_sequence((9.0, 0.001))), RATE) is None
    assert (
        next_utterance(blocks(tone_sequence((1.0, 0.001), (0.03, 0.3), (9.0, 0.001))), RATE) is None
    )
    utterance = next_utterance(
        blocks(tone_sequence((0.5, 0.001), (20.0, 0.1))), RATE, longest_s=2.0
    )
    assert utterance is not None and len(utterance) / RATE == pytest.approx(2.3, abs=0.1)


@pytest.mark.parametrize(
    ("rms", "expected"), [(0.05, []), (0.9, ["too loud"]), (0.001, ["very quiet"])]
)
def test_recordings_too_loud_or_too_quiet_are_problems(rms: float, expected: list[str]) -> None:
    problems = recording_problems(tone_sequence((1.0, rms)))
    assert [problem.split(":")[0].split(" (")[0] for problem in problems] == expected


def record(folder: Path, keys: str, *more: str) -> Result:
    fixed = ["-o", str(folder), "--speaker", "ada", "--countdown", "0"]
    given = ["record", "ping", *fixed, *more]
    return CliRunner().invoke(main, given, input=keys)


def take(seconds: float = 0.6, rms: float = 0.1) -> Samples:
    return tone_sequence((0.6, 0.001), (seconds, rms), (1.0, 0.001), rate=48_000)


def test_what_is_accepted_is_a_data_set(sd: Any, tmp_path: Path) -> None:
    sd.takes = [take(0.6), take(0.9), take(0.7)]
    result = record(tmp_path, "\rrp\r", "--count", "2", "--distance", "2m")
    assert result.exit_code == 0, result.output
    assert "2 clips added" in result.output and "2/2  say 'ping'" in result.output
    assert sd.played == [pytest.approx(0.7 + 2 * MARGIN_S, abs=0.05)]
    sd.takes = [take(1.5, 0.9)]
    other = record(tmp_path, "\n", "--count", "1", "--other")
    assert "anything but 'ping'" in other.output and "too loud" in other.output
    data = read_dataset(tmp_path / "recordings.jsonl")
    assert [clip.label for clip in data.keywords] == ["ping", "ping"]
    assert {clip.speaker for clip in (*data.keywords, *data.negatives)} == {"ada"}
    lengths = [len(load_audio(clip.path)) / RATE - 2 * MARGIN_S for clip in data.keywords]
    assert lengths == pytest.approx([0.6, 0.7], abs=0.05)  # the second was said again
    assert len(data.negatives) == 1


def test_stopping_keeps_what_is_there(sd: Any, tmp_path: Path) -> None:
    sd.takes = [take(), take()]
    result = record(tmp_path, "\nq")
    assert result.exit_code == 0 and "1 clips added" in result.output
    assert len(read_dataset(tmp_path / "recordings.jsonl").keywords) == 1


def test_on_a_terminal_the_level_is_seen_and_the_clip_is_the_same() -> None:
    screen = io.StringIO()
    samples = tone_sequence((0.5, 0.001), (0.6, 0.1), (1.0, 0.001))
    seen = next_utterance(
        with_level_meter(blocks(samples), Console(file=screen, force_terminal=True)), RATE
    )
    np.testing.assert_array_equal(seen, next_utterance(blocks(samples), RATE))
    assert "dBFS" in screen.getvalue()
    silent = io.StringIO()
    assert next_utterance(with_level_meter(blocks(samples), Console(file=silent)), RATE) is not None
    assert silent.getvalue() == ""


def test_a_countdown_comes_before_each_clip(
    sd: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr("time.sleep", waited.append)
    sd.takes = [take(), take()]
    result = record(tmp_path, "\r\r", "--count", "2", "--countdown", "3")
    assert waited == [1] * 6 and "1/2  3 2 1 say 'ping'" in result.output


def test_a_silent_microphone_teaches(sd: Any, tmp_path: Path) -> None:
    sd.takes = [tone_sequence((9.0, 0.0), rate=48_000)]
    result = record(tmp_path, "")
    assert result.exit_code == 2 and "Is it muted?" in result.output
