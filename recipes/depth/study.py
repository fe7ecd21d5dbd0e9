"""How deep to fine-tune, by how many clips there are: the table and the picture.

    python recipes/depth/study.py CORPUS OUT --clips 10 --clips 50 --clips 0 \\
        --strategy head --strategy top:1 --strategy full --strategy scratch
    python recipes/depth/study.py CORPUS OUT --clips 10 --draws 5        # ten clips are enough?
    python recipes/depth/study.py CORPUS OUT --clips 10 --draws 5 --head examples --streaming window

With `--head examples` nothing is trained: the clips, ten at most, are examples, as
`wakeword enroll` takes them.

Data: any layout that `wakeword train` reads, with a train and a dev split (or speakers, from whom
splits are made). Each draw takes so many clips of a word from the train split (0: all of them) and
trains with every other setting at its default (where all clips are taken, a draw is a seed); the
recordings without the word stay all there. Measured on the whole dev split by the detector's own
trigger, its negatives beside the word's clips: missed at no more than 0.5 false accepts per hour,
in quiet and at 10 dB together and at 0 dB; and, because depth may buy recall with false accepts,
the false accepts per hour at which no more than 5 % of the clips in quiet and at 10 dB are missed.

Words are trained side by side, one on each core. Each training is a line of OUT/<word>.jsonl, so a
run that is cut off goes on, and runs over other encoders add to the same table. Prints the table of
everything in OUT, draws OUT/depth.png, and writes OUT/depth.json: the rows that compare strategies
with all else at its default. The package has those of `measured/`: `--strategy auto` goes by them.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import click
import numpy as np
import torch

from wakeword import storage
from wakeword.cli.console import TeachingCommand, progress_display
from wakeword.data.dataset import Dataset
from wakeword.data.keywords import select_keywords
from wakeword.data.loader import ClipLoader
from wakeword.data.readers import read_dataset, read_datasets
from wakeword.data.splits import assign_splits
from wakeword.encoders.registry import streaming_modes
from wakeword.evaluation import metrics
from wakeword.evaluation.conditions import CLEAN, noisy
from wakeword.evaluation.evaluator import det_curve
from wakeword.evaluation.test_streams import negative_stream, positive_stream
from wakeword.model.network import WakeWordModel
from wakeword.parallel import available_cores
from wakeword.training import strategy_table
from wakeword.training.config import TrainConfig
from wakeword.training.enroll import enroll
from wakeword.training.examples import ExampleConfig
from wakeword.training.feature_cache import FeatureCache
from wakeword.training.train import train

FALSE_ACCEPTS = 0.5  # per hour
MISS = 0.05
EPOCHS = TrainConfig.epochs


@dataclass(frozen=True)
class How:
    """What is compared: everything but the word, its clips and the draw."""

    encoder: str
    streaming: str
    hop_ms: int | None
    head: str
    strategy: str
    hours: float
    epochs: int
    beside: tuple[str, ...]  # what was learned from beside the corpus


@dataclass(frozen=True)
class Cell:
    """One training and what its model missed."""

    how: How
    word: str
    asked: int  # clips; 0 is all
    draw: int
    clips: int
    minutes: float  # of the word's clips
    trainable: int
    missed: int  # in quiet and at 10 dB, of `spoken`
    missed_0db: int  # of half as many
    spoken: int
    false_accepts_per_hour: float | None  # at MISS; None where no threshold misses so few
    hours: float  # of negatives
    took_s: float


@click.command(cls=TeachingCommand)
@click.argument("corpus", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--clips", "counts", multiple=True, type=click.IntRange(min=0), default=(10, 50, 0))
@click.option("--strategy", "strategies", multiple=True, default=("head",), show_default=True)
@click.option("--head", "heads", multiple=True, default=("conv",), show_default=True)
@click.option("--draws", default=3, show_default=True)
@click.option("--word", "words", multiple=True, help="Only this one; may be repeated.")
@click.option(
    "--hours", default=ExampleConfig().hours, show_default=True, help="Of training audio to make."
)
@click.option("--epochs", default=EPOCHS, show_default=True)
@click.option(
    "--spoken",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Folder of speak.py: learn from its <word>.jsonl too; may be repeated.",
)
@click.option(
    "--more",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Clips to learn from beside CORPUS, such as mandarin.py makes; may be repeated.",
)
@click.option("--encoder", default=TrainConfig.encoder, show_default=True)
@click.option("--weights", type=click.Path(path_type=Path), help="Its checkpoint, if you have one.")
@click.option("--streaming", default="", help="exact or window.  [default: the encoder's best]")
@click.option("--hop-ms", type=int, help="Sound taken in at once.  [default: the encoder's]")
def main(
    corpus: Path,
    out: Path,
    counts: tuple[int, ...],
    strategies: tuple[str, ...],
    heads: tuple[str, ...],
    draws: int,
    words: tuple[str, ...],
    hours: float,
    epochs: int,
    spoken: tuple[Path, ...],
    more: tuple[Path, ...],
    encoder: str,
    weights: Path | None,
    streaming: str,
    hop_ms: int | None,
) -> None:
    """Train on some or all clips of each word of CORPUS, to every depth, again and again."""
    streaming = streaming or streaming_modes(encoder)[0]
    beside = (*(path.stem for path in more), *(f"synthetic {folder.name}" for folder in spoken))
    kinds = [(head, strategy) for strategy in strategies for head in heads if head != "examples"]
    kinds += [("examples", "none")] if "examples" in heads else []
    hows = [
        How(encoder, streaming, hop_ms, head, strategy, hours, epochs, beside)
        for head, strategy in kinds
    ]
    words = words or tuple(assign_splits(read_dataset(corpus)).labels())
    jobs = [(word, how, count) for how in hows for count in counts for word in words]
    # processes, not threads: what is drawn in a training comes from torch's global generator
    with (
        progress_display() as progress,
        ProcessPoolExecutor(min(available_cores(), len(words)), get_context("spawn")) as pool,
    ):
        waiting = [
            pool.submit(
                of_word, corpus, out, word, [job[1:] for job in jobs if job[0] == word], draws,
                weights, [*more, *(folder / f"{word}.jsonl" for folder in spoken)],
            )
            for word in words
        ]  # fmt: skip
        for done, each in enumerate(as_completed(waiting)):
            each.result()
            progress("words", done + 1, len(words))
    cells = read(*sorted(out.glob("*.jsonl")))
    print(table(cells))
    picture(cells, out / "depth.png")
    with storage.atomic_write(out / "depth.json") as part:
        part.write_text(strategy_table.to_json(rows(cells)), "utf-8")


def of_word(
    corpus: Path,
    out: Path,
    word: str,
    jobs: Sequence[tuple[How, int]],
    draws: int,
    weights: Path | None,
    beside: Sequence[Path],
) -> None:
    """All cells of a word, those that are there left out: its trainings share their features."""
    torch.set_num_threads(1)
    task = select_keywords(assign_splits(read_dataset(corpus)), [word])
    more = read_datasets(beside)
    file = out / f"{word}.jsonl"
    there = {(cell.how, cell.asked, cell.draw) for cell in read(file)}
    for how, count in jobs:
        for draw in range(draws):
            if (how, count, draw) in there:
                continue
            began = time.monotonic()
            part = drawn(task, count, draw)
            if how.head == "examples":
                model, frozen = enrolled(part, how, weights)
            else:
                seed = 0 if count else draw
                model, frozen = trained(part, how, seed, more, weights, out / "work" / word)
            took_s = time.monotonic() - began
            about = model.origin.training
            cell = Cell(
                how, word, count, draw, about["keyword_clips"], about["keyword_minutes"],
                about["trainable"],
                **measured(model, frozen, task.subset("dev"), out / "work"),
                took_s=took_s,
            )  # fmt: skip
            storage.append_line(file, json.dumps(asdict(cell)))
            print(
                f"{how.encoder}, {how.head}, {how.strategy}: {word}, {count or 'all'} clips, "
                f"draw {draw}: {cell.missed} missed of {cell.spoken}, {took_s / 60:.1f} min",
                flush=True,
            )


def trained(
    part: Dataset, how: How, seed: int, more: Dataset | None, weights: Path | None, folder: Path
) -> tuple[WakeWordModel, int]:
    """A model of the word, and how many stages of its encoder did not learn."""
    made = train(
        part,
        part.labels(),
        TrainConfig(
            encoder=how.encoder, streaming=how.streaming, hop_ms=how.hop_ms, head=how.head,
            strategy=how.strategy, seed=seed, epochs=how.epochs,
            examples=ExampleConfig().with_hours(how.hours),
        ),
        extra_data=more,
        weights=weights,
        work_dir=folder,
    )  # fmt: skip
    return made.model, made.strategy.frozen


def enrolled(part: Dataset, how: How, weights: Path | None) -> tuple[WakeWordModel, int]:
    """A model that knows the word by its clips, as `wakeword enroll` makes it; nothing learns."""
    clips = [clip.load() for clip in part.keywords]
    (word,) = part.labels()
    model = enroll(
        word, clips, encoder=how.encoder, streaming=how.streaming, hop_ms=how.hop_ms,
        weights=weights,
    )  # fmt: skip
    return model, model.encoder.depth


def drawn(task: Dataset, clips: int, draw: int) -> Dataset:
    """The train split with a few of its keyword clips; 0 is all of them."""
    part = task.subset("train")
    chosen = np.random.default_rng(draw).permutation(len(part.keywords))[: clips or None]
    return replace(part, keywords=tuple(part.keywords[i] for i in sorted(chosen)))


def measured(
    model: WakeWordModel, frozen: int, part: Dataset, folder: Path
) -> dict[str, float | None]:
    """Of a model over the dev split: what a cell says of it.

    Frames below what learned are the same for all models of a word: kept in half precision.
    """
    split = max(d for d in model.encoder.cacheable_depths() if d <= frozen)
    name = storage.cache_key(model.origin.encoder, model.origin.streaming, model.encoder.settings())
    store = FeatureCache(folder / f"dev-{name}-{split}", model.frontend, model.encoder, split)
    library = ClipLoader()
    conditions = (CLEAN, noisy(10.0), noisy(0.0))
    wanted = [negative_stream(part), *(positive_stream(part, each) for each in conditions)]
    negatives, *tracks = [store.stream(each, library).score(model) for each in wanted]
    *heard, loud = [det_curve(model, 0, track, negatives) for track in tracks]
    both = metrics.merge_curves(heard)
    spoken = both[0].spoken
    best, best_0db = (metrics.at_false_accepts(each, FALSE_ACCEPTS) for each in (both, loud))
    few = [p.false_accepts_per_hour for p in both if p.miss_rate <= MISS]
    return {
        "missed": best.missed if best else spoken,
        "missed_0db": best_0db.missed if best_0db else loud[0].spoken,
        "spoken": spoken,
        "false_accepts_per_hour": min(few, default=None),
        "hours": both[0].hours,
    }


def read(*files: Path) -> list[Cell]:
    """Every cell in the files that are there, in the order of the table."""
    lines = [line for f in files if f.is_file() for line in f.read_text("utf-8").splitlines()]
    cells = []
    for line in lines:
        about = json.loads(line)
        how = about.pop("how")
        cells.append(Cell(How(**{**how, "beside": tuple(how["beside"])}), **about))
    return sorted(cells, key=lambda c: (str(c.how), c.asked or 10**9, c.word, c.draw))


Group = tuple[How, int]


def grouped(cells: Sequence[Cell]) -> dict[Group, dict[int, list[Cell]]]:
    """By what is compared and clips, by draw: one cell of each word."""
    groups: dict[Group, dict[int, list[Cell]]] = defaultdict(lambda: defaultdict(list))
    for cell in cells:
        groups[cell.how, cell.asked][cell.draw].append(cell)
    return groups


def missed(cells: Sequence[Cell]) -> float:
    return float(np.mean([cell.missed / cell.spoken for cell in cells]))


def missed_in(draws: dict[int, list[Cell]]) -> metrics.Estimate:
    """Mean over words and draws. The interval (Wilson, 95 %) is that of one draw's clips: other
    draws hear the same ones again."""
    rate = missed([cell for draw in draws.values() for cell in draw])
    spoken = sum(cell.spoken for cell in max(draws.values(), key=len))
    return replace(metrics.wilson(round(rate * spoken), spoken), value=rate)


def table(cells: Sequence[Cell]) -> str:
    """A line for each thing compared and number of clips."""
    lines = [
        "| encoder | head | strategy | clips a word | minutes | scenes | learns | words × draws "
        "| missed | each draw | at 0 dB | false accepts per hour at 5 % missed | trained in |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for (how, asked), draws in grouped(cells).items():
        all_of = [cell for draw in draws.values() for cell in draw]
        rate = missed_in(draws)
        loud = np.mean([2 * cell.missed_0db / cell.spoken for cell in all_of])
        few = [cell.false_accepts_per_hour for cell in all_of]
        price = np.median([np.inf if each is None else each for each in few])
        each_draw = ", ".join(f"{missed(draw):.1%}" for _, draw in sorted(draws.items()))
        cost_s = np.mean([cell.took_s for cell in all_of])
        clips = f"{asked}" if asked else "all"
        if how.beside:
            clips += f", {np.mean([cell.clips for cell in all_of]):,.0f} in all"
        lines.append(
            f"| {how.encoder} ({how.streaming}{f', {how.hop_ms} ms' if how.hop_ms else ''}) "
            f"| {how.head} | {' + '.join((how.strategy, *how.beside))} "
            f"| {clips} | {np.mean([cell.minutes for cell in all_of]):.1f} "
            f"| {'–' if how.head == 'examples' else f'{how.hours:g} h, {how.epochs} times'} "
            f"| {np.mean([cell.trainable for cell in all_of]) / 1e6:.2f} M "
            f"| {len({cell.word for cell in all_of})} × {len(draws)} "
            f"| {rate.value:.1%} ({rate.low:.1%}–{rate.high:.1%}) | {each_draw} | {loud:.1%} "
            f"| {f'{price:.2f}' if np.isfinite(price) else 'never'} | {cost_s / 60:.1f} min |"
        )
    return "\n".join(lines)


def rows(cells: Sequence[Cell]) -> list[strategy_table.MeasuredStrategy]:
    """What `--strategy auto` can go by: every setting but the strategy at its default, and of each
    encoder and number of clips the strategies, two at least, that were measured on all words and
    draws there: one draw of ten clips is easier than another."""
    usual = TrainConfig()
    alike: dict[tuple[str, int], dict[str, dict[int, list[Cell]]]] = defaultdict(dict)
    for (how, asked), draws in grouped(cells).items():
        default = How(
            how.encoder, streaming_modes(how.encoder)[0], None, usual.head, how.strategy,
            ExampleConfig().hours, usual.epochs, (),
        )  # fmt: skip
        if how == default:
            alike[how.encoder, asked][how.strategy] = draws
    found = []
    for (encoder, _), strategies in alike.items():
        of = {
            name: [c for draw in draws.values() for c in draw] for name, draws in strategies.items()
        }
        met = {name: {(cell.word, cell.draw) for cell in each} for name, each in of.items()}
        everything = set().union(*met.values())
        compared = [name for name in of if met[name] == everything]
        if len(compared) < 2:
            continue
        clips = round(float(np.mean([cell.clips for name in compared for cell in of[name]])))
        for name in compared:
            rate = missed_in(strategies[name])
            shares = (round(share, 4) for share in (rate.value, rate.low, rate.high))
            found.append(
                strategy_table.MeasuredStrategy(
                    encoder, name, clips, of[name][0].trainable, *shares
                )
            )
    return found


def other_scenes(how: How) -> bool:
    """Whether people's clips alone were heard, in other scenes than a training makes by default."""
    return (how.hours, how.epochs) != (ExampleConfig().hours, EPOCHS) and not how.beside


