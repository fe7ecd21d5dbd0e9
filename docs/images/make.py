"""Make the pictures of the docs: badges, a terminal in which five clips become a detector, scores.

    python docs/images/make.py CORPUS

CORPUS is a data set with clips of the keyword by several speakers, a train and a dev split. Five
clips of five training speakers are enrolled; the recording that is played to the detector holds
two clips of other speakers between other speech. The terminal shows the commands' own output, and
`score.png` the score of the same recording.
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import click
import numpy as np
from matplotlib.figure import Figure
from rich.console import Console
from rich.text import Text

from wakeword.audio.files import save_audio
from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.data.clip import Clip
from wakeword.data.dataset import Dataset
from wakeword.data.readers import read_dataset
from wakeword.detection.detector import Detector
from wakeword.detection.trigger import in_frames, smooth
from wakeword.evaluation.report.layout import new_figure, wrap
from wakeword.model.file import load_model
from wakeword.model.network import WakeWordModel

HERE = Path(__file__).parent
BADGES = {
    "licence": ("licence", "Apache-2.0", "#3f51b5"),
    "python": ("python", "3.10 or newer", "#3f51b5"),
    "pytorch": ("pytorch", "2.7 or newer", "#3f51b5"),
}
_FONT = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace"
_CHAR = 6.6  # width of a badge's character, in pixels


@click.command()
@click.argument("corpus", type=click.Path(exists=True, path_type=Path))
@click.option("--keyword", default="computer", show_default=True)
def main(corpus: Path, keyword: str) -> None:
    """Write the badges, `listen.svg` and `score.png` next to this file."""
    for name, (label, value, colour) in BADGES.items():
        (HERE / f"badge-{name}.svg").write_text(badge(label, value, colour), encoding="utf-8")
    data = read_dataset(corpus)
    with tempfile.TemporaryDirectory() as folder:
        session = record_session(data, keyword, Path(folder))
        model = load_model(Path(folder) / f"{keyword}.wakeword")
    (HERE / "listen.svg").write_text(terminal(session), encoding="utf-8")
    plot_scores(model, recording(data.subset("dev"), keyword), HERE / "score.png")


def badge(label: str, value: str, colour: str) -> str:
    """A flat badge as SVG."""
    left, right = (round(_CHAR * len(text) + 12) for text in (label, value))
    width = left + right
    font = 'font-family="Verdana,DejaVu Sans,sans-serif" font-size="11"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img" '
        f'aria-label="{label}: {value}">'
        f'<rect width="{width}" height="20" rx="3" fill="#555"/>'
        f'<path d="M{left} 0h{right - 3}a3 3 0 0 1 3 3v14a3 3 0 0 1-3 3H{left}z" fill="{colour}"/>'
        f'<g fill="#fff" text-anchor="middle" {font}>'
        f'<text x="{left / 2}" y="14">{label}</text>'
        f'<text x="{left + right / 2}" y="14">{value}</text></g></svg>\n'
    )


def record_session(data: Dataset, keyword: str, folder: Path) -> list[tuple[str, str]]:
    """Run the commands of the picture.

    Returns:
        The commands as a reader would type them, each with its output.
    """
    clips = one_per_speaker(data.subset("train"), keyword)[:5]
    for number, clip in enumerate(clips, start=1):
        save_audio(folder / "clips" / f"{number}.flac", clip.load())
    pcm = (recording(data.subset("dev"), keyword) * 32767).astype("<i2").tobytes()
    enroll = f"enroll {keyword} clips/*.flac -o {keyword}.wakeword"
    listen = f"listen {keyword}.wakeword -"
    names = sorted(f"clips/{path.name}" for path in (folder / "clips").iterdir())
    arguments = enroll.replace("clips/*.flac", " ".join(names))
    capture = "arecord -q -t raw -f S16_LE -r 16000 | "
    return [
        ("ls clips", "  ".join(name.removeprefix("clips/") for name in names)),
        (f"wakeword {enroll}", run(arguments.split(), folder)),
        (f"{capture}wakeword {listen}", run(listen.split(), folder, pcm)),
    ]


def one_per_speaker(data: Dataset, keyword: str) -> list[Clip]:
    """The first clip of the keyword by each speaker."""
    first: dict[str | None, Clip] = {}
    for clip in data.keywords:
        if clip.label == keyword:
            first.setdefault(clip.speaker, clip)
    return list(first.values())


def recording(data: Dataset, keyword: str) -> Samples:
    """(samples,) of other speech with the keyword by two speakers in it."""
    first, second, *_ = one_per_speaker(data, keyword)
    speech = [clip for clip in data.negatives if clip.source == "librispeech"][:2]
    quiet = np.zeros(8_000, dtype=np.float32)
    pieces = [speech[0].load()[:80_000], quiet, first.load(), quiet]
    pieces += [speech[-1].load()[:96_000], quiet, second.load(), quiet, quiet]
    return np.concatenate(pieces)


def run(arguments: list[str], folder: Path, stdin: bytes = b"") -> str:
    """The output of a command, standard error included, without progress lines."""
    command = [sys.executable, "-m", "wakeword", *arguments]
    done = subprocess.run(
        command, cwd=folder, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if done.returncode:
        raise click.ClickException(done.stdout.decode())
    return done.stdout.decode().strip()


def terminal(session: list[tuple[str, str]]) -> str:
    """A session as a picture of a terminal, in fonts that the reader has."""
    columns = min(92, shutil.get_terminal_size((92, 24)).columns)
    console = Console(record=True, width=columns, file=io.StringIO(), force_terminal=True)
    for command, output in session:
        console.print(Text.assemble(("$ ", "bold green"), (command, "bold")))
        for line in output.splitlines():
            hit = re.match(r"\d+\.\d\d s {2}", line)
            console.print(Text(line, "bold cyan" if hit else "bright_black"))
        console.print()
    svg = console.export_svg(title="wakeword")
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    return re.sub(r"Fira Code,? ?(monospace)?", _FONT, svg)


def plot_scores(model: WakeWordModel, samples: Samples, path: Path) -> None:
    """Save a picture of a recording, the score of each frame, and what the detector detects."""
    score_figure(model, samples).savefig(path, dpi=150)


def score_figure(model: WakeWordModel, samples: Samples) -> Figure:
    """Draw a recording, the score of each frame, and what the detector detects."""
    (keyword,) = model.keywords
    detector = Detector(model)
    detections = detector.feed(samples) + detector.flush()
    smoothing, _ = in_frames(model.operating_point, model.frame_s)
    scores = smooth(Detector(model).logits(samples), smoothing)[:, 0]
    figure = new_figure(7.2, 3.2)
    upper, lower = figure.subplots(2, sharex=True, height_ratios=(1, 1.6))
    upper.plot(np.arange(0, len(samples), 8) / SAMPLE_RATE, samples[::8], "#888888", linewidth=0.5)
    upper.set_yticks([])
    upper.set_ylabel("samples")
    lower.plot((np.arange(len(scores)) + 1) * model.frame_s, scores, "#0072b2")
    threshold = detector.thresholds[keyword]
    lower.axhline(threshold, color="#d55e00", linestyle="--", linewidth=1, label="threshold")
    times, heights = [d.time for d in detections], [d.score for d in detections]
    lower.plot(times, heights, "o", color="#d55e00", markersize=7, label="detection")
    lower.set(ylim=(0, 1), xlabel="seconds")
    lower.set_ylabel(wrap(figure, f"score of '{keyword}'", 1.5), parse_math=False)
    lower.legend(loc="upper left", fontsize=8)
    return figure


if __name__ == "__main__":
    main()
