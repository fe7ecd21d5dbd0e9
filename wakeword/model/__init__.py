"""The wake-word model, its file format, its operating point and its provenance."""
