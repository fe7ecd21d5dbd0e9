"""Provenance of a model: what it was made of and under which licences, recorded in training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Origin:
    """What a model was made of; its file keeps it.

    Attributes:
        encoder: name of the encoder.
        streaming: its streaming mode.
        encoder_sha256: hash of the encoder's checkpoint; "" for random weights.
        licence: licence of the encoder's weights.
        head: kind of head, see `heads.build_head`.
        training: record of the training, such as strategy and data, in JSON's types.
    """

    encoder: str
    streaming: str
    encoder_sha256: str
    licence: str
    head: str
    training: Mapping[str, Any] = field(default_factory=dict)


def licence_notice(origin: Mapping[str, Any]) -> str:
    """Return the licence notice of a model.

    Args:
        origin: the fields of `Origin`, as its file keeps them.
    """
    training = origin["training"]
    lines = [
        "This wake-word model was trained with wakeword (Apache-2.0).",
        f"Encoder: {origin['encoder']}, licence {origin['licence']}"
        + (", trained from random weights." if not origin["encoder_sha256"] else "."),
    ]
    if origin["encoder_sha256"]:
        lines.append(f"Encoder weights: SHA-256 {origin['encoder_sha256']}.")
    lines.append("Recordings given to training, including those held out:")
    lines += [
        f"- {each['role']}: {each['clips']} clips, source {each['source']}, "
        f"licence {each['licence']}"
        for each in training.get("data", [])
    ] or ["- not recorded"]
    return "\n".join(lines) + "\n"


def joint_origin(gate: Origin, verifier: Origin) -> Origin:
    """Return the origin of a model of two stages, as one.

    Its training record is the gate's, with that of the verifier under "verifier".
    """
    joined = {
        name: " + ".join(
            filter(None, dict.fromkeys([getattr(gate, name), getattr(verifier, name)]))
        )
        for name in ("encoder", "encoder_sha256", "licence", "head")
    }
    record = {**gate.training, "verifier": dict(verifier.training)}
    return Origin(streaming="two stages", training=record, **joined)
