"""Names of folders and labels that state the role of clips."""

from __future__ import annotations

import re

from wakeword.data.dataset import Role

_NAMES: dict[Role, tuple[str, ...]] = {
    "negative": (
        *("negative", "negatives", "unknown", "unk", "filler", "other", "others", "silence"),
        *("not-wake-word", "not-wakeword", "non-wake-word", "no-wake-word", "garbage"),
    ),
    "noise": ("noise", "noises", "background", "backgrounds", "background-noise"),
    "rir": ("rir", "rirs", "room", "rooms", "impulse-responses"),
}
_ROLE_OF_NAME = {name: role for role, names in _NAMES.items() for name in names}


def role_of(name: str) -> Role:
    """Return the role that the name of a folder or a label states; "keyword" for other names."""
    plain = re.sub(r"[\s_]+", "-", name.strip().strip("_<>[]() ").casefold())
    if plain in {"", "-1"}:
        return "negative"
    return _ROLE_OF_NAME.get(plain, "keyword")
