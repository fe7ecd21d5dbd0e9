"""Event-level evaluation on streams: metrics, calibration, benchmarks, reports."""
