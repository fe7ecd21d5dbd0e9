"""What a model is made of, and under which licences: recorded when it is trained."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from wakeword.data import Clip, Dataset

UNKNOWN = "not stated"


def ingredients(*parts: Dataset) -> list[dict[str, Any]]:
    """What data sets are made of: clips by what they are for, where they are from, their licence.

    Each {"role", "source", "licence", "clips"}, sorted.
    """
    counts: dict[tuple[str, str, str], int] = defaultdict(int)

    def count(role: str, clips: Sequence[Clip]) -> None:
        for clip in clips:
            counts[role, clip.source or UNKNOWN, clip.licence or UNKNOWN] += 1

    for part in parts:
        count("keyword", part.keywords)
        count("negative", part.negatives)
        count("noise", part.noises)
        count("room", part.rooms)
    keys = ("role", "source", "licence")
    return [
        {**dict(zip(keys, kind, strict=True)), "clips": n} for kind, n in sorted(counts.items())
    ]


def notice(origin: Mapping[str, Any]) -> str:
    """The notice that goes with a model, from its origin as its file keeps it."""
    training = origin["training"]
    lines = [
        "This wake-word model was trained with wakeword (Apache-2.0).",
        f"Encoder: {origin['encoder']}, licence {origin['licence']}"
        + (", weights of its own (random to begin with)." if not origin["encoder_sha256"] else "."),
    ]
    if origin["encoder_sha256"]:
        lines.append(f"Encoder weights: SHA-256 {origin['encoder_sha256']}.")
    lines.append("Recordings that it learned from:")
    lines += [
        f"- {each['role']}: {each['clips']} from {each['source']}, licence {each['licence']}"
        for each in training.get("data", [])
    ] or ["- not recorded"]
    return "\n".join(lines) + "\n"
