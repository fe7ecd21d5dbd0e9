"""Names of earlier versions are read as today's."""

from __future__ import annotations

from wakeword.legacy import upgrade_metadata


def test_every_renamed_name_is_read() -> None:
    old = {
        "format": "wakeword/1",
        "keywords": ["a"],
        "point": {"thresholds": {"a": 0.5}, "evidence": "measured"},
        "encoder_settings": {"taps": [1], "normed": 8, "about": "{}", "chunk": 5},
        "origin": {"encoder": "x", "streaming": "exact"},
    }
    assert upgrade_metadata(old) == {
        "format": "wakeword/1",
        "keywords": ["a"],
        "operating_point": {"thresholds": {"a": 0.5}, "provenance": "measured"},
        "encoder_settings": {
            "output_layers": [1],
            "norm_chunks": 8,
            "description": "{}",
            "chunk": 5,
        },
        "origin": {"encoder": "x", "streaming": "chunked"},
    }
    assert old["origin"] == {"encoder": "x", "streaming": "exact"}


def test_a_cascade_of_before_calls_at_its_interval_alone() -> None:
    before, now = ({"cascade": {"interval_s": 0.32, **more}} for more in ({}, {"rise": 2.0}))
    assert upgrade_metadata(before)["cascade"] == {"interval_s": 0.32, "rise": 1000.0}
    assert upgrade_metadata(now) == now
