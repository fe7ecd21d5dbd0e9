"""Enrolment: a detector from a few clips of a keyword at once, without training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from wakeword.audio.activity import word_bounds
from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.devices import choose_device
from wakeword.encoders.defaults import DEFAULT_ENCODER
from wakeword.encoders.registry import resolve_encoder, streaming_modes
from wakeword.encoders.resolved import ResolvedEncoder
from wakeword.errors import ConfigError
from wakeword.heads import ExamplesHead, build_head
from wakeword.model.network import WakeWordModel
from wakeword.model.operating_point import OperatingPoint
from wakeword.model.provenance import Origin
from wakeword.progress import ProgressCallback

_SILENCE_BEFORE_S = 1.5  # a stream has a past before a keyword
_SILENCE_AFTER_S = 0.5  # for an encoder with look-ahead
_COMPARED = 40  # clips from which the examples are chosen, at most
_CLIP_LOGIT = 4.0  # of the clips themselves; their time-reversed copies get minus it


class _ClipFrames(NamedTuple):
    """Frames (U, dim) of a clip in a stream; the keyword's are `first` up to `last`."""

    frames: Tensor
    first: int
    last: int


def enroll(
    keyword: str,
    clips: Sequence[Samples],
    *,
    encoder: str = DEFAULT_ENCODER,
    streaming: str = "",
    hop_ms: int | None = None,
    weights: Path | str | None = None,
    device: str = "auto",
    progress: ProgressCallback | None = None,
) -> WakeWordModel:
    """Return a model that detects a keyword by its similarity to a few clips of it.

    Its logit is 4 for audio that is as near to the nearest clip as the clips are to each other, and
    -4 for audio as far from them as their time-reversed copies, which share voice, room and noise
    with the clips but not the keyword. Its threshold lies midway; `calibrate` finds a better one. A
    clip whose speech seems longer than two seconds is left out. Of more than ten clips, those ten
    are kept that together are nearest to all others (of at most 40, evenly spaced in the given
    order). `origin.training` counts the clips used ("keyword_clips") and those without a keyword
    ("left_out").

    Args:
        keyword: the keyword.
        clips: two or more clips, (samples,) at 16 kHz, with the keyword in each, by one speaker or
            several.
        encoder: as in `TrainConfig`.
        hop_ms: as in `TrainConfig`.
        streaming: as in `TrainConfig`, but "" is "window" where the encoder offers it,
            because its frames depend less on the position within the stream.
        weights: a checkpoint to load instead of the encoder's own sources.
        device: that computes; see `wakeword.devices.choose_device`. The model that is returned is
            on the processor.
        progress: called while weights are downloaded, and after each clip.

    Raises:
        ConfigError: no such device, fewer than two clips, or clips that are no more similar to each
            other than to other audio.
        CheckpointError: no encoder weights.
    """
    if len(clips) < 2:
        raise ConfigError(f"{len(clips)} clip(s): expected 2 or more.")
    source = resolve_encoder(
        encoder,
        streaming=streaming or streaming_modes(encoder)[-1],
        hop_ms=hop_ms,
        weights=weights,
    )
    model = _model_without_examples(keyword, source, progress).to(choose_device(device))
    with torch.inference_mode():
        used, left_out = _set_examples(model, clips, progress)
    record = {
        "strategy": "examples",
        "reason": "a few clips",
        "keyword_clips": len(used),
        "left_out": left_out,
        "keyword_minutes": round(sum(map(len, used)) / SAMPLE_RATE / 60, 2),
        "trainable": 0,
    }
    model.origin = replace(model.origin, training=record)
    bounds = [word_bounds(samples) for samples in used]
    duration_s = round(median(end_s - start_s for start_s, end_s in bounds), 3)
    model.operating_point = replace(model.operating_point, duration_s={keyword: duration_s})
    return model.cpu()


def _model_without_examples(
    keyword: str, source: ResolvedEncoder, progress: ProgressCallback | None
) -> WakeWordModel:
    """Return a model whose head has no examples yet."""
    encoder, _, sha256 = source.load(progress)
    head = build_head("examples", encoder.dim, 1, len(encoder.output_layers), encoder.frame_rate_hz)
    spec = encoder.spec
    origin = Origin(spec.name, source.streaming, sha256, spec.licence, "examples")
    point = OperatingPoint(
        {keyword: 0.5},
        provenance="provisional: set from the clips alone, without other sound",
        provisional=True,
    )
    return WakeWordModel(encoder, head, [keyword], origin, point).eval()


