"""Every error that a user can cause: one line of what is wrong, what was expected, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class WakewordError(Exception):
    """Base of all errors that a message can teach the user out of; the commands exit with 2."""


class AudioError(WakewordError):
    """A recording or device that cannot be used as it is."""


class CheckpointError(WakewordError):
    """Encoder weights or a model file that are missing, damaged, foreign or hostile."""


class ManifestError(WakewordError):
    """A data set whose layout or labels cannot be understood."""


class ConfigError(WakewordError):
    """A setting, name or option that does not exist or does not fit."""


def unknown_name_message(kind: str, name: str, known: Iterable[str]) -> str:
    """The message for a name that is not known: suggests the nearest one and lists the rest."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    return f"unknown {kind} '{name}'.{hint} Known: {', '.join(names)}."
