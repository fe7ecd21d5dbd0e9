"""However a stream comes in, the same is detected; the trigger does what its words say."""

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
from hypothesis import given, settings
from hypothesis import strategies as st

from wakeword import runtime
from wakeword.audio.resampling import resample
from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.audio.silence_gate import SilenceGate
from wakeword.detection.detector import Detector
from wakeword.detection.pool import DetectorPool
from wakeword.detection.trigger import Detection, Event, Trigger, smooth, trigger_for
from wakeword.encoders.spec import EncoderSpec
from wakeword.errors import AudioError, ConfigError
from wakeword.evaluation.scoring import model_logits
from wakeword.model.network import WakeWordModel
from wakeword.model.state import state_structure

SOUND = tiny_family.sound(2.5)


@pytest.fixture(params=["chunked", "window"])
def model(tiny: EncoderSpec, request: pytest.FixtureRequest) -> WakeWordModel:
    return tiny_family.model(request.param)


def hear(detector: Detector, samples: Samples, sizes: list[int]) -> list[Detection]:
    ends = np.cumsum(tiny_family.pieces(len(samples), sizes))[:-1]
    found = [each for part in np.split(samples, ends) for each in detector.feed(part)]
    return found + detector.flush()


# ---------------------------------------------------------------- the detector


@pytest.mark.parametrize("threshold", [None, 0.0])
@pytest.mark.parametrize("sizes", [[1], [160], [1280], [4001], [17, 5000, 3, 900]])
def test_any_pieces_detect_the_same(
    model: WakeWordModel, sizes: list[int], threshold: float | None
) -> None:
    samples = SOUND[: 8_000 if sizes == [1] else None]
    detector = Detector(model, threshold=threshold)
    whole = hear(detector, samples, [len(samples)])
    assert whole
    detector.reset()
    assert hear(detector, samples, sizes) == whole


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000])
def test_any_pieces_detect_the_same_at_other_rates(model: WakeWordModel, rate: int) -> None:
    samples = soxr.resample(SOUND, SAMPLE_RATE, rate)
    detector = Detector(model, threshold=0.0, rate=rate)
    whole = hear(detector, samples, [len(samples)])
    assert whole
    for sizes in ([441], [1, 7000, 33]):
        detector.reset()
        assert hear(detector, samples, sizes) == whole


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000])
def test_other_rates_are_resampled_like_files(model: WakeWordModel, rate: int) -> None:
    samples = soxr.resample(SOUND, SAMPLE_RATE, rate)
    live = hear(Detector(model, rate=rate), samples, [1440])
    file = hear(Detector(model), resample(samples, rate, SAMPLE_RATE), [1280])
    assert [(d.keyword, d.time) for d in live] == [(d.keyword, d.time) for d in file] != []


@pytest.mark.parametrize("rate", [0, -1, 999, 10**7])
def test_an_impossible_sample_rate_raises(tiny: EncoderSpec, rate: int) -> None:
    with pytest.raises(AudioError, match="sample rate"):
        Detector(tiny_family.model(), rate=rate)


def test_int16_equals_float32(model: WakeWordModel) -> None:
    pcm = np.round(SOUND * 32768).astype(np.int16)
    as_float = pcm.astype(np.float32) / 32768
    assert hear(Detector(model), pcm, [1280]) == hear(Detector(model), as_float, [1280]) != []


def test_reset_starts_a_new_stream(model: WakeWordModel) -> None:
    detector = Detector(model, threshold=0.0)
    first = hear(detector, SOUND, [1280])
    detector.reset()
    assert detector.scores == dict.fromkeys(model.keywords, 0.0)
    detector.feed(tiny_family.sound(1.0, seed=5))
    detector.reset()
    assert hear(detector, SOUND, [1280]) == first != []


