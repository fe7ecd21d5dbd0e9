"""Detectors for others, over the network."""
