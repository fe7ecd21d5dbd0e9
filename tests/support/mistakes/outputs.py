"""Mistakes with places to write to."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from mistakes.scene import Scene, mistake


def locked(scene: Scene) -> Path:
    """A folder that nobody may write to."""
    if os.name == "nt":
        pytest.skip("folders have no write bit on Windows")
    if os.geteuid() != 0:
        (scene.place / "locked").mkdir(mode=0o500)
        return scene.place / "locked"
    if not Path("/proc/1").is_dir():
        pytest.skip("no folder here that the superuser may not write to")
    return Path("/proc/1")


def fill_disk(scene: Scene) -> None:
    """From now on, files can be started and not completed."""
    write = Path.write_bytes

    def full(self: Path, data: bytes) -> int:
        if self.suffix != ".part":
            return write(self, data)
        write(self, data[:100])
        raise OSError(errno.ENOSPC, "No space left on device")

    scene.patch.setattr(Path, "write_bytes", full)


@mistake("file is a file, not a folder", "Choose a folder with write permission")
def output_below_a_file(scene: Scene) -> list[object]:
    file = scene.text("file", "")
    return scene.train(scene.manifest(), output=file / "out.wakeword")


@mistake("out.wakeword: cannot be written", "Choose a folder with write permission")
def output_without_permission(scene: Scene) -> list[object]:
    return scene.train(scene.manifest(), output=locked(scene) / "out.wakeword")


@mistake("models: cannot be written (it is a folder)", "Name a file in it")
def output_is_a_folder(scene: Scene) -> list[object]:
    (scene.place / "models").mkdir()
    return scene.train(scene.manifest(), output=scene.place / "models")


@mistake("out.wakeword: cannot be written (No space left on device)", "free disk space")
def disk_full_after_training(scene: Scene) -> list[object]:
    arguments = scene.train(scene.manifest())
    fill_disk(scene)
    return arguments


@mistake("det.png: cannot be written", "Choose a folder with write permission")
def plot_below_a_file(scene: Scene) -> list[object]:
    file = scene.text("file", "")
    data = scene.clips("alexa", "computer", "other", count=8)
    return ["eval", scene.model, data, "--det-plot", file / "det.png"]


@mistake("mined is a file, not a folder", "Choose a folder")
def mining_into_a_file(scene: Scene) -> list[object]:
    return ["mine", scene.model, scene.wav(), "-o", scene.text("mined", "")]


@mistake("file is a file, not a folder", "Choose a folder")
def captures_below_a_file(scene: Scene) -> list[object]:
    file = scene.text("file", "")
    return ["listen", scene.model, "-", "--save-triggers", file / "captured"]
