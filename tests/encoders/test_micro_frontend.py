"""The microcontroller's front end: equal to pymicro-features, and a stream."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import tiny as tiny_family
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import pieces

from wakeword.audio.samples import Samples
from wakeword.encoders.micro_frontend import BANDS, RAW_SCALE, MicroFrontEnd

SECONDS = 4
N = 16_000 * SECONDS


def reference(samples: Samples) -> npt.NDArray[np.float64]:
    """The features of pymicro-features: (frames, 40)."""
    package = pytest.importorskip("pymicro_features")
    frontend, frames = package.MicroFrontend(), []
    audio = np.clip(np.rint(samples * 32768), -32768, 32767).astype(np.int16).tobytes()
    for start in range(0, len(audio) - 319, 320):
        frames.append(frontend.process_samples(audio[start : start + 320]).features)
    return np.array([frame for frame in frames if frame])


def signal(kind: str) -> Samples:
    rng, time_s = np.random.default_rng(3), np.arange(N) / 16_000
    made = {
        "silence": lambda: np.zeros(N),
        "noise": lambda: rng.normal(0, 0.03, N),
        "hiss of one bit": lambda: rng.normal(0, 1 / 32768, N),
        "full scale": lambda: rng.integers(-32768, 32768, N) / 32768,
        "clipped": lambda: np.sign(np.sin(2 * np.pi * 440 * time_s)),
        "chirp": lambda: 0.9 * np.sin(2 * np.pi * 500 * time_s**2),
        "clicks": lambda: np.where(rng.random(N) < 0.001, -1.0, 0.0),
        "constant": lambda: np.full(N, -1.0),
        "bursts": lambda: rng.normal(0, 0.01, N) * np.exp(rng.normal(0, 3, 40)).repeat(N // 40),
        "speech-like": lambda: tiny_family.synthetic_audio(SECONDS),
    }
    return made[kind]().clip(-1, 1).astype(np.float32)


@pytest.mark.parametrize(
    "kind",
    [
        *("silence", "noise", "hiss of one bit", "full scale", "clipped", "chirp", "clicks"),
        *("constant", "bursts", "speech-like"),
    ],
)
def test_features_equal_the_packages_to_the_bit(kind: str) -> None:
    samples = signal(kind)
    expected = reference(samples)
    features, _ = MicroFrontEnd()(torch.from_numpy(samples)[None])
    assert features.shape == (1, *expected.shape)
    assert np.array_equal(features[0].numpy(), expected)
    assert (kind == "silence") == (not expected.any())


def test_recordings_too(recording: Samples) -> None:
    features, _ = MicroFrontEnd()(torch.from_numpy(recording)[None])
    assert np.array_equal(features[0].numpy(), reference(recording))


@settings(max_examples=20, deadline=None)
@given(sizes=st.lists(st.integers(0, 3000), min_size=1, max_size=6))
def test_any_chunking_gives_the_same_features(sizes: list[int]) -> None:
    samples = torch.from_numpy(np.stack([signal("bursts"), signal("speech-like")]))[:, :20_000]
    frontend, state, found = MicroFrontEnd(), None, []
    offline, _ = frontend(samples)
    assert offline.shape == (2, (20_000 - 480) // 160 + 1, BANDS)
    for part in torch.split(samples, pieces(20_000, [*sizes, 700]), dim=1):
        features, state = frontend(part, state)
        found.append(features)
    assert torch.equal(torch.cat(found, dim=1), offline)


def test_features_are_integers_of_the_device() -> None:
    features, _ = MicroFrontEnd()(torch.from_numpy(signal("full scale"))[None])
    integers = features / RAW_SCALE
    assert torch.equal(integers, integers.round())
    assert 500 < integers.max() < 680


def test_a_state_is_a_value() -> None:
    frontend, samples = MicroFrontEnd(), torch.from_numpy(signal("noise"))[None]
    _, state = frontend(samples[:, :5000])
    pending, noise = state.pending.clone(), state.noise.clone()
    one, _ = frontend(samples[:, 5000:9000], state)
    two, _ = frontend(samples[:, 5000:9000], state)
    assert torch.equal(one, two)
    assert torch.equal(state.pending, pending) and torch.equal(state.noise, noise)