def curve_of(how: How) -> str:
    """What is the same along a curve: everything but the clips, and the scenes that hold them."""
    words = ["enroll" if how.head == "examples" else how.strategy]
    words += [how.streaming] if how.streaming != streaming_modes(how.encoder)[0] else []
    words += [f"{how.hours:g} h × {how.epochs}"] if other_scenes(how) else []
    return ", ".join((*words, *sorted({f"with {each.split()[0]}" for each in how.beside})))


def picture(cells: Sequence[Cell], path: Path) -> None:
    """Missed over minutes of the word, by the usual head: a panel for each encoder. A band is the
    interval in the table, a dot a draw; where more than people's clips were heard, lines are
    broken; where other scenes were, marks are diamonds."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    usual = TrainConfig.head
    shown = {
        key: draws for key, draws in grouped(cells).items() if key[0].head in (usual, "examples")
    }
    panels = sorted({how.encoder for how, _ in shown})
    colours = {name: f"C{i}" for i, name in enumerate(sorted({how.strategy for how, _ in shown}))}
    figure = Figure(figsize=(6 * len(panels), 4.8), layout="constrained")
    FigureCanvasAgg(figure)
    all_axes = np.ravel(figure.subplots(1, len(panels), sharex=True, sharey=True))
    lines = {}
    for axes, panel in zip(all_axes, panels, strict=True):
        curves: dict[str, list[tuple[float, How, dict[int, list[Cell]]]]] = defaultdict(list)
        for (how, _), draws in shown.items():
            if how.encoder == panel:
                minutes = float(np.mean([c.minutes for draw in draws.values() for c in draw]))
                curves[curve_of(how)].append((minutes, how, draws))
        for name, points in curves.items():
            minutes, hows, draws = zip(*sorted(points, key=lambda p: p[0]), strict=True)
            rates = [missed_in(each) for each in draws]
            colour, beside = colours[hows[0].strategy], bool(hows[0].beside)
            style = ("D" if other_scenes(hows[0]) else "o") + ("--" if beside else "-")
            (lines[name],) = axes.plot(
                minutes, [100 * rate.value for rate in rates], style,
                color=colour, markerfacecolor="white" if beside else colour, label=name,
            )  # fmt: skip
            axes.fill_between(
                minutes, [100 * rate.low for rate in rates], [100 * rate.high for rate in rates],
                color=colour, alpha=0.15, linewidth=0,
            )  # fmt: skip
            for x, each in zip(minutes, draws, strict=True):
                axes.plot(
                    [x] * len(each), [100 * missed(d) for d in each.values()], ".", c=colour, ms=3
                )
        axes.set_title(panel, fontsize=10)
        axes.set_xscale("log")
        ticks = [0.5, 1, 2, 5, 10, 20, 50, 100]
        axes.set_xticks(ticks, ["½", *(f"{each}" for each in ticks[1:])])
        axes.minorticks_off()
        axes.set_xlabel("minutes of the word to learn from")
        axes.grid(True, linewidth=0.5, alpha=0.6)
    figure.legend(handles=list(lines.values()), loc="outside lower center", ncols=5, fontsize=8)
    figure.axes[0].set_yscale("log")
    percent = ["0.2", "0.5", "1", "2", "5", "10", "20", "50", "100"]
    figure.axes[0].set_yticks([float(each) for each in percent], percent)
    figure.axes[0].set_ylim(0.15, 110)
    figure.axes[0].set_ylabel(f"% missed at {FALSE_ACCEPTS:g} false accepts per hour")
    with storage.atomic_write(path) as part:
        figure.savefig(part, format="png", dpi=130)


if __name__ == "__main__":
    main()
