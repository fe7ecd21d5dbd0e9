"""Two-stage models in a detector: any pieces of a stream give the same calls and detections."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import tiny as tiny_family
import verifiers
from tiny import detections

from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.audio.silence_gate import SilenceGate
from wakeword.detection.blocks import BlockBuffer, Gap
from wakeword.detection.detector import Detector
from wakeword.detection.trigger import Scores, TwoStageStreamModel
from wakeword.encoders.spec import EncoderSpec
from wakeword.evaluation.scoring import model_logits
from wakeword.model.cascade import Call, Cascade, CascadeConfig
from wakeword.model.two_stage import TwoStageModel

SOUND = tiny_family.synthetic_audio(3.0)
WITH_PAUSE = np.concatenate([SOUND, np.zeros(8 * SAMPLE_RATE, np.float32), SOUND])


@pytest.fixture(params=[(2, 1), (3, 2)], ids=["hop 2", "hop 3, pool 2"])
def model(tiny: EncoderSpec, request: pytest.FixtureRequest) -> TwoStageModel:
    """A model whose verifier is called in some blocks; also where a hop is not whole logits."""
    hop, pool = request.param
    return verifiers.in_blocks(hop=hop, pool=pool)


@pytest.mark.parametrize("sizes", [[160], [1280], [4001], [17, 5000, 3, 900]])
@pytest.mark.parametrize("gated", [False, True])
def test_any_pieces_detect_the_same(model: TwoStageModel, sizes: list[int], gated: bool) -> None:
    samples = WITH_PAUSE if gated else SOUND
    detector = Detector(model, threshold=0.0, gate=SilenceGate() if gated else None)
    whole = detections(detector, samples, [len(samples)])
    assert len(whole) > 3
    detector.reset()
    assert detections(detector, samples, sizes) == whole


@pytest.mark.parametrize("sizes", [[160], [4001]])
def test_detections_are_verified_on_the_same_samples(
    model: TwoStageModel, sizes: list[int]
) -> None:
    def detect(sizes: list[int]) -> tuple[list[float], list[Samples]]:
        """Accept every second detection; return their times, and all verified samples."""
        verified: list[Samples] = []

        def verify(samples: Samples) -> bool:
            verified.append(samples)
            return len(verified) % 2 == 0

        detector = Detector(model, threshold=0.0, verify=verify)
        return [each.time for each in detections(detector, SOUND, sizes)], verified

    times, verified = detect([len(SOUND)])
    assert len(times) == len(verified) // 2 > 0
    other_times, other_verified = detect(sizes)
    assert other_times == times
    for mine, theirs in zip(other_verified, verified, strict=True):
        assert np.array_equal(mine, theirs)


def test_a_gap_of_silence_starts_both_networks_anew(model: TwoStageModel) -> None:
    items = BlockBuffer(model, SAMPLE_RATE).push_gated(WITH_PAUSE, SilenceGate())
    end = [item.end for item in items if isinstance(item, Gap)][-1]
    found = Detector(model, gate=SilenceGate()).feed(WITH_PAUSE)
    later = [each for each in found if each.time > end / SAMPLE_RATE]
    anew = Detector(model).feed(WITH_PAUSE[end:])
    assert 0 < len(later) < len(found)
    assert [(d.keyword, d.score) for d in later] == [(d.keyword, d.score) for d in anew]
    times = [d.time + end / SAMPLE_RATE for d in anew]
    assert [d.time for d in later] == pytest.approx(times)


def test_live_logits_are_those_of_the_evaluation(model: TwoStageModel) -> None:
    live = Detector(model).logits(SOUND)
    scored = model_logits(model, np.split(SOUND, [9_000]))
    assert 0 < np.mean(live[:, 0] > 0) < 1
    np.testing.assert_allclose(live, scored[: len(live)], atol=1e-4)
    assert len(scored) - len(live) <= 1  # the start of a block that the detector still waits for


def test_the_calls_of_a_stream_are_those_of_its_blocks(model: TwoStageModel) -> None:
    gate = Detector(model.gate).logits(SOUND)
    calls = model.calls(gate)
    ends = [model.first_block, *range(model.first_block + model.block, len(SOUND), model.block)]
    live: list[Call] = []
    windows: list[Samples] = []
    state, frames = None, 0
    for number, block in enumerate(np.split(SOUND, ends)[:-1]):
        started = model.begin(block, state)
        if started.call:
            at, frame, logits = started.call
            assert at == 0
            live.append(Call(number, frames + frame, logits))
            windows.append(started.window)
        logits, state = model.finish(started)
        frames += len(logits)
    assert 3 < len(live) < len(ends)
    assert [call[:2] for call in live] == [call[:2] for call in calls]
    np.testing.assert_allclose([c.gate for c in live], [c.gate for c in calls], atol=1e-5)
    np.testing.assert_array_equal(windows, model.windows(SOUND, calls))


@pytest.mark.parametrize("per_block", [Fraction(1), Fraction(4), Fraction(3, 2), Fraction(2, 3)])
@pytest.mark.parametrize("seed", range(5))
def test_final_logits_are_those_of_the_blocks(per_block: Fraction, seed: int) -> None:
    """With random logits of both, where a block has no, one or several of the gate's logits."""
    rng = np.random.default_rng(seed)
    config = CascadeConfig({"a": 0.6, "b": 0.8}, 0.5, 0.7, -0.2, 0.12, 0.4, 0.2)
    cascade = Cascade(config, ("a", "b"), 0.04, 0.02)
    gate = 2 * np.sin(np.arange(120) / 8)[:, None] + rng.normal(size=(120, 2))
    calls = list(cascade.calls(gate, per_block))
    verifier = rng.normal(size=(len(calls), 30, 2))
    highest = np.array([cascade.highest(logits) for logits in verifier]).reshape(-1, 2)
    state, final = None, []
    remaining = iter(verifier)
    bounds = [int(number * per_block) for number in range(int(len(gate) / per_block) + 1)]
    for first, last in pairwise(bounds):
        started = cascade.begin(np.zeros(0, np.float32), gate[first:last], None, 10, state)
        logits, state = cascade.finish(started, next(remaining) if started.call else None)
        final.append(logits)
    assert len(calls) > 3 and next(remaining, None) is None
    whole = cascade.final_logits(len(gate), calls, highest)
    np.testing.assert_array_equal(np.concatenate(final), whole[: bounds[-1]])


def test_the_verifier_may_run_elsewhere(model: TwoStageModel) -> None:
    windows: list[Samples] = []

    def run_verifier(given: TwoStageStreamModel, samples: Samples) -> Scores:
        assert given is model
        windows.append(samples)
        return model.verify(samples)

    detector = Detector(model, threshold=0.0)
    expected = detector.feed(SOUND)
    detector.reset()
    detector.run_verifier = run_verifier
    assert detector.feed(SOUND) == expected != []
    assert [window.shape for window in windows] == [(model.window,)] * len(windows)
    assert len(windows) == len(model.calls(Detector(model.gate).logits(SOUND)))


def test_models_of_one_and_of_two_differ(model: TwoStageModel) -> None:
    assert isinstance(model, TwoStageStreamModel)
    assert not isinstance(model.gate, TwoStageStreamModel)
