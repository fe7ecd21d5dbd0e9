"""Eight-bit arithmetic: close to the network it stands for, and rounded like the kernels."""

from __future__ import annotations

import numpy as np
import pytest

from wakeword.exporting.quantised import (
    Addition,
    Convolution,
    Floats,
    Quantisation,
    Step,
    _rescale,
    quantise,
    run_floats,
)

FEATURES = Quantisation(np.float32(0.02), -128)


def network() -> list[Step]:
    rng = np.random.default_rng(0)

    def convolution(outputs: int, size: int, inputs: int, **kind: object) -> Convolution:
        weight = rng.normal(0, (size * inputs) ** -0.5, (outputs, size, inputs))
        return Convolution(weight, rng.normal(0, 0.1, outputs), **{"relu": True, **kind})  # type: ignore[arg-type]

    return [
        convolution(6, 5, 4, stride=3),
        convolution(6, 3, 1, depthwise=True),
        convolution(6, 1, 6),
        Addition(1),
        convolution(1, 4, 6, relu=False),
    ]


def features(rows: int, seed: int = 1) -> Floats:
    return np.random.default_rng(seed).integers(0, 256, (rows, 4)) * np.float64(FEATURES.scale)


def test_a_step_takes_the_rows_that_it_declares() -> None:
    x, changed = features(30), features(30)
    changed[15:] = 0.0
    for before, after in zip(run_floats(network(), x), run_floats(network(), changed), strict=True):
        assert len(before) == 10
        assert np.array_equal(before[:5], after[:5]) and not np.array_equal(before[5], after[5])


def test_scores_are_close_to_those_before() -> None:
    steps = network()
    quantised = quantise(steps, [features(3000)], FEATURES)
    x = features(3000, seed=2)
    scores = quantised.run(np.rint(x / FEATURES.scale) + FEATURES.zero) / 256
    expected = 1 / (1 + np.exp(-run_floats(steps, x)[-1][:, 0]))
    assert expected.std() > 0.02
    assert np.abs(scores - expected).max() < 0.03


def test_tensors_hold_what_the_examples_had() -> None:
    x = features(3000)
    quantised = quantise(network(), [x[:1500], x[1500:]], FEATURES)
    joined = [
        np.concatenate(parts)
        for parts in zip(
            run_floats(network(), x[:1500]), run_floats(network(), x[1500:]), strict=True
        )
    ]
    for values, (scale, zero) in zip(joined[:-1], quantised.tensors[1:-1], strict=True):
        assert scale * (127 - zero) >= values.max() - scale
        assert zero == -128 and values.min() >= 0
    assert quantised.multiplications() == 6 * 20 + 6 * 3 + 36 + 24


@pytest.mark.parametrize(
    ("number", "factor", "expected"),
    [(3, 0.5, 2), (-3, 0.5, -1), (5, 0.25, 2), (6, 0.25, 2), (-6, 0.25, -1), (7, 3.0, 21)],
)
def test_products_are_rounded_twice_and_halves_up(
    number: int, factor: float, expected: int
) -> None:
    assert _rescale(np.array([number]), factor) == expected


def test_a_channel_without_weights_is_its_bias() -> None:
    steps: list[Step] = [Convolution(np.zeros((1, 3, 4)), np.array([2.0]), relu=False, stride=3)]
    scores = quantise(steps, [features(30)], FEATURES).run(np.zeros((30, 4), np.int8))
    assert np.abs(scores / 256 - 1 / (1 + np.exp(-2.0))).max() < 0.01
