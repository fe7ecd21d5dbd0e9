"""Values that earlier versions wrote into manifests, and their current names.

Manifests are read with either name and written with the current one.
"""

from __future__ import annotations

from collections.abc import Mapping

RENAMED_ROLES: Mapping[str, str] = {"room": "rir"}
"""Old value of the column `role` → current value."""

RENAMED_SOURCES: Mapping[str, str] = {"near-miss": "confusable"}
"""Old value of the column `source`, or of its part before the first "/" → current value."""
