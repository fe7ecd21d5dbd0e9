"""The model as a stream: chunking, blocks and look-ahead."""

from __future__ import annotations

import pytest
import tiny as tiny_family
import torch

from wakeword.audio.samples import SAMPLE_RATE
from wakeword.encoders.spec import EncoderSpec
from wakeword.model.network import WakeWordModel

SOUND = torch.from_numpy(tiny_family.synthetic_audio(2.0))[None]


@pytest.mark.parametrize(
    ("streaming", "given"),
    [
        ("chunked", {"chunk": 4, "left": 12}),
        ("chunked", {"chunk": 3, "left": 7}),
        ("chunked", {"chunk": 1, "left": 5}),
        ("window", {"window": 20, "hop": 4}),
    ],
)
@pytest.mark.parametrize("sizes", [[160], [1, 4001, 700], [20_000]])
def test_chunked_equals_offline(
    tiny: EncoderSpec, streaming: str, given: dict[str, int], sizes: list[int]
) -> None:
    model = tiny_family.model(streaming, **given)
    with torch.inference_mode():
        offline, _ = model(SOUND)
        chunked = tiny_family.stream(model, SOUND, sizes)
    torch.testing.assert_close(chunked, offline, atol=1e-4, rtol=1e-4)
    assert offline.shape[2] == 2


@pytest.mark.parametrize("streaming", ["chunked", "window"])
def test_logits_come_in_the_declared_blocks(tiny: EncoderSpec, streaming: str) -> None:
    model = tiny_family.model(streaming)
    per_block = model.encoder.hop_frames // 2
    for blocks in range(3):
        samples = model.first_block + blocks * model.block
        assert model(SOUND[:, :samples])[0].shape[1] == per_block * (blocks + 1)
        assert model(SOUND[:, : samples - 1])[0].shape[1] == per_block * blocks
    assert per_block * model.frame_s * SAMPLE_RATE == model.block


def measured_look_ahead_ms(model: WakeWordModel) -> float:
    """The most audio after the end of a logit's own frame that any logit sees."""
    torch.manual_seed(0)
    samples = (0.1 * torch.randn(1, 12_000)).requires_grad_()
    logits, _ = model(samples)
    past_end = []
    for i in range(min(8, logits.shape[1])):
        (gradient,) = torch.autograd.grad(logits[0, i, 0], samples, retain_graph=True)
        last = int(gradient[0].nonzero().max()) + 1
        past_end.append(last - round((i + 1) * model.frame_s * SAMPLE_RATE))
    return 1000 * max(past_end) / SAMPLE_RATE


LOOK_AHEAD = [
    ("chunked", {"chunk": 1, "left": 5}),
    ("chunked", {"chunk": 3, "left": 5}),
    ("chunked", {"chunk": 4, "left": 5}),
    ("chunked", {"chunk": 8, "left": 8}),
    ("window", {"window": 20, "hop": 4}),
    ("window", {"window": 20, "hop": 8}),
]


@pytest.mark.parametrize(("streaming", "given"), LOOK_AHEAD)
def test_look_ahead_is_as_declared(
    tiny: EncoderSpec, streaming: str, given: dict[str, int]
) -> None:
    model = tiny_family.model(streaming, **given)
    assert measured_look_ahead_ms(model) == pytest.approx(model.look_ahead_ms)
