"""The audio of Picovoice's protocol: keyword clips between other recordings, all in noise."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import soundfile
from stream_files import FLAC, StreamFile, is_up_to_date, write_json

from wakeword import storage
from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.data.clip import Clip, KeywordSegment
from wakeword.data.dataset import Dataset
from wakeword.data.loader import ClipLoader
from wakeword.simulate.effects import coloured_noise

FRAME = 512  # samples over which energy is measured
AUDIBLE_SHARE = 0.2  # of the background recordings; the others are replaced by zeros
HIT_TOLERANCE_S = 0.5
SNR_DB = 10.0
SEED = 778


def write_picovoice_file(part: Dataset, hours: float, audio: Path) -> StreamFile:
    """Write the file, unless it is up to date.

    Returns:
        The file; its segments are the windows in which a detection is a hit, from the first sample
        of each clip to `HIT_TOLERANCE_S` after its last.
    """
    truth_file = audio.with_suffix(".json")
    clips = [clip.identity() for clip in (*part.keywords, *part.negatives, *part.noises)]
    cache_key = storage.cache_key("picovoice", hours, clips)
    if not is_up_to_date(truth_file, cache_key):
        peak = max(float(np.abs(samples).max()) for samples, _ in mix_segments(part, hours))
        (keyword,) = part.labels()
        segments: list[KeywordSegment] = []
        position = 0
        with storage.atomic_write(audio) as target, soundfile.SoundFile(target, "w", **FLAC) as out:
            for samples, is_keyword in mix_segments(part, hours):
                out.write(samples / peak)
                end = position + len(samples)
                if is_keyword:
                    end_s = end / SAMPLE_RATE + HIT_TOLERANCE_S
                    segments.append(KeywordSegment(keyword, position / SAMPLE_RATE, end_s))
                position = end
        truth = {
            "cache_key": cache_key,
            "hours": position / SAMPLE_RATE / 3600,
            "segments": [asdict(segment) for segment in segments],
        }
        write_json(truth_file, truth)
    truth = json.loads(truth_file.read_text("utf-8"))
    windows = tuple(KeywordSegment(**segment) for segment in truth["segments"])
    return StreamFile("picovoice", audio, truth["hours"], windows)


def mix_segments(part: Dataset, hours: float) -> Iterator[tuple[Samples, bool]]:
    """Yield the file in order: (samples,) with noise, and whether they are a keyword clip."""
    rng = np.random.default_rng(SEED)
    loader = ClipLoader()
    noise = NoiseTrack(part, loader, rng)
    gap = round(hours * 3600 * SAMPLE_RATE) // (len(part.keywords) + 1)
    yield from _background(part, loader, noise, gap, rng)
    for i in rng.permutation(len(part.keywords)):
        samples = _load_at_full_scale(loader, part.keywords[i])
        if samples is None:
            continue
        yield noise.mix(samples), True
        yield from _background(part, loader, noise, gap, rng)


class NoiseTrack:
    """An endless track of recorded noises, drawn at random, each at full scale.

    Args:
        part: its noises are used; coloured noise where it has none.
        loader: reads them.
        rng: draws them.
    """

    def __init__(self, part: Dataset, loader: ClipLoader, rng: np.random.Generator) -> None:
        loaded = [_load_at_full_scale(loader, clip) for clip in part.noises]
        noises = [noise for noise in loaded if noise is not None]
        self._noises = noises or [coloured_noise(10 * SAMPLE_RATE, rng)]
        self._pending: Samples = np.zeros(0, dtype=np.float32)
        self._rng = rng

    def read(self, count: int) -> Samples:
        """Return the next `count` samples of noise."""
        while len(self._pending) < count:
            noise = self._noises[int(self._rng.integers(len(self._noises)))]
            self._pending = np.concatenate([self._pending, noise])
        samples, self._pending = np.split(self._pending, [count])
        return samples

    def mix(self, samples: Samples) -> Samples:
        """Return the samples at `SNR_DB` over the next stretch of noise."""
        noise = self.read(len(samples))
        signal_energy = loudest_frame_energy(samples)
        if signal_energy == 0:
            return noise
        gain = np.sqrt(loudest_frame_energy(noise) * 10 ** (SNR_DB / 10) / signal_energy)
        return noise + samples * np.float32(gain)


def loudest_frame_energy(samples: Samples) -> float:
    """Return the energy of the loudest frame of `FRAME` samples; an incomplete one is ignored."""
    count = len(samples) // FRAME
    frames = samples[: count * FRAME].reshape(count, FRAME)
    return float(np.square(frames, dtype=np.float64).sum(axis=1).max(initial=0.0))


def _background(
    part: Dataset, loader: ClipLoader, noise: NoiseTrack, length: int, rng: np.random.Generator
) -> Iterator[tuple[Samples, bool]]:
    while length > 0:
        clip = part.negatives[int(rng.integers(len(part.negatives)))]
        samples = _load_at_full_scale(loader, clip)
        if samples is None:
            continue
        if rng.random() >= AUDIBLE_SHARE:
            samples = np.zeros_like(samples)
        length -= len(samples)
        yield noise.mix(samples), False


def _load_at_full_scale(loader: ClipLoader, clip: Clip) -> Samples | None:
    samples = loader.load(clip)
    return None if samples is None else samples / max(float(np.abs(samples).max()), 1e-9)
