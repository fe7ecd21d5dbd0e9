"""Errors that a user can cause; messages say what is wrong, what was expected and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class WakewordError(Exception):
    """Base class of all errors that a user can fix; the command line exits with code 2."""


class AudioError(WakewordError):
    """A recording or an audio device that cannot be used."""


class CheckpointError(WakewordError):
    """Encoder weights or a model file that are missing, damaged, of another format or unsafe."""


class ManifestError(WakewordError):
    """A data set whose layout, rows or labels cannot be interpreted."""


class ConfigError(WakewordError):
    """A setting, name or option that does not exist or has an invalid value."""


class DownloadError(WakewordError):
    """A file that could not be downloaded; the message is the reason alone."""


def unknown_name_message(kind: str, name: str, known: Iterable[str]) -> str:
    """Return the error message for an unknown name: the closest known name, then all of them.

    Args:
        kind: what the name names, such as "encoder".
        name: the unknown name.
        known: all valid names.
    """
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    return f"unknown {kind} '{name}'.{hint} Known: {', '.join(names)}."
