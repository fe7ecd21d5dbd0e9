"""Typical mistakes on the command line, each with what its message must say."""

from mistakes import data, devices, models, outputs, recordings, settings
from mistakes.scene import MISTAKES, Scene

__all__ = ["MISTAKES", "Scene", "data", "devices", "models", "outputs", "recordings", "settings"]
