"""Names in files that earlier versions wrote, and what they are called today.

Files are read under either name and written under the new one. This module is the one list of
every renamed or added persisted key and value: of model files, exported files, captured clips and
manifests.
Old spellings of command-line options are in `cli.options.HIDDEN_ALIASES`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

RENAMED_KEYS: Mapping[str, Mapping[str, str]] = {
    "": {"point": "operating_point"},
    "operating_point": {"evidence": "provenance"},
    "encoder_settings": {
        "taps": "output_layers",
        "about": "description",
        "normed": "norm_chunks",
    },
}
"""Section of a model's metadata ("" is its top level) → {old key: new key}."""

ADDED_VALUES: Mapping[str, Mapping[str, Any]] = {"cascade": {"rise": 1000.0}}
"""Section → {key that earlier versions did not have: value with which they agree}."""

RENAMED_CLIP_KEYS: Mapping[str, str] = {"heard": "detected"}
"""The same for the JSON file of a captured clip (`detection.capture`)."""

RENAMED_STREAMING: Mapping[str, str] = {"exact": "chunked"}
"""Streaming modes, as `origin.streaming` and `--streaming` name them."""

RENAMED_ROLES: Mapping[str, str] = {"room": "rir"}
"""Values of the column `role` of a manifest."""

RENAMED_SOURCES: Mapping[str, str] = {"near-miss": "confusable"}
"""Values of the column `source` of a manifest, or of its part before the first "/"."""


def upgrade_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metadata of a model file or an exported file under today's names.

    Args:
        metadata: as read, of any version; not modified. Values of an unexpected type pass through
            unchanged: whoever reads them reports them.
    """
    upgraded = _renamed(metadata, RENAMED_KEYS[""])
    for section, names in RENAMED_KEYS.items():
        if isinstance(upgraded.get(section), Mapping):
            upgraded[section] = _renamed(upgraded[section], names)
    for section, values in ADDED_VALUES.items():
        if isinstance(upgraded.get(section), Mapping):
            upgraded[section] = {**values, **upgraded[section]}
    origin = upgraded.get("origin")
    if isinstance(origin, Mapping) and isinstance(origin.get("streaming"), str):
        upgraded["origin"] = {**origin, "streaming": streaming_mode(origin["streaming"])}
    return upgraded


def upgrade_clip(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON object of a captured clip under today's names."""
    return _renamed(metadata, RENAMED_CLIP_KEYS)


def streaming_mode(name: str) -> str:
    """Return today's name of a streaming mode; other strings pass through unchanged."""
    return RENAMED_STREAMING.get(name, name)


def _renamed(section: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {names.get(key, key): value for key, value in section.items()}
