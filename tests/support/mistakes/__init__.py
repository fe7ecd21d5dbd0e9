"""Typical mistakes on the command line, each with what its message must say."""

from mistakes import data, devices, models, outputs, recordings, settings
from mistakes.workspace import MISTAKES, Workspace

__all__ = [
    "MISTAKES",
    "Workspace",
    "data",
    "devices",
    "models",
    "outputs",
    "recordings",
    "settings",
]
