"""Model files that a command writes: what they were made by, and what they may replace."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from wakeword import storage
from wakeword.cli import options
from wakeword.data.clip import Clip
from wakeword.errors import CheckpointError, ConfigError

force = options.option(
    "--force",
    is_flag=True,
    help="Replace the file at --output even if it is the model of other keywords or recordings, "
    "or was made by another command.",
)


def made_by(command: str, clips: Iterable[Clip]) -> dict[str, Any]:
    """Return what is stored in a model file about the command that made it.

    Args:
        command: name of the command.
        clips: recordings that the model is made of; their content counts, and not their folder.
    """
    recordings = sorted(map(str, (clip.identity() for clip in clips)))
    return {"command": command, "recordings": storage.cache_key(recordings)}


def check_replaceable(
    path: Path, keywords: Collection[str], maker: Mapping[str, Any], *, force: bool
) -> None:
    """Check that no other model is lost when a model is written; the same command may repeat.

    Args:
        path: file to write.
        keywords: of the new model.
        maker: of the new model, from `made_by`.
        force: replace any file.

    Raises:
        ConfigError: the file is another model, or no model.
    """
    if force or not path.exists():
        return
    from wakeword.model.file import read_metadata

    remedy = "Give the new model another --output, or replace the file with --force."
    try:
        metadata = read_metadata(path)
    except CheckpointError:
        raise ConfigError(f"{path} exists and is no model of this version. {remedy}") from None
    existing, names = metadata.get("made_by") or {}, metadata.get("keywords") or []
    of = ", ".join(f"'{name}'" for name in names)
    if sorted(map(str, names)) != sorted(keywords):
        difference = "and not of " + ", ".join(f"'{keyword}'" for keyword in keywords)
    elif existing.get("command") != maker["command"]:
        command = existing.get("command")
        by = f"by `wakeword {command}`" if command else "by an earlier version or a program"
        difference = f"made {by}, and not by `wakeword {maker['command']}`"
    elif existing != maker:
        difference = "made of other recordings"
    else:
        return
    raise ConfigError(f"{path} holds a model of {of}, {difference}; it would be lost. {remedy}")
