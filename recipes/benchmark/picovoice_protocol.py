"""The protocol of Picovoice's wake-word-benchmark on our data: one long file a word, at 10 dB.

    python recipes/benchmark/picovoice_protocol.py CORPUS OUT --model MODELS --hours 24

Made anew from what it does: all dev clips of the word in a drawn order, between them equal lengths
of other recordings of which four in five are replaced by zeros; household noise throughout, so that
each clip's loudest frame (512 samples) is 10 dB above the noise's loudest frame under it; then the
file is brought to full scale. A clip counts as heard by an event from its first sample to 0.5 s
past its last; every other event is a false accept, per hour of the whole file. Engines, events and
thresholds are those of race.py. Our corpus is not theirs (LibriSpeech and DEMAND): the numbers do
not compare with published ones.

What to beware of:

- Four fifths of the file hold noise without a voice: only a fifth of its hours are hard.
- The signal-to-noise ratio is one of peaks. A plosive or a knock sets it, and over the whole word
  it is several dB lower or higher.
- Clips count from their first sample: an event in the silence before the word is a hit.
- The original counts events, not clips: an engine that fires twice in a clip makes up for a miss.
  Here a clip is heard or missed, and no engine fires twice within 1 s.
- Recordings and noises are drawn with replacement: 24 h are made of what few hours hold, and one
  confusing recording is heard many times. The interval of the rate does not know that.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import race
import soundfile

from wakeword import storage
from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.cli.console import TeachingCommand
from wakeword.data.clip import Clip, KeywordSegment
from wakeword.data.dataset import Dataset
from wakeword.data.keywords import select_keywords
from wakeword.data.loader import ClipLoader
from wakeword.data.readers import read_dataset
from wakeword.data.splits import assign_splits
from wakeword.evaluation import metrics
from wakeword.simulate.effects import coloured_noise

FRAME = 512
HEARD_SHARE = 0.2  # of the background
AFTER_S = 0.5
SNR_DB = 10.0
PER_HOUR = (0.1, 0.5)


@click.command(cls=TeachingCommand)
@click.argument("corpus", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--word", "words", multiple=True, help="Only this one; may be repeated.")
@click.option(
    "--model", "models", multiple=True, metavar="[NAME=]FOLDER", help="Our models; may be repeated."
)
@click.option("--engine", "engines", multiple=True, help="Only this one; may be repeated.")
@click.option("--hours", default=24.0, show_default=True, help="Length of the file.")
def main(
    corpus: Path,
    out: Path,
    words: tuple[str, ...],
    models: tuple[str, ...],
    engines: tuple[str, ...],
    hours: float,
) -> None:
    """Measure the engines that race.py has installed in OUT (its --install)."""
    data = assign_splits(read_dataset(corpus))
    out = out.resolve()
    print("| engine | word | missed at 0.1/h (95 %) | missed at 0.5/h (95 %) | hours |")
    print("|---|---|---|---|---|")
    for word in words or data.labels():
        task = select_keywords(data, [word])
        truth = write(
            task.subset("dev"), hours, out / "audio" / word / f"picovoice-{hours:g}h.flac"
        )
        examples = race.write_examples(task.subset("train"), out / "audio" / word / "examples")
        for peer in (*race.ours(models), *race.peers()):
            if engines and peer.name not in engines:
                continue
            job = race.job_of(peer, word, corpus, examples)
            print(measured(peer, job, truth, out), flush=True)


def measured(peer: race.Peer, job: dict, truth: race.Truth, out: Path) -> str:
    """A line of the table."""
    try:
        result = race.heard(peer, job, [truth], out)[0]
    except race.Absent as reason:
        return f"| {peer.title} | {job['word']} | {reason} |"
    events, _, thresholds = race.events(result, result)
    curve = []
    for threshold in thresholds:
        times = np.asarray(events(threshold))
        hit = metrics.detected(times, truth.segments, 0.0)
        inside = sum(((times >= s.start_s) & (times <= s.end_s)).sum() for s in truth.segments)
        missed, false_accepts = int((~hit).sum()), len(times) - int(inside)
        curve.append(metrics.DetPoint(threshold, missed, len(hit), false_accepts, truth.hours))
    cells = [race.missed(metrics.at_false_accepts(curve, rate)) for rate in PER_HOUR]
    return f"| {peer.title} | {job['word']} | {' | '.join(cells)} | {truth.hours:.2f} |"


def write(part: Dataset, hours: float, sound: Path) -> race.Truth:
    """The file, unless it is there; `spoken` reaches to AFTER_S past each clip."""
    file = sound.with_suffix(".json")
    clips = [clip.identity() for clip in (*part.keywords, *part.negatives, *part.noises)]
    made_of = storage.cache_key("picovoice", hours, clips)
    if not (file.is_file() and json.loads(file.read_text())["made_of"] == made_of):
        peak = max(float(np.abs(samples).max()) for samples, _ in pieces(part, hours))
        spoken: list[tuple[float, float]] = []
        at = 0
        flac = {"samplerate": SAMPLE_RATE, "channels": 1, "subtype": "PCM_16", "format": "FLAC"}
        with storage.atomic_write(sound) as whole, soundfile.SoundFile(whole, "w", **flac) as out:
            for samples, is_word in pieces(part, hours):
                out.write(samples / peak)
                end = at + len(samples)
                if is_word:
                    spoken.append((at / SAMPLE_RATE, end / SAMPLE_RATE + AFTER_S))
                at = end
        about = {"made_of": made_of, "hours": at / SAMPLE_RATE / 3600, "spoken": spoken}
        with storage.atomic_write(file) as whole:
            whole.write_text(json.dumps(about), encoding="utf-8")
    about = json.loads(file.read_text())
    (word,) = part.words()
    windows = tuple(KeywordSegment(word, start, end) for start, end in about["spoken"])
    return race.Truth("picovoice", sound, about["hours"], windows)


def pieces(part: Dataset, hours: float) -> Iterator[tuple[Samples, bool]]:
    """The file in order, noise mixed in: samples, and whether they are a clip of the word."""
    rng = np.random.default_rng(778)
    library = ClipLoader()
    noise = _Noise(part, library, rng)
    gap = round(hours * 3600 * SAMPLE_RATE) // (len(part.keywords) + 1)
    yield from _background(part, library, noise, gap, rng)
    for i in rng.permutation(len(part.keywords)):
        samples = _at_full_scale(library, part.keywords[i])
        if samples is None:
            continue
        yield noise.under(samples), True
        yield from _background(part, library, noise, gap, rng)


def _background(
    part: Dataset, library: ClipLoader, noise: _Noise, length: int, rng: np.random.Generator
) -> Iterator[tuple[Samples, bool]]:
    while length > 0:
        samples = _at_full_scale(library, part.negatives[int(rng.integers(len(part.negatives)))])
        if samples is None:
            continue
        if rng.random() >= HEARD_SHARE:
            samples = np.zeros_like(samples)
        length -= len(samples)
        yield noise.under(samples), False


def _at_full_scale(library: ClipLoader, clip: Clip) -> Samples | None:
    samples = library.load(clip)
    return None if samples is None else samples / max(float(np.abs(samples).max()), 1e-9)


class _Noise:
    """Drawn noises, each at full scale, one after the other."""

    def __init__(self, part: Dataset, library: ClipLoader, rng: np.random.Generator) -> None:
        loaded = [_at_full_scale(library, clip) for clip in part.noises]
        found = [noise for noise in loaded if noise is not None]
        self._noises = found or [coloured_noise(10 * SAMPLE_RATE, rng)]
        self._rest: Samples = np.zeros(0, dtype=np.float32)
        self._rng = rng

    def under(self, samples: Samples) -> Samples:
        """The samples at SNR_DB over the next stretch of noise, mixed."""
        while len(self._rest) < len(samples):
            drawn = self._noises[int(self._rng.integers(len(self._noises)))]
            self._rest = np.concatenate([self._rest, drawn])
        noise, self._rest = np.split(self._rest, [len(samples)])
        loudest = loudest_frame(samples)
        if loudest == 0:
            return noise
        gain = np.sqrt(loudest_frame(noise) * 10 ** (SNR_DB / 10) / loudest)
        return noise + samples * np.float32(gain)


def loudest_frame(samples: Samples) -> float:
    """Energy of the loudest of the frames of 512 samples; a rest at the end does not count."""
    count = len(samples) // FRAME
    frames = samples[: count * FRAME].reshape(count, FRAME)
    return float(np.square(frames, dtype=np.float64).sum(axis=1).max(initial=0.0))


if __name__ == "__main__":
    main()