def test_detectors_of_one_model_are_independent(model: WakeWordModel) -> None:
    sounds = [SOUND, tiny_family.sound(2.5, seed=3)]
    alone = [hear(Detector(model, threshold=0.0), sound, [1600]) for sound in sounds]
    detectors = [Detector(model, threshold=0.0) for _ in sounds]
    together: list[list[Detection]] = [[], []]
    for at in range(0, len(SOUND), 1600):
        for found, detector, sound in zip(together, detectors, sounds, strict=True):
            found += detector.feed(sound[at : at + 1600])
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
    samples = np.concatenate([tiny_family.sound(5.0, seed=seed) for seed in range(5)])
    logits = model_logits(model, np.split(samples, 5))
    for threshold in (0.0, 0.5):
        thresholds = [threshold] * len(model.keywords)
        events, _ = trigger_for(model, thresholds).run(logits)
        live = Detector(model, threshold=threshold).feed(samples)
        times = [round((event.frame + 1) * model.frame_s, 6) for event in events]
        named = [model.keywords[event.keyword] for event in events]
        assert len(live) > 10
        # the evaluation hears the tail of the last block that the live one still waits with
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
        heard = SOUND[: model.first_block + blocks * model.block]
        logits, _ = model(torch.from_numpy(heard)[None])
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
@pytest.mark.parametrize("shape", [(1000, 2), (1, 1000), ()])
def test_samples_of_several_channels_raise(
    tiny: EncoderSpec, dtype: type, shape: tuple[int, ...]
) -> None:
    model = tiny_family.model()
    samples = np.zeros(shape, dtype)
    with pytest.raises(ConfigError, match="expected one channel"):
        Detector(model).feed(samples)
    with pytest.raises(ConfigError, match="expected one channel"):
        Detector(model).logits(samples)
    with pytest.raises(ConfigError, match="expected one channel"):
        Detector(model, gate=SilenceGate()).feed(samples)


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


@pytest.mark.parametrize("head", ["linear", "conv", "gru", "attention"])
def test_steps_of_a_batch_are_those_of_its_streams(model: WakeWordModel, head: str) -> None:
    model = tiny_family.model(model.origin.streaming, head)
    sounds = [tiny_family.sound(2.0, seed=seed) for seed in range(3)]
    alone: list[Any] = [None] * 3
    together: list[Any] = [None] * 3
    start, size = 0, model.first_block
    for _ in range(4):
        blocks = [sound[start : start + size] for sound in sounds]
        batch = model.step_batch(blocks, together)
        together = [state for _, state in batch]
        for i, block in enumerate(blocks):
            logits, alone[i] = model.step(block, alone[i])
            np.testing.assert_allclose(batch[i][0], logits, atol=1e-4)
            assert state_structure(together[i]) == state_structure(alone[i])
        start, size = start + size, model.block


# ---------------------------------------------------------------- many streams at once


@pytest.mark.parametrize("head", ["linear", "conv", "gru", "attention"])
@pytest.mark.parametrize("batch", [1, 3, 32])
def test_a_pool_detects_what_single_detectors_detect(
    model: WakeWordModel, head: str, batch: int
) -> None:
    """Seven streams that begin and end at different times, in pieces of different sizes."""
    model = tiny_family.model(model.origin.streaming, head)
    sounds = [tiny_family.sound(1.5 + 0.2 * i, seed=i) for i in range(7)]
    expected = [hear(Detector(model, threshold=0.0), sound, [len(sound)]) for sound in sounds]
    pool = DetectorPool(model, threshold=0.0, batch=batch)
    found: list[list[Detection]] = [[] for _ in sounds]
    at = [0] * len(sounds)
    for turn in range(60):
        due = [i for i, s in enumerate(sounds) if i <= turn and at[i] < len(s)]
        for i in due:
            if at[i] == 0:
                pool.open(i)
        sizes = {i: 900 + 700 * i for i in due}
        heard = pool.feed({i: sounds[i][at[i] : at[i] + size] for i, size in sizes.items()})
        assert list(heard) == due
        for i in due:
            found[i] += heard[i]
            at[i] += sizes[i]
            if at[i] >= len(sounds[i]):
                found[i] += pool.close(i)
    for mine, theirs in zip(found, expected, strict=True):
        assert [(d.keyword, d.time) for d in mine] == [(d.keyword, d.time) for d in theirs] != []
        assert [d.score for d in mine] == pytest.approx([d.score for d in theirs], abs=1e-4)


