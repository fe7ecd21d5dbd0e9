"""What a model is made of, and under which licences: recorded when it is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


def licence_notice(origin: Mapping[str, Any]) -> str:
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


@dataclass(frozen=True)
class Origin:
    """Where a model comes from: kept in its file."""

    encoder: str
    streaming: str
    encoder_sha256: str
    licence: str
    head: str
    training: Mapping[str, Any] = field(default_factory=dict)
