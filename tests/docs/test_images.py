"""The pictures of the docs."""

from __future__ import annotations

import runpy
from pathlib import Path

import tiny as tiny_family
from figures import texts_outside

from wakeword.encoders.spec import EncoderSpec

MAKE = Path(__file__).parents[2] / "docs" / "images" / "make.py"


def test_a_long_keyword_stays_inside_the_picture_of_the_score(tiny: EncoderSpec) -> None:
    model = tiny_family.model(keywords=("hey there my old computer in the kitchen",))
    score_figure = runpy.run_path(str(MAKE))["score_figure"]
    assert texts_outside(score_figure(model, tiny_family.synthetic_audio())) == []
