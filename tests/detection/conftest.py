"""Models that detect in synthetic audio."""

from __future__ import annotations

import pytest
import tiny as tiny_family

from wakeword.encoders.spec import EncoderSpec
from wakeword.model.network import WakeWordModel


@pytest.fixture(params=["chunked", "window"])
def model(tiny: EncoderSpec, request: pytest.FixtureRequest) -> WakeWordModel:
    """A model with random weights, in each streaming mode."""
    return tiny_family.model(request.param)
