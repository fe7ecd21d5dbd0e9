"""The silence gate closes in silence and opens for speech, and changes no detection."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tiny as tiny_family

from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.audio.silence_gate import SilenceGate
from wakeword.detection.detector import Detector
from wakeword.detection.trigger import Detection
from wakeword.encoders.spec import EncoderSpec


def white_noise(seconds: float, level: float = 1e-4, seed: int = 0) -> Samples:
    rng = np.random.default_rng(seed)
    return (level * rng.standard_normal(round(seconds * SAMPLE_RATE))).astype(np.float32)


def mostly_silent() -> Samples:
    """Silence of 6 and 15 s, each before 2 s of speech-like audio, and 2 s of silence."""
    parts = [white_noise(6.0), tiny_family.synthetic_audio(2.0, seed=1), white_noise(15.0, seed=1)]
    return np.concatenate(
        [*parts, tiny_family.synthetic_audio(2.0, seed=2), white_noise(2.0, seed=2)]
    )


def times_open(gate: SilenceGate, samples: Samples, size: int) -> np.ndarray:
    pieces = [samples[i : i + size] for i in range(0, len(samples), size)]
    return np.concatenate(
        [np.full(len(part), value) for piece in pieces for part, value in gate.feed(piece)]
    )


@pytest.mark.parametrize("size", [1, 160, 4001, 10**6])
def test_block_sizes_do_not_matter(size: int) -> None:
    samples = mostly_silent()[: 9 * SAMPLE_RATE if size == 1 else None]
    whole = times_open(SilenceGate(), samples, len(samples))
    np.testing.assert_array_equal(times_open(SilenceGate(), samples, size), whole)


def test_it_opens_for_changing_audio_and_closes_in_silence_and_even_noise() -> None:
    gate = SilenceGate(hold_s=1.0)
    is_open = times_open(gate, mostly_silent(), 1600).reshape(-1, 320)[:, 0]
    seconds = np.arange(len(is_open)) / 50
    assert is_open[seconds < 0.9].all() and not is_open[(seconds > 1.1) & (seconds < 5.9)].any()
    assert is_open[(seconds > 6.02) & (seconds < 8.9)].all()
    assert not is_open[(seconds > 9.1) & (seconds < 22.9)].any()
    gate.reset()
    fan = white_noise(20.0, level=0.1)
    fan[10 * SAMPLE_RATE : 11 * SAMPLE_RATE] += white_noise(
        1.0, level=0.15, seed=3
    )  # 5 dB above it
    is_open = times_open(gate, fan, 1600).reshape(-1, 320)[:, 0]
    assert not is_open[100:500].any() and is_open[500:550].all() and not is_open[620:].any()


def detect(detector: Detector, samples: Samples, size: int = 1280) -> list[Detection]:
    blocks = (samples[i : i + size] for i in range(0, len(samples), size))
    return [d for block in blocks for d in detector.feed(block)] + detector.flush()


def test_a_gate_that_is_always_open_changes_nothing(tiny: EncoderSpec) -> None:
    net, samples = tiny_family.model(), mostly_silent()
    always = SilenceGate(above_db=-200.0)
    assert detect(Detector(net, threshold=0.0, gate=always), samples) == detect(
        Detector(net, threshold=0.0), samples
    )


def test_a_gated_detector_detects_the_same_and_computes_less(
    tiny: EncoderSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, samples = tiny_family.model(), mostly_silent()
    computed = 0
    forward = net.forward

    def counted(samples: Any, state: Any = None) -> Any:
        nonlocal computed
        computed += samples.shape[1]
        return forward(samples, state)

    monkeypatch.setattr(net, "forward", counted)
    detect(Detector(net, threshold=0.0), samples)
    without, computed = computed, 0
    detector = Detector(net, threshold=0.0, gate=SilenceGate())
    gated = detect(detector, samples)
    # 1.5 + 2 s around the first, 2.5 + 2 s and what follows around the second
    assert without > 26 * SAMPLE_RATE and 10 * SAMPLE_RATE < computed < 18 * SAMPLE_RATE
    assert not [d for d in gated if 10.0 < d.time < 20.0]
    for start_s in (6.0, 23.0):  # as if the stream had started a little before
        said = [d for d in gated if start_s < d.time < start_s + 2.0]
        begins = np.arange(0, start_s, net.block / SAMPLE_RATE)
        anew = [
            [
                Detection(
                    d.keyword,
                    d.score,
                    *(pytest.approx(time_s + begin) for time_s in (d.time, d.start, d.end)),
                )
                for d in detect(Detector(net, threshold=0.0), samples[round(begin * SAMPLE_RATE) :])
                if start_s < d.time + begin < start_s + 2.0
            ]
            for begin in begins
            if 2.5 <= start_s - begin <= 4.0
        ]
        assert len(said) > 2 and said in anew
    detector.reset()
    assert detect(detector, samples, 4001) == gated


def test_a_stream_may_end_while_the_gate_is_closed(tiny: EncoderSpec) -> None:
    detector = Detector(tiny_family.model(), threshold=0.0, gate=SilenceGate())
    detector.feed(np.concatenate([tiny_family.synthetic_audio(1.0), white_noise(20.0)]))
    assert detector.flush() == []
