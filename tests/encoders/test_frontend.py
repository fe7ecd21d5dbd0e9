"""Front ends: Whisper's own features, as a stream that later audio does not change."""

from __future__ import annotations

import numpy as np
import pytest
import tiny as tiny_family
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import stream
from torch import Tensor

from wakeword.audio.samples import Samples
from wakeword.encoders.front_ends import FRONT_ENDS, FrontEndKind
from wakeword.encoders.frontend import DYNAMIC_RANGE, FIXED_LEVEL, HOP, LogMel
from wakeword.model.state import state_tensors

CLOSE = {"atol": 1e-5, "rtol": 0.0}
PAD = 16_000  # of silence; Whisper itself appends 30 s


def reference(samples: Samples, padding: int) -> Tensor:
    """openai-whisper's features of samples and silence after them, (frames, mels)."""
    whisper_audio = pytest.importorskip("whisper.audio")
    features: Tensor = whisper_audio.log_mel_spectrogram(torch.from_numpy(samples), padding=padding)
    return features.T


@pytest.mark.parametrize("cut", [0, 1, 79, 12_345])
def test_features_equal_whispers_on_recordings(recording: Samples, cut: int) -> None:
    samples = recording[: len(recording) - cut]
    expected = reference(samples, PAD)
    padded = np.concatenate([samples, np.zeros(PAD, np.float32)])
    features, _ = LogMel(level=None)(torch.from_numpy(padded)[None])
    frames = features.shape[1]
    assert len(expected) - frames <= 1  # our last frame still waits for its samples
    assert frames >= len(samples) // HOP
    torch.testing.assert_close(features[0], expected[:frames], atol=1e-4, rtol=0.0)


def test_a_fixed_level_only_moves_the_floor(recording: Samples) -> None:
    """Above the higher of both floors the features are the same."""
    samples = torch.from_numpy(recording)[None]
    fixed, _ = LogMel()(samples)
    own, _ = LogMel(level=None)(samples)
    floor = max(float(own.min()), float(fixed.min()))
    high = own > floor
    assert high.float().mean() > 0.3
    torch.testing.assert_close(fixed[high], own[high], **CLOSE)


@pytest.mark.parametrize("level", [FIXED_LEVEL, 0.5, 2.0])
def test_the_floor_lies_80_db_below_the_level(level: float) -> None:
    frontend = LogMel(level=level)
    features, _ = frontend(torch.zeros(1, 4000))
    assert torch.all(features == features[0, 0, 0])
    assert (
        float(features[0, 0, 0])
        == pytest.approx((level - DYNAMIC_RANGE + 4) / 4)
        == frontend.silence
    )


def test_a_level_moves_the_floor_and_nothing_else() -> None:
    samples = torch.from_numpy(tiny_family.synthetic_audio(1.0))[None] / 100
    low, high = (LogMel(level=level)(samples)[0] for level in (0.5, 2.0))
    floor = LogMel(level=2.0).silence
    assert (low < floor).any() and (low > floor).any()
    assert torch.equal(low.clamp_min(floor), high)


def test_later_audio_does_not_change_earlier_features() -> None:
    quiet = torch.from_numpy(tiny_family.synthetic_audio(2.0))[None] / 30
    shout = quiet.clone()
    shout[:, 24_000:] *= 100
    unheard = (24_000 - 200) // HOP
    (fixed, _), (fixed_shout, _) = LogMel()(quiet), LogMel()(shout)
    assert torch.equal(fixed[:, :unheard], fixed_shout[:, :unheard])
    (own, _), (own_shout, _) = LogMel(level=None)(quiet), LogMel(level=None)(shout)
    assert not torch.allclose(own[:, :unheard], own_shout[:, :unheard], atol=0.1)


@pytest.mark.parametrize("sizes", [[1], [160], [199, 1, 200], [401], [16_000, 3]])
def test_chunked_equals_offline_on_recordings(recording: Samples, sizes: list[int]) -> None:
    samples = torch.from_numpy(recording)[None, : 1000 if sizes == [1] else 32_000]
    offline, _ = LogMel()(samples)
    torch.testing.assert_close(stream(LogMel(), samples, sizes), offline, **CLOSE)


