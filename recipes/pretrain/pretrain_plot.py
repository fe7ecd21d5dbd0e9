"""The learning curves of pretraining."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from wakeword import storage

PANELS = {"units": "loss of Whisper's units", "ctc": "CTC loss", "cer": "character error rate"}


def save_plot(curves: Sequence[Mapping[str, float]], path: Path) -> None:
    """Plot losses and character error rate by epoch, in training and on dev."""
    figure = Figure(figsize=(9, 3), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(PANELS))
    for axes, (key, title) in zip(panels, PANELS.items(), strict=True):
        for name, label in ((key, "training, in noise"), (f"dev_{key}", "dev, in quiet")):
            if name in curves[0]:
                axes.plot(range(1, len(curves) + 1), [row[name] for row in curves], label=label)
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("epoch")
        axes.grid(True, linewidth=0.5, alpha=0.6)
    panels[0].legend(fontsize=8)
    with storage.atomic_write(path) as part:
        figure.savefig(part, format="png", dpi=120)
