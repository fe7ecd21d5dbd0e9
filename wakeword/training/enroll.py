"""A detector from two to ten clips of a word at once: examples on the encoder's top layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from wakeword.audio.activity import word_bounds
from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.encoders.registry import DEFAULT_ENCODER, hop_settings, load_encoder, streaming_modes
from wakeword.errors import ConfigError
from wakeword.heads import ExamplesHead, build_head
from wakeword.model.network import WakeWordModel
from wakeword.model.operating_point import OperatingPoint
from wakeword.model.provenance import Origin
from wakeword.progress import ProgressCallback

_BEFORE_S = 1.5  # of silence: a stream has heard something before a word
_LATER_S = 0.5  # for an encoder that waits
_AT_EXAMPLES = 4.0  # logit of what is as near as they are to each other; of their reverse, minus it


def enroll(
    word: str,
    clips: Sequence[Samples],
    *,
    encoder: str = DEFAULT_ENCODER,
    streaming: str = "",
    hop_ms: int | None = None,
    weights: Path | str | None = None,
    progress: ProgressCallback | None = None,
) -> WakeWordModel:
    """A model that knows a word from a few clips of it; nothing is trained.

    Its logits are 4 for what is as near to the nearest clip as the clips are to each other, and -4
    for the same clips turned round in time, which have their voice, room and noise but not the
    word. The threshold in it is the middle between the two; `calibrate` finds a better one. A clip
    in which no word stands out, so that it seems longer than two seconds, is left out: the model's
    `origin.training` counts those used.

    Args:
        clips: two to ten of (samples,) at 16 kHz, the word in each, by one speaker or several.
        encoder, streaming, hop_ms, weights: as for `train`; but a window is the first choice where
            the encoder can be streamed by one, for its frames are more alike from time to time.

    Raises:
        ConfigError: too few or too many clips, or clips that are no nearer to each other than to
            any other sound.
        CheckpointError: no encoder weights.
    """
    if not 2 <= len(clips) <= ExamplesHead.EXAMPLES:
        raise ConfigError(
            f"{len(clips)} clips: expected 2 to {ExamplesHead.EXAMPLES}. With more, train a model: "
            "wakeword train."
        )
    streaming = streaming or streaming_modes(encoder)[-1]
    built, _, sha256 = load_encoder(
        encoder,
        path=weights,
        streaming=streaming,
        progress=progress,
        **hop_settings(encoder, streaming, hop_ms),
    )
    head = build_head("examples", built.dim, 1, len(built.output_layers), built.frame_rate_hz)
    head = cast(ExamplesHead, head)
    origin = Origin(encoder, streaming, sha256, built.spec.licence, "examples")
    point = OperatingPoint({word: 0.5}, provenance="the middle between the clips and their reverse")
    model = WakeWordModel(built, head, [word], origin, point).eval()
    with torch.inference_mode():
        used = _fill(model, head, clips)
    about = {
        "strategy": "examples",
        "reason": "a few clips",
        "keyword_clips": len(used),
        "keyword_minutes": round(sum(map(len, used)) / SAMPLE_RATE / 60, 2),
        "trainable": 0,
    }
    model.origin = replace(origin, training=about)
    return model


def _fill(model: WakeWordModel, head: ExamplesHead, clips: Sequence[Samples]) -> list[Samples]:
    """Set all that the head knows; returns the clips that it knows it by."""
    heard = [_frames(model, samples) for samples in clips]
    short = [i for i, (_, first, last) in enumerate(heard) if last - first <= head.FRAMES]
    if len(short) < 2:
        raise ConfigError(
            f"{len(short)} of {len(clips)} clips in which a word of at most "
            f"{head.FRAMES * model.frame_s:g} s stands out; expected 2 or more. Record them in a "
            "quiet room, or cut them to the word."
        )
    clips, heard = [clips[i] for i in short], [heard[i] for i in short]
    everything = torch.cat([frames for frames, _, _ in heard])
    head.mean.copy_(everything.mean(0))
    head.deviation.copy_(everything.std(0).clamp(min=1e-3))
    for i, (frames, first, last) in enumerate(heard):
        head.examples[0, i, : last - first] = head.directions(frames[first:last])
        head.lengths[0, i] = last - first
    among = _costs(head, [frames for frames, _, _ in heard])
    turned = _costs(head, [_frames(model, samples[::-1].copy())[0] for samples in clips])
    same, other = float(among.mean()), float(turned.mean())
    if same >= other:
        raise ConfigError(
            "the clips are no more like each other than like other sound. Is the word in each of "
            "them, once, and nothing else?"
        )
    slope = 2 * _AT_EXAMPLES / (other - same)
    head.out.weight.fill_(-slope)
    head.out.bias.fill_(slope * (same + other) / 2)
    return clips


def _costs(head: ExamplesHead, heard: Sequence[Tensor]) -> Tensor:
    """The least cost of each clip's frames, by all examples but its own."""
    lengths = head.lengths.clone()
    found = []
    for i, frames in enumerate(heard):
        head.lengths[0, i] = 0
        costs, _ = head._over_time(head.directions(frames)[None], None)
        found.append(costs.min())
        head.lengths.copy_(lengths)
    return torch.stack(found)


def _frames(model: WakeWordModel, samples: Samples) -> tuple[Tensor, int, int]:
    """What the head makes of a clip's frames in a stream, (U, dim), and which are the word's."""
    start_s, end_s = (_BEFORE_S + at for at in word_bounds(samples))
    before, after = (torch.zeros(round(s * SAMPLE_RATE)) for s in (_BEFORE_S, _LATER_S))
    sound = torch.cat([before, torch.from_numpy(samples), after, torch.zeros(model.block)])
    features, _ = model.frontend(sound[None])
    frames, _ = model.encoder(features)
    mixed, _ = model.head.mixed(frames, frames[:, :0])
    first = round(start_s / model.frame_s)
    return mixed[0], first, max(round(end_s / model.frame_s), first + 1)
