"""Train and measure one model for each word of a corpus: the table and the picture of the README.

    python recipes/four_words.py CORPUS OUT [WORD ...]

Data: any layout that `wakeword train` reads, with a train and a dev split (or speakers, from whom
splits are made). Each word is trained on the train split with every default (`--strategy auto`)
and measured on the dev split: its clips in quiet and at 10 dB, and everything else as negatives.
A run that is cut off goes on where it stopped; models that are there are not trained again.

Takes 6 to 10 minutes of training and 4 of listening a word on two free cores, for 42 minutes of
clips of four words and 6 hours of other sound. Prints one line per word and condition, writes
OUT/<word>.wakeword and OUT/det.png.
"""

from __future__ import annotations

import sys
from pathlib import Path

from wakeword import model as models
from wakeword.cli import show
from wakeword.data import assign_splits, read_dataset
from wakeword.evaluate import Evaluation, Row, evaluate, interval
from wakeword.metrics import Point
from wakeword.pictures import det_picture
from wakeword.train import train


def main() -> None:
    corpus, out, *words = sys.argv[1:]
    data = assign_splits(read_dataset(corpus))
    rows: list[Row] = []
    hours: list[float] = []
    for word in words or data.words():
        file = Path(out) / f"{word}.wakeword"
        with show.progress() as progress:
            if not file.exists():
                models.save(train(data, [word], progress=progress).model, file)
            result = evaluate(models.load(file), data, progress=progress)
        rows += result.rows
        hours.append(result.negative_hours)
        for row in result.rows:
            print(line(row, result.negative_hours), flush=True)
    for condition in dict.fromkeys(row.condition for row in rows):
        misses = [p.miss_rate for row in rows if row.condition == condition if (p := at_half(row))]
        print(f"mean of {len(misses)} words, {condition}: {sum(misses) / len(misses):.2%} missed")
    det_picture(Evaluation(tuple(rows), min(hours), ()), Path(out) / "det.png")


def at_half(row: Row) -> Point | None:
    """The point at no more than 0.5 false accepts per hour."""
    return dict(row.at)[0.5]


def line(row: Row, hours: float) -> str:
    point = at_half(row)
    if point is None:
        return f"| {row.keyword} | {row.condition} | no threshold within 0.5 per hour |"
    rate = interval(point)
    return (
        f"| {row.keyword} | {row.condition} | {point.missed} of {point.spoken} | "
        f"{rate.value:.1%} ({rate.low:.1%}–{rate.high:.1%}) | "
        f"{point.false_accepts} in {hours:.2f} h |"
    )


if __name__ == "__main__":
    main()
