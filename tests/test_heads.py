"""Every head: shapes, streaming and causality."""

from __future__ import annotations

from typing import cast

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import stream
from torch import Tensor

from wakeword.errors import ConfigError
from wakeword.heads import HEADS, ExamplesHead, Head, build_head

POOL = 2  # frames to one logit where 50 come a second
CLOSE = {"atol": 1e-5, "rtol": 1e-5}
ALL = pytest.mark.parametrize("kind", HEADS)


def head(kind: str, layers: int = 1) -> Head:
    torch.manual_seed(0)
    return build_head(kind, 16, 3, layers).eval().requires_grad_(False)


def frames(length: int, batch: int = 1, layers: int = 1, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, length, layers * 16, generator=generator)


@ALL
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("length", [0, 1, 2, 101])
def test_shapes(kind: str, layers: int, length: int) -> None:
    logits, _ = head(kind, layers)(frames(length, 2, layers))
    assert logits.shape == (2, length // POOL, 3)
    assert torch.isfinite(logits).all()


@ALL
@pytest.mark.parametrize(("rate_hz", "pool"), [(25.0, 1), (50.0, 2), (100.0, 4)])
def test_logits_come_at_one_rate(kind: str, rate_hz: float, pool: int) -> None:
    module = build_head(kind, 16, 3, frame_rate_hz=rate_hz).eval()
    assert module(frames(40))[0].shape[1] == 40 // pool
    torch.testing.assert_close(stream(module, frames(40), [3, 1]), module(frames(40))[0], **CLOSE)


@ALL
@pytest.mark.parametrize("layers", [1, 2])
@settings(max_examples=15)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=6))
def test_chunked_equals_offline(kind: str, layers: int, sizes: list[int]) -> None:
    module, x = head(kind, layers), frames(150, 2, layers)
    offline, _ = module(x)
    torch.testing.assert_close(stream(module, x, [*sizes, 1]), offline, **CLOSE)


@ALL
@pytest.mark.parametrize("at", [1, 50, 99])
def test_the_future_changes_nothing(kind: str, at: int) -> None:
    module, x = head(kind), frames(150)
    changed = x.clone()
    changed[:, at:] = frames(150 - at, seed=1)
    (old, _), (new, _) = module(x), module(changed)
    assert torch.equal(old[:, : at // POOL], new[:, : at // POOL])
    assert not torch.allclose(old[:, at // POOL], new[:, at // POOL])


@ALL
def test_receptive_field_is_as_declared(kind: str) -> None:
    module = head(kind)
    x = frames(200).requires_grad_()
    logits, _ = module(x)
    (gradient,) = torch.autograd.grad(logits[0, 99].sum(), x)
    first = int((gradient[0].abs().sum(dim=1) > 0).nonzero().min())
    if module.receptive_field:
        assert 200 - first == module.receptive_field
    else:
        assert 200 - first > 150  # unbounded


@ALL
def test_a_state_is_a_value(kind: str) -> None:
    module = head(kind)
    _, state = module(frames(31))
    first, _ = module(frames(40, seed=1), state)
    again, _ = module(frames(40, seed=1), state)
    other, _ = module(frames(40, seed=1), module(frames(31, seed=2))[1])
    assert torch.equal(first, again)
    assert not torch.equal(first[:, 0], other[:, 0])


@ALL
def test_layers_are_mixed_by_learned_weights(kind: str) -> None:
    both = head(kind, layers=2)
    x = frames(60, layers=2)
    for layer in (0, 1):
        both.mix[:] = torch.tensor([50.0, -50.0]) * (1 - 2 * layer)
        alone = build_head(kind, 16, 3).eval()
        state = {name: tensor for name, tensor in both.state_dict().items() if name != "mix"}
        alone.load_state_dict(state)
        expected, _ = alone(x[..., 16 * layer : 16 * layer + 16])
        torch.testing.assert_close(both(x)[0], expected, **CLOSE)


@ALL
def test_all_layers_start_equal_and_learn(kind: str) -> None:
    module = build_head(kind, 16, 3, layers=3)
    assert torch.equal(module.mix.softmax(0), torch.full((3,), 1 / 3))
    module(frames(60, layers=3))[0].square().sum().backward()
    assert all(parameter.grad is not None for parameter in module.parameters())
    assert module.mix.grad.abs().sum() > 0


@pytest.mark.parametrize("kind", sorted({*HEADS} - {"depthwise"}))  # which has no norm
def test_loudness_of_the_encoder_does_not_matter(kind: str) -> None:
    module, x = head(kind), frames(60)
    torch.testing.assert_close(module(100 * x + 7)[0], module(x)[0], atol=1e-3, rtol=1e-3)


def test_unknown_names_raise() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'attention'"):
        build_head("atention", 16, 1)


# ---------------------------------------------------------------- the examples head


def examples_head(*examples: Tensor) -> ExamplesHead:
    """A head with examples of one keyword, frames of 16 values; its logit is minus the cost."""
    module = cast(ExamplesHead, build_head("examples", 16, 1, frame_rate_hz=25.0)).eval()
    module.requires_grad_(False)
    for i, example in enumerate(examples):
        mixed, _ = module.pool_and_mix(example[None], example[None, :0])
        module.examples[0, i, : len(example)] = module.directions(mixed[0])
        module.lengths[0, i] = len(example)
    module.out.weight.fill_(-1.0)
    module.out.bias.fill_(0.0)
    return module


def test_an_example_is_detected_at_its_end_at_any_speed() -> None:
    word, other = frames(20)[0], frames(100, seed=1)[0]
    module = examples_head(frames(9, seed=2)[0], word)
    for spoken in (word, word[::2], word.repeat_interleave(2, 0)):
        costs = -module(torch.cat([other, spoken, other])[None])[0][0, :, 0]
        assert abs(int(costs.argmin()) - (99 + len(spoken))) <= 1
        assert costs.min() < 0.06 and costs[:95].min() > 0.4
    turned = -module(torch.cat([other, word.flip(0), other])[None])[0]
    assert turned.min() > 0.4


@settings(max_examples=15)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=6))
def test_examples_in_chunks_equal_offline(sizes: list[int]) -> None:
    module, x = examples_head(frames(12)[0], frames(30, seed=1)[0]), frames(90, 2, seed=2)
    torch.testing.assert_close(stream(module, x, [*sizes, 1]), module(x)[0], **CLOSE)


def test_the_nearest_example_counts() -> None:
    first, second, x = frames(12)[0], frames(15, seed=1)[0], frames(60, seed=2)
    both = examples_head(first, second)(x)[0]
    alone = [examples_head(each)(x)[0] for each in (first, second)]
    torch.testing.assert_close(both, torch.maximum(*alone), **CLOSE)
    assert examples_head()(x)[0].max() < -10
