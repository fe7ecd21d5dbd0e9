"""Competing speech: other people who talk, or a television, while the keyword is spoken."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator

from wakeword.audio.levels import rms
from wakeword.audio.samples import Samples
from wakeword.simulate.effects import random_offset


def competing_speech(talkers: Sequence[Samples], length: int, rng: Generator) -> Samples:
    """Draw recordings of speech and play them one after the other, all at the same level.

    Args:
        talkers: (samples,) of each recording at 16 kHz.
        length: of the result.
        rng: of this example or clip.

    Returns:
        (length,) with an RMS of about 1.
    """
    first = random_offset(talkers[int(rng.integers(len(talkers)))], rng)
    speech = [first / max(rms(first), 1e-6)]
    while sum(map(len, speech)) < length:
        following = talkers[int(rng.integers(len(talkers)))]
        speech.append(following / max(rms(following), 1e-6))
    return np.concatenate(speech)[:length].astype(np.float32)
