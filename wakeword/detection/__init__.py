"""Live detection: blocks, trigger, detector, pool of streams, speaker verification and capture."""
