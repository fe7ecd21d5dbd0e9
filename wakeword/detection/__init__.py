"""Streaming detection: trigger, detectors, capture, speaker verification."""
