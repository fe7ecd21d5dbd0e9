"""What the depth study prints and writes: the table, and the rows for `--strategy auto`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from cells import Cell, Draws, Setting, flatten, group_by_draw, mean_miss_rate, miss_rate_over_draws

from wakeword.encoders.base import Family
from wakeword.encoders.registry import streaming_modes
from wakeword.training.config import TrainConfig
from wakeword.training.examples import ExampleConfig
from wakeword.training.strategy_table import MeasuredStrategy

COLUMNS = (
    "encoder",
    "head",
    "strategy",
    "clips per keyword",
    "minutes",
    "training audio",
    "trained parameters",
    "keywords × draws",
    "miss rate",
    "each draw",
    "at 0 dB",
    "false accepts/h at 5 % misses",
    "training time",
)


def format_table(cells: Sequence[Cell]) -> str:
    """Return a Markdown table with a line for each setting and number of clips."""
    lines = [f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|"]
    for (setting, clips), draws in group_by_draw(cells).items():
        lines.append(f"| {' | '.join(_cells_of_line(setting, clips, draws))} |")
    return "\n".join(lines)


def _cells_of_line(setting: Setting, clips: int, draws: Draws) -> list[str]:
    cells = flatten(draws)
    hop = f", {setting.hop_ms} ms" if setting.hop_ms else ""
    clips_used = f"{clips}" if clips else "all"
    if setting.extra_data:
        clips_used += f", {np.mean([cell.clips for cell in cells]):,.0f} in all"
    audio = f"{setting.hours:g} h × {setting.epochs}"
    rate = miss_rate_over_draws(draws)
    rate_0db = np.mean([2 * cell.misses_0db / cell.positives for cell in cells])
    rates = [cell.false_accepts_per_hour for cell in cells]
    false_accepts = np.median([np.inf if each is None else each for each in rates])
    return [
        f"{setting.encoder} ({setting.streaming}{hop})",
        setting.head,
        " + ".join((setting.strategy, *setting.extra_data)),
        clips_used,
        f"{np.mean([cell.minutes for cell in cells]):.1f}",
        "–" if setting.head == "examples" else audio,
        f"{np.mean([cell.trainable for cell in cells]) / 1e6:.2f} M",
        f"{len({cell.keyword for cell in cells})} × {len(draws)}",
        f"{rate.value:.1%} ({rate.low:.1%}–{rate.high:.1%})",
        ", ".join(f"{mean_miss_rate(draw):.1%}" for _, draw in sorted(draws.items())),
        f"{rate_0db:.1%}",
        f"{false_accepts:.2f}" if np.isfinite(false_accepts) else "never",
        f"{np.mean([cell.training_s for cell in cells]) / 60:.1f} min",
    ]


def measured_strategies(cells: Sequence[Cell]) -> list[MeasuredStrategy]:
    """Return the rows that `--strategy auto` reads.

    A row has every setting but the strategy at its default. For each encoder and number of clips,
    only strategies that were measured on all keywords and draws are compared, since one draw of ten
    clips is easier than another; a strategy without another to compare it with is left out.
    """
    by_clips: dict[tuple[str, int], dict[str, Draws]] = defaultdict(dict)
    for (setting, clips), draws in group_by_draw(cells).items():
        if setting == _default_setting(setting.encoder, setting.strategy):
            by_clips[setting.encoder, clips][setting.strategy] = draws
    rows = []
    for (encoder, _), strategies in by_clips.items():
        compared = _measured_on_everything(strategies)
        if len(compared) < 2:
            continue
        cells_compared = [cell for draws in compared.values() for cell in flatten(draws)]
        clips = round(float(np.mean([cell.clips for cell in cells_compared])))
        for strategy, draws in compared.items():
            rate = miss_rate_over_draws(draws)
            trainable = flatten(draws)[0].trainable
            estimate = (round(value, 4) for value in (rate.value, rate.low, rate.high))
            rows.append(MeasuredStrategy(encoder, strategy, clips, trainable, *estimate))
    return rows


def _default_setting(encoder: str, strategy: str) -> Setting:
    default = TrainConfig()
    streaming, hours = streaming_modes(encoder)[0], ExampleConfig().hours
    return Setting(encoder, streaming, None, Family.head, strategy, hours, default.epochs, ())


def _measured_on_everything(strategies: Mapping[str, Draws]) -> dict[str, Draws]:
    """Return the strategies that were measured on every keyword and draw of any of them."""
    measured = {
        name: {(cell.keyword, cell.draw) for cell in flatten(draws)}
        for name, draws in strategies.items()
    }
    everything = set().union(*measured.values())
    return {name: draws for name, draws in strategies.items() if measured[name] == everything}
