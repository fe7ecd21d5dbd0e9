"""The detector: any pieces of a stream give the same detections."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soxr
import tiny as tiny_family
import torch
from tiny import detections

from wakeword import runtime
from wakeword.audio.resampling import resample
from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.audio.silence_gate import SilenceGate
from wakeword.detection.detector import Detector
from wakeword.detection.trigger import Detection, smooth, trigger_for
from wakeword.encoders.spec import EncoderSpec
from wakeword.errors import AudioError, ConfigError
from wakeword.evaluation.scoring import model_logits
from wakeword.model.network import WakeWordModel
from wakeword.model.state import state_structure

SOUND = tiny_family.synthetic_audio(2.5)


@pytest.mark.parametrize("threshold", [None, 0.0])
@pytest.mark.parametrize("sizes", [[1], [160], [1280], [4001], [17, 5000, 3, 900]])
def test_any_pieces_detect_the_same(
    model: WakeWordModel, sizes: list[int], threshold: float | None
) -> None:
    samples = SOUND[: 8_000 if sizes == [1] else None]
    detector = Detector(model, threshold=threshold)
    whole = detections(detector, samples, [len(samples)])
    assert whole
    detector.reset()
    assert detections(detector, samples, sizes) == whole


def peaks(detector: Detector, samples: Samples, sizes: list[int]) -> dict[Detection, float]:
    """The peak of each detection in a stream that is fed in pieces."""
    ends = np.cumsum(tiny_family.pieces(len(samples), sizes))[:-1]
    found: dict[Detection, float] = {}
    for piece in np.split(samples, ends):
        detector.feed(piece)
        found |= detector.peaks
    detector.flush()
    return found | detector.peaks


@pytest.mark.parametrize("threshold", [None, 0.0])
@pytest.mark.parametrize("sizes", [[160], [4001], [17, 5000, 3, 900]])
def test_any_pieces_have_the_same_peaks(
    model: WakeWordModel, sizes: list[int], threshold: float | None
) -> None:
    detector = Detector(model, threshold=threshold)
    found = detections(detector, SOUND, [len(SOUND)])
    detector.reset()
    whole = peaks(detector, SOUND, [len(SOUND)])
    assert sorted(whole, key=found.index) == found != []
    assert all(peak >= detection.score for detection, peak in whole.items())
    assert any(peak > detection.score for detection, peak in whole.items()) == (threshold is None)
    detector.reset()
    assert peaks(detector, SOUND, sizes) == whole


def test_a_rejected_detection_has_no_peak(model: WakeWordModel) -> None:
    assert peaks(Detector(model, verify=lambda _: False), SOUND, [1280]) == {}


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000])
def test_any_pieces_detect_the_same_at_other_rates(model: WakeWordModel, rate: int) -> None:
    samples = soxr.resample(SOUND, SAMPLE_RATE, rate)
    detector = Detector(model, threshold=0.0, rate=rate)
    whole = detections(detector, samples, [len(samples)])
    assert whole
    for sizes in ([441], [1, 7000, 33]):
        detector.reset()
        assert detections(detector, samples, sizes) == whole


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000])
def test_other_rates_are_resampled_like_files(model: WakeWordModel, rate: int) -> None:
    samples = soxr.resample(SOUND, SAMPLE_RATE, rate)
    live = detections(Detector(model, rate=rate), samples, [1440])
    file = detections(Detector(model), resample(samples, rate, SAMPLE_RATE), [1280])
    assert [(d.keyword, d.time) for d in live] == [(d.keyword, d.time) for d in file] != []


@pytest.mark.parametrize("rate", [0, -1, 999, 10**7])
def test_an_impossible_sample_rate_raises(tiny: EncoderSpec, rate: int) -> None:
    with pytest.raises(AudioError, match="sample rate"):
        Detector(tiny_family.model(), rate=rate)


def test_int16_equals_float32(model: WakeWordModel) -> None:
    pcm = np.round(SOUND * 32768).astype(np.int16)
    as_float = pcm.astype(np.float32) / 32768
    assert (
        detections(Detector(model), pcm, [1280])
        == detections(Detector(model), as_float, [1280])
        != []
    )


def test_reset_starts_a_new_stream(model: WakeWordModel) -> None:
    detector = Detector(model, threshold=0.0)
    first = detections(detector, SOUND, [1280])
    detector.reset()
    assert detector.scores == dict.fromkeys(model.keywords, 0.0)
    detector.feed(tiny_family.synthetic_audio(1.0, seed=5))
    detector.reset()
    assert detections(detector, SOUND, [1280]) == first != []


def test_detectors_of_one_model_are_independent(model: WakeWordModel) -> None:
    recordings = [SOUND, tiny_family.synthetic_audio(2.5, seed=3)]
    alone = [
        detections(Detector(model, threshold=0.0), waveform, [1600]) for waveform in recordings
    ]
    detectors = [Detector(model, threshold=0.0) for _ in recordings]
    together: list[list[Detection]] = [[], []]
    for at in range(0, len(SOUND), 1600):
        for found, detector, waveform in zip(together, detectors, recordings, strict=True):
            found += detector.feed(waveform[at : at + 1600])
    for found, detector in zip(together, detectors, strict=True):
        found += detector.flush()
    assert together == alone
    assert alone[0] != alone[1]


def test_flush_equals_silence_that_follows(model: WakeWordModel) -> None:
    detector, patient = (Detector(model, threshold=0.0) for _ in range(2))
    flushed = detector.feed(SOUND[:20_000]) + detector.flush()
    waited = patient.feed(np.concatenate([SOUND[:20_000], np.zeros(SAMPLE_RATE, np.float32)]))
    assert flushed == waited[: len(flushed)]
    missing = [each for each in waited[len(flushed) :] if each.time <= 20_000 / SAMPLE_RATE]
    assert not missing
    assert flushed[-1].time > detector.model.frame_s


@pytest.mark.parametrize("length", [0, 1, 200, 1000])
def test_a_stream_too_short_for_anything(model: WakeWordModel, length: int) -> None:
    detector = Detector(model, threshold=1.0)
    assert detector.feed(SOUND[:length]) == []
    assert detector.flush() == []


@pytest.mark.parametrize(
    ("streaming", "given"),
    [("chunked", {"chunk": 16, "left": 16}), ("window", {"window": 32, "hop": 16})],
)
def test_long_blocks_of_the_evaluation_detect_the_same(
    tiny: EncoderSpec, streaming: str, given: dict[str, int]
) -> None:
    model = tiny_family.model(streaming, **given)
    samples = np.concatenate([tiny_family.synthetic_audio(5.0, seed=seed) for seed in range(5)])
    logits = model_logits(model, np.split(samples, 5))
    for threshold in (0.0, 0.5):
        thresholds = [threshold] * len(model.keywords)
        events, _ = trigger_for(model, thresholds).run(logits)
        live = Detector(model, threshold=threshold).feed(samples)
        times = [round((event.frame + 1) * model.frame_s, 6) for event in events]
        named = [model.keywords[event.keyword] for event in events]
        assert len(live) > 10
        # the evaluation also has the start of a block that the detector still waits for
        assert [(d.keyword, d.time) for d in live] == list(zip(named, times, strict=True))[
            : len(live)
        ]
        assert np.allclose(
            [d.score for d in live], [e.score for e in events][: len(live)], atol=1e-4
        )


def test_scores_are_those_of_the_last_frame(model: WakeWordModel) -> None:
    detector = Detector(model, threshold=0.0)
    detector.feed(SOUND)
    with torch.inference_mode():
        blocks = (len(SOUND) - model.first_block) // model.block
        complete = SOUND[: model.first_block + blocks * model.block]
        logits, _ = model(torch.from_numpy(complete)[None])
    last = smooth(logits[0].double().numpy(), detector.trigger.smoothing)[-1]
    assert list(detector.scores) == list(model.keywords)
    assert np.allclose(list(detector.scores.values()), last, atol=1e-4)


@pytest.mark.parametrize(
    ("threshold", "message"),
    [
        (1.5, "expected 0"),
        (-0.1, "expected 0"),
        (float("nan"), "expected 0"),
        ({"alexia": 0.5}, "Did you mean 'alexa'"),
    ],
)
def test_wrong_thresholds_raise(tiny: EncoderSpec, threshold: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Detector(tiny_family.model(), threshold=threshold)  # type: ignore[arg-type]


def test_thresholds_come_from_the_model_unless_given(tiny: EncoderSpec) -> None:
    model = tiny_family.model(threshold=0.7)
    assert Detector(model).thresholds == {"alexa": 0.7, "computer": 0.7}
    assert Detector(model, threshold=0.2).thresholds == {"alexa": 0.2, "computer": 0.2}
    assert Detector(model, threshold={"alexa": 0.2}).thresholds == {"alexa": 0.2, "computer": 0.7}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("alexa.wakeword", r"Detector\(wakeword\.load\('alexa\.wakeword'\)\)"),
        (Path("alexa.wakeword"), r"Detector\(wakeword\.load\('alexa\.wakeword'\)\)"),
        ("alexa.onnx", r"Detector\(wakeword\.runtime\.load\('alexa\.onnx'\)\)"),
        (None, "takes a model, not NoneType"),
        (torch.nn.Linear(1, 1), "takes a model, not Linear"),
    ],
)
def test_a_detector_without_a_model_raises(given: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Detector(given)  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", [np.float32, np.int16])
@pytest.mark.parametrize(
    ("shape", "remedy"),
    [((1000, 2), r"samples\[:, 0\]"), ((1, 1000), r"samples\[0\]"), ((), "samples")],
)
def test_samples_of_several_channels_raise(
    tiny: EncoderSpec, dtype: type, shape: tuple[int, ...], remedy: str
) -> None:
    model, message = tiny_family.model(), f"expected one channel.*{remedy}"
    samples = np.zeros(shape, dtype)
    with pytest.raises(ConfigError, match=message):
        Detector(model).feed(samples)
    with pytest.raises(ConfigError, match=message):
        Detector(model).logits(samples)
    with pytest.raises(ConfigError, match=message):
        Detector(model, gate=SilenceGate()).feed(samples)


def test_samples_of_another_type_raise_and_the_stream_goes_on(tiny: EncoderSpec) -> None:
    model = tiny_family.model()
    detector = Detector(model)
    with pytest.raises(ConfigError, match="samples of dtype int32"):
        detector.feed(np.zeros(1000, np.int32))  # type: ignore[arg-type]
    expected = detections(Detector(model), SOUND, [1280])
    assert detections(detector, SOUND, [1280]) == expected != []


def test_there_is_one_detector() -> None:
    assert runtime.Detector is Detector


def test_a_detector_needs_no_torch() -> None:
    program = "import sys, wakeword.detection.detector; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.strip() == b"False"


def test_steps_are_the_blocks_of_a_stream(model: WakeWordModel) -> None:
    state = None
    logits = []
    ends = [model.first_block, *range(model.first_block + model.block, len(SOUND), model.block)]
    for block in np.split(SOUND, ends)[:-1]:
        more, state = model.step(block, state)
        logits.append(more)
    assert logits[0].dtype == np.float64
    assert np.array_equal(np.concatenate(logits), Detector(model).logits(SOUND))


@pytest.mark.parametrize("head", ["linear", "conv", "depthwise", "gru", "attention"])
def test_steps_of_a_batch_are_those_of_its_streams(model: WakeWordModel, head: str) -> None:
    model = tiny_family.model(model.origin.streaming, head)
    recordings = [tiny_family.synthetic_audio(2.0, seed=seed) for seed in range(3)]
    alone: list[Any] = [None] * 3
    together: list[Any] = [None] * 3
    start, size = 0, model.first_block
    for _ in range(4):
        blocks = [waveform[start : start + size] for waveform in recordings]
        batch = model.step_batch(blocks, together)
        together = [state for _, state in batch]
        for i, block in enumerate(blocks):
            logits, alone[i] = model.step(block, alone[i])
            np.testing.assert_allclose(batch[i][0], logits, atol=1e-4)
            assert state_structure(together[i]) == state_structure(alone[i])
        start, size = start + size, model.block
