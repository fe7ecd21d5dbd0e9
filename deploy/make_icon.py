"""Draw the icon of the Home Assistant add-on: the bars of a wave on a round tile.

python deploy/make_icon.py
"""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.patches import Circle

FILE = Path(__file__).parent / "home-assistant" / "icon.png"
SIZE = 128  # pixels, as Home Assistant recommends
HEIGHTS = (0.25, 0.55, 1.0, 0.7, 0.35)


def main() -> None:
    figure = Figure(figsize=(1, 1), dpi=SIZE)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(-1, 1), ylim=(-1, 1))
    axes.set_axis_off()
    axes.add_patch(Circle((0, 0), 0.98, color="#3f51b5"))
    places = [0.26 * (index - 2) for index in range(len(HEIGHTS))]
    lows = [-0.55 * height for height in HEIGHTS]
    highs = [0.55 * height for height in HEIGHTS]
    axes.vlines(places, lows, highs, colors="white", linewidth=6, capstyle="round")
    figure.savefig(FILE, transparent=True, metadata={"Software": None})


if __name__ == "__main__":
    main()