def test_a_pool_resamples_each_stream_by_its_own_rate(model: WakeWordModel) -> None:
    pool = DetectorPool(model, threshold=0.0)
    alone = {}
    for rate in (8_000, 16_000, 48_000):
        sound = soxr.resample(SOUND, SAMPLE_RATE, rate)
        pool.open(rate, rate=rate)
        alone[rate] = Detector(model, threshold=0.0, rate=rate).feed(sound)
    pieces = {rate: soxr.resample(SOUND, SAMPLE_RATE, rate) for rate in alone}
    heard = pool.feed(pieces)
    for rate, expected in alone.items():
        assert [d.time for d in heard[rate]] == [d.time for d in expected] != []


def test_a_stream_that_is_not_open_raises(model: WakeWordModel) -> None:
    pool = DetectorPool(model)
    pool.open("kitchen")
    with pytest.raises(ConfigError, match="'kitchen' is open already"):
        pool.open("kitchen")
    with pytest.raises(ConfigError, match="'hall' is not open"):
        pool.feed({"kitchen": SOUND, "hall": SOUND})
    with pytest.raises(ConfigError, match="'hall' is not open"):
        pool.close("hall")


# ---------------------------------------------------------------- the trigger, by hand


def fired(scores: list[float], threshold: float = 0.5, refractory: int = 1) -> list[int]:
    logits = np.log(np.asarray(scores) / (1 - np.asarray(scores)))[:, None]
    events, _ = Trigger((threshold,), 1, refractory).run(logits)
    return [event.frame for event in events]


@pytest.mark.parametrize(
    ("scores", "refractory", "frames"),
    [
        ([0.1, 0.1, 0.1], 1, []),
        ([0.1, 0.9, 0.1], 1, [1]),
        ([0.9, 0.9, 0.9], 1, [0]),
        ([0.1, 0.9, 0.9, 0.9, 0.9], 2, [1]),  # high for long is one event
        ([0.9, 0.1, 0.9, 0.1, 0.9], 1, [0, 2, 4]),
        ([0.9, 0.1, 0.9, 0.1, 0.9], 3, [0, 4]),
        ([0.9, 0.1, 0.9, 0.1, 0.9], 4, [0, 4]),
        ([0.9, 0.1, 0.9, 0.1, 0.9], 5, [0]),
        ([0.9, 0.1, 0.9, 0.9, 0.9, 0.9], 4, [0]),  # rose too early: has to fall first
        ([0.1, 0.4999, 0.5001, 0.4999], 1, [2]),
    ],
)
def test_refractory_and_rearm(scores: list[float], refractory: int, frames: list[int]) -> None:
    assert fired(scores, refractory=refractory) == frames


def test_threshold_0_gives_every_local_peak() -> None:
    scores = [0.1, 0.3, 0.2, 0.2, 0.6, 0.6, 0.1, 0.05, 0.4]
    assert fired(scores, threshold=0.0, refractory=100) == [1, 4]  # the last may still rise


def test_keywords_are_detected_independently() -> None:
    logits = np.array([[-9.0, 9.0], [9.0, 9.0], [-9.0, -9.0], [-9.0, 9.0]])
    events, _ = Trigger((0.5, 0.5), 1, 1).run(logits)
    assert [(event.frame, event.keyword) for event in events] == [(0, 1), (1, 0), (3, 1)]


def test_smoothing_is_the_mean_of_the_last_logits() -> None:
    logits = np.array([[0.0], [3.0], [6.0], [-3.0]])
    mean = np.array([0.0, 1.0, 3.0, 2.0])  # before the start: as the first
    np.testing.assert_allclose(smooth(logits, 3)[:, 0], 1 / (1 + np.exp(-mean)))