def _set_examples(
    model: WakeWordModel, clips: Sequence[Samples], progress: ProgressCallback | None
) -> tuple[list[Samples], int]:
    """Set all parameters of the head.

    Returns:
        The clips that became its examples, and the number of those without a keyword.
    """
    head = cast(ExamplesHead, model.head)
    if len(clips) > _COMPARED:
        clips = [clips[i * len(clips) // _COMPARED] for i in range(_COMPARED)]
    encoded = []
    for number, samples in enumerate(clips, 1):
        encoded.append(_encode(model, samples))
        if progress:
            progress("encoding clips", number, len(clips))
    short = [i for i, clip in enumerate(encoded) if clip.last - clip.first <= head.FRAMES]
    if len(short) < 2:
        raise ConfigError(
            f"only {len(short)} of {len(clips)} clips contain a keyword of at most "
            f"{head.FRAMES * model.frame_s:g} s that stands out; expected 2 or more. Record them "
            "in a quiet room, or cut them to the keyword."
        )
    left_out = len(clips) - len(short)
    frames = torch.cat([encoded[i].frames for i in short])
    head.mean.copy_(frames.mean(0))
    head.deviation.copy_(frames.std(0).clamp(min=1e-3))
    chosen = [short[i] for i in _choose_examples(head, [encoded[i] for i in short])]
    clips, encoded = [clips[i] for i in chosen], [encoded[i] for i in chosen]
    for i, clip in enumerate(encoded):
        _set_example(head, i, clip)
    own_costs = _costs(head, [clip.frames for clip in encoded])
    reversed_frames = [_encode(model, samples[::-1].copy()).frames for samples in clips]
    own, other = float(own_costs.mean()), float(_costs(head, reversed_frames).mean())
    if own >= other:
        raise ConfigError(
            "the clips are no more similar to each other than to other audio. Does each of them "
            "contain the keyword once, and nothing else?"
        )
    slope = 2 * _CLIP_LOGIT / (other - own)
    head.out.weight.fill_(-slope)
    head.out.bias.fill_(slope * (own + other) / 2)
    return clips, left_out


def _set_example(head: ExamplesHead, number: int, clip: _ClipFrames) -> None:
    length = clip.last - clip.first
    head.examples[0, number, :length] = head.directions(clip.frames[clip.first : clip.last])
    head.lengths[0, number] = length


def _choose_examples(head: ExamplesHead, clips: Sequence[_ClipFrames]) -> list[int]:
    """Return the clips that are examples: those that together are nearest to all the others.

    They are chosen one by one: each lowers the sum of all clips' costs to their nearest example,
    other than themselves, by most.
    """
    if len(clips) <= head.EXAMPLES:
        return list(range(len(clips)))
    longest = max(len(clip.frames) for clip in clips)
    padded = torch.stack(
        [F.pad(head.directions(c.frames), (0, 0, 0, longest - len(c.frames))) for c in clips]
    )
    costs = torch.empty(len(clips), len(clips))  # (example, clip)
    for i, clip in enumerate(clips):
        _set_example(head, 0, clip)
        costs[i] = head._over_time(padded, None)[0].amin(dim=(1, 2))
        costs[i, i] = costs.new_tensor(head._FAR)
    head.examples.zero_()
    head.lengths.zero_()
    nearest = torch.full((len(clips),), head._FAR)
    chosen: list[int] = []
    for _ in range(head.EXAMPLES):
        sums = torch.minimum(costs, nearest).sum(1)
        sums[chosen] = torch.inf
        chosen.append(int(sums.argmin()))
        nearest = torch.minimum(nearest, costs[chosen[-1]])
    return sorted(chosen)


def _costs(head: ExamplesHead, clips: Sequence[Tensor]) -> Tensor:
    """Return the lowest cost within each clip, by all examples but the clip's own."""
    lengths = head.lengths.clone()
    costs = []
    for i, frames in enumerate(clips):
        head.lengths[0, i] = 0
        clip_costs, _ = head._over_time(head.directions(frames)[None], None)
        costs.append(clip_costs.min())
        head.lengths.copy_(lengths)
    return torch.stack(costs)


def _encode(model: WakeWordModel, samples: Samples) -> _ClipFrames:
    """Encode a clip as part of a stream, up to what the head compares."""
    start_s, end_s = (_SILENCE_BEFORE_S + t for t in word_bounds(samples))
    before, after = (
        torch.zeros(round(t * SAMPLE_RATE)) for t in (_SILENCE_BEFORE_S, _SILENCE_AFTER_S)
    )
    stream = torch.cat([before, torch.from_numpy(samples), after, torch.zeros(model.block)])
    features, _ = model.frontend(stream[None].to(model.device))
    frames, _ = model.encoder(features)
    mixed, _ = model.head.pool_and_mix(frames, frames[:, :0])
    first = round(start_s / model.frame_s)
    return _ClipFrames(mixed[0], first, max(round(end_s / model.frame_s), first + 1))
