"""Mistakes with places to write to."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from mistakes.workspace import Workspace, mistake


def locked(workspace: Workspace) -> Path:
    """A folder that nobody may write to."""
    if os.name == "nt":
        pytest.skip("folders have no write bit on Windows")
    if os.geteuid() != 0:
        (workspace.place / "locked").mkdir(mode=0o500)
        return workspace.place / "locked"
    if not Path("/proc/1").is_dir():
        pytest.skip("no folder here that the superuser may not write to")
    return Path("/proc/1")


def fill_disk(workspace: Workspace) -> None:
    """From now on, files can be started and not completed."""
    write = Path.write_bytes

    def full(self: Path, data: bytes) -> int:
        if self.suffix != ".part":
            return write(self, data)
        write(self, data[:100])
        raise OSError(errno.ENOSPC, "No space left on device")

    workspace.patch.setattr(Path, "write_bytes", full)


@mistake("file is a file, not a folder", "Choose a folder with write permission")
def output_below_a_file(workspace: Workspace) -> list[object]:
    file = workspace.text("file", "")
    return workspace.train(workspace.manifest(), output=file / "out.wakeword")


@mistake("out.wakeword: cannot be written", "Choose a folder with write permission")
def output_without_permission(workspace: Workspace) -> list[object]:
    return workspace.train(workspace.manifest(), output=locked(workspace) / "out.wakeword")


@mistake("models: cannot be written (it is a folder)", "Name a file in it")
def output_is_a_folder(workspace: Workspace) -> list[object]:
    (workspace.place / "models").mkdir()
    return workspace.train(workspace.manifest(), output=workspace.place / "models")


@mistake("out.wakeword: cannot be written (No space left on device)", "free disk space")
def disk_full_after_training(workspace: Workspace) -> list[object]:
    arguments = workspace.train(workspace.manifest())
    fill_disk(workspace)
    return arguments


@mistake("det.png: cannot be written", "Choose a folder with write permission")
def plot_below_a_file(workspace: Workspace) -> list[object]:
    file = workspace.text("file", "")
    data = workspace.clips("alexa", "computer", "other", count=8)
    return ["eval", workspace.model, data, "--det-plot", file / "det.png"]


@mistake("mined is a file, not a folder", "Choose a folder")
def mining_into_a_file(workspace: Workspace) -> list[object]:
    return ["mine", workspace.model, workspace.wav(), "-o", workspace.text("mined", "")]


@mistake("file is a file, not a folder", "Choose a folder")
def captures_below_a_file(workspace: Workspace) -> list[object]:
    file = workspace.text("file", "")
    return ["listen", workspace.model, "-", "--save-triggers", file / "captured"]
