"""Ready models: they come with the package, as heads over an encoder that comes with it, too.

Their names stand for files wherever a model is read: `wakeword listen computer`.
docs/results/ready-models.md says what they were trained on and how well they detect;
`recipes/ready_models.py` makes them.
"""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent
SUFFIX = ".wakeword"


def ready_models() -> dict[str, Path]:
    """Return the file of each ready model by its name."""
    return {file.stem: file for file in sorted(FOLDER.glob(f"*{SUFFIX}"))}


def model_path(path: Path | str) -> Path:
    """Return the file of a ready model where `path` is its name; else `path`.

    A file of that name goes first.
    """
    path = Path(path)
    return path if path.exists() else ready_models().get(str(path), path)


def is_ready_model(path: Path) -> bool:
    """Return whether a file is one of the package, which nothing may overwrite."""
    return path.resolve().parent == FOLDER.resolve()