@settings(max_examples=50)
@given(st.lists(st.integers(0, 700), min_size=1, max_size=8), st.integers(1, 3000))
def test_chunked_equals_offline_for_any_sizes(sizes: list[int], length: int) -> None:
    samples = torch.from_numpy(np.stack([tiny_family.synthetic_audio(0.2, seed=s) for s in (1, 2)]))
    samples = samples[:, :length]
    frontend = LogMel()
    offline, _ = frontend(samples)
    frames = (samples.shape[1] - 200) // HOP + 1 if length > 200 else 0
    assert offline.shape == (2, frames, 80)
    torch.testing.assert_close(stream(frontend, samples, [*sizes, 5]), offline, **CLOSE)


@pytest.mark.parametrize("kind", FRONT_ENDS)
@pytest.mark.parametrize("frames", [2, 9])
def test_a_stream_may_start_from_a_state(kind: FrontEndKind, frames: int) -> None:
    """From the state on, every 160 samples bring a frame, and the frames are the same."""
    frontend = FRONT_ENDS[kind](80)
    samples = torch.from_numpy(np.stack([tiny_family.synthetic_audio(0.2, seed=s) for s in (1, 2)]))
    samples = samples[:, : frontend.samples_for(frames)]
    expected, later = frontend(samples)
    state, rest = frontend.start(samples)
    assert rest.shape[1] == frames * HOP
    found, after = frontend(rest, state)
    assert torch.equal(found, expected)
    assert all(map(torch.equal, state_tensors(after), state_tensors(later)))


@pytest.mark.parametrize("kind", FRONT_ENDS)
def test_exported_features_are_the_same(
    kind: FrontEndKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the rounding of weak bands beside strong ones, also 60 dB lower."""
    frontend = FRONT_ENDS[kind](80)
    if not frontend.exportable:
        pytest.skip("no ONNX graph holds it")
    samples = torch.from_numpy(tiny_family.synthetic_audio(1.0))[None]
    samples = torch.cat([samples, 0.001 * samples], dim=1)
    expected, _ = frontend(samples)
    monkeypatch.setattr(torch.compiler, "is_exporting", lambda: True)
    found, _ = frontend(samples)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-3)


def test_a_state_is_a_value() -> None:
    frontend = LogMel()
    samples = torch.from_numpy(tiny_family.synthetic_audio(1.0))[None]
    for first in (100, 1000):
        _, state = frontend(samples[:, :first])
        before = state.pending.clone()
        one, _ = frontend(samples[:, first:], state)
        two, _ = frontend(samples[:, first:], state)
        assert torch.equal(one, two)
        assert torch.equal(state.pending, before)


def test_input_samples_are_neither_changed_nor_kept() -> None:
    samples = torch.from_numpy(tiny_family.synthetic_audio(1.0))[None]
    given = samples[:, :1000].clone()
    frontend = LogMel()
    _, state = frontend(given)
    assert torch.equal(given, samples[:, :1000])
    given.zero_()
    late, _ = frontend(samples[:, 1000:], state)
    offline, _ = frontend(samples)
    torch.testing.assert_close(late, offline[:, offline.shape[1] - late.shape[1] :], **CLOSE)


def test_look_ahead_is_as_declared() -> None:
    """Measured from the middle of a frame's window, where the frame begins."""
    frontend = LogMel()
    torch.manual_seed(0)
    samples = torch.randn(1, 4000).requires_grad_()
    features, _ = frontend(samples)
    for frame in (0, 5, 20):
        (gradient,) = torch.autograd.grad(features[0, frame].sum(), samples, retain_graph=True)
        touched = gradient[0].nonzero()[:, 0]
        assert int(touched.max()) + 1 - HOP * (frame + 1) == frontend.look_ahead_ms * 16
        assert int(touched.min()) >= max(0, HOP * frame - 200)


def test_a_frame_comes_as_soon_as_its_samples_are_complete() -> None:
    samples = torch.from_numpy(tiny_family.synthetic_audio(1.0))[None]
    for frames in (1, 2, 9):
        enough = HOP * (frames - 1) + 200
        assert LogMel()(samples[:, :enough])[0].shape[1] == (frames if frames > 1 else 0)
        assert LogMel()(samples[:, : enough - 1])[0].shape[1] == frames - 1
    # the reflected start needs one sample more than the first frame does
    assert LogMel()(samples[:, :201])[0].shape[1] == 1


def test_other_numbers_of_mels() -> None:
    features, _ = LogMel(128)(torch.from_numpy(tiny_family.synthetic_audio(0.5))[None])
    assert features.shape[2] == 128
