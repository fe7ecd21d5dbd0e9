"""Progress without a terminal: what a line says, and that one is printed often enough."""

from __future__ import annotations

import pytest

from wakeword.cli.progress_lines import EVERY_S, ProgressLines, format_seconds
from wakeword.progress import report_detail, with_prefix


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def printed() -> list[str]:
    return []


@pytest.fixture
def lines(clock: Clock, printed: list[str]) -> ProgressLines:
    return ProgressLines(printed.append, clock=clock)


def test_a_line_at_least_every_half_minute() -> None:
    assert EVERY_S <= 25  # and a second until it is noticed


def test_a_line_has_percent_time_left_and_numbers(
    lines: ProgressLines, clock: Clock, printed: list[str]
) -> None:
    lines("training", 100, 1200)
    lines.detail("loss 0.0123, held-out miss 4.0%")
    for step in range(1, 101):
        clock.now_s = step
        lines("training", 100 + 2 * step, 1200)
    assert printed[0] == "training (1,200)"
    assert len(printed) == 1 + 100 / EVERY_S
    assert printed[-1] == (
        "training: 25 % (300 of 1,200), about 8 min left, loss 0.0123, held-out miss 4.0%"
    )


def test_time_passes_without_progress(
    lines: ProgressLines, clock: Clock, printed: list[str]
) -> None:
    clock.now_s = 20
    lines.tick()
    lines("exporting", 0, 0)
    clock.now_s = 39
    lines.tick()
    clock.now_s = 45
    lines.tick()
    lines("training", 3, 3)
    clock.now_s = 70
    lines.tick()
    assert printed == [
        "starting: 20 s so far",
        "exporting",
        "exporting: 25 s so far",
        "training (3)",
        "training: 100 %, still working after 25 s",
    ]


def test_of_parallel_stages_an_unfinished_one_is_shown(
    lines: ProgressLines, clock: Clock, printed: list[str]
) -> None:
    lines("long", 1, 10)
    lines("short", 0, 2)
    lines("long", 2, 10)
    clock.now_s = 30
    lines("short", 2, 2)
    assert printed[-1] == "long: 20 % (2 of 10), about 0 s left"


def test_a_stage_that_starts_again_is_a_new_one(
    lines: ProgressLines, clock: Clock, printed: list[str]
) -> None:
    lines("scoring", 5, 5)
    clock.now_s = 1000
    lines("scoring", 0, 5)
    clock.now_s = 1020
    lines("scoring", 1, 5)
    assert printed == ["scoring (5)", "scoring (5)", "scoring: 20 % (1 of 5), about 80 s left"]


def test_lines_are_printed_by_a_thread_of_their_own(printed: list[str]) -> None:
    lines = ProgressLines(printed.append, every_s=0.01)
    with lines.ticking():
        lines("waiting", 0, 0)
        while len(printed) < 4:
            pass
    assert printed[1].startswith("waiting: 0 s so far")


@pytest.mark.parametrize(
    ("seconds", "text"), [(4.4, "4 s"), (99, "99 s"), (720, "12 min"), (9000, "2.5 h")]
)
def test_durations(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text


def test_a_prefix_names_the_stage_of_a_model(
    lines: ProgressLines, clock: Clock, printed: list[str]
) -> None:
    progress = with_prefix(lines, "gate")
    assert progress is not None and with_prefix(None, "gate") is None
    progress("training", 1, 4)
    report_detail(progress, "loss 0.5")
    clock.now_s = EVERY_S
    progress("training", 2, 4)
    assert printed[-1].startswith("gate: training: 50 %") and printed[-1].endswith("loss 0.5")