def test_extreme_logits_give_valid_scores() -> None:
    scores = smooth(np.array([[1e30], [-1e30]]), 1)
    assert scores[0, 0] == 1.0 and 0.0 < scores[1, 0] < 1e-20


# ---------------------------------------------------------------- the trigger, by property

LOGITS = st.lists(
    st.tuples(st.floats(-8, 8, width=32), st.floats(-8, 8, width=32)), min_size=1, max_size=60
)
TRIGGERS = st.builds(
    Trigger,
    st.tuples(st.sampled_from([0.0, 0.2, 0.5, 0.9]), st.sampled_from([0.0, 0.5])),
    st.integers(1, 12),
    st.integers(1, 8),
)


@settings(max_examples=150)
@given(TRIGGERS, LOGITS, st.lists(st.integers(0, 9), min_size=1, max_size=8))
def test_the_trigger_is_the_same_in_any_pieces(
    trigger: Trigger, logits: list[tuple[float, float]], sizes: list[int]
) -> None:
    frames = np.asarray(logits)
    whole, _ = trigger.run(frames)
    found: list[Event] = []
    state = None
    at = 0
    for size in [*sizes, len(frames)]:
        events, state = trigger.run(frames[at : at + size], state)
        found += events
        at += size
    assert sorted((e.frame, e.keyword) for e in found) == [(e.frame, e.keyword) for e in whole]
    assert np.allclose([e.score for e in sorted(found)], [e.score for e in whole], rtol=1e-12)


@settings(max_examples=100)
@given(LOGITS, st.sampled_from([0.1, 0.3, 0.5, 0.8]), st.integers(1, 5))
def test_any_threshold_can_be_derived_from_the_peaks(
    logits: list[tuple[float, float]], threshold: float, smoothing: int
) -> None:
    """Something fires at a threshold just when some peak reaches it."""
    quiet = np.full((smoothing + 1, 2), -9.0)
    frames = np.concatenate([quiet, np.asarray(logits), quiet])
    peaks, _ = Trigger((0.0, 0.0), smoothing, 1).run(frames)
    fired, _ = Trigger((threshold, threshold), smoothing, 1).run(frames)
    for keyword in (0, 1):
        reached = [p.frame for p in peaks if p.keyword == keyword and p.score >= threshold]
        began = [e.frame for e in fired if e.keyword == keyword]
        assert bool(reached) == bool(began)
        assert len(reached) >= len(began)
        assert all(any(frame >= start for frame in reached) for start in began)


@settings(max_examples=100)
@given(LOGITS, st.integers(1, 5), st.integers(1, 6), st.integers(-20, 20))
def test_shifting_logits_and_thresholds_together_changes_nothing(
    logits: list[tuple[float, float]], smoothing: int, refractory: int, shift: int
) -> None:
    frames = np.round(np.asarray(logits)) * smoothing  # whole means, no rounding
    at = 0.5  # between the means

    def run(by: int) -> list[tuple[int, int]]:
        threshold = 1 / (1 + np.exp(-(at / smoothing + by)))
        events, _ = Trigger((threshold,) * 2, smoothing, refractory).run(frames + by)
        return [(event.frame, event.keyword) for event in events]

    assert run(shift) == run(0)


@settings(max_examples=60)
@given(TRIGGERS, LOGITS, LOGITS)
def test_a_trigger_state_is_a_value(
    trigger: Trigger, past: list[tuple[float, float]], more: list[tuple[float, float]]
) -> None:
    _, state = trigger.run(np.asarray(past))
    before = [np.copy(part) for part in state]
    first = trigger.run(np.asarray(more), state)[0]
    assert trigger.run(np.asarray(more), state)[0] == first
    assert all(np.array_equal(a, b) for a, b in zip(before, state, strict=True))
