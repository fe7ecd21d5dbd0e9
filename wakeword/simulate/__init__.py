"""Acoustic simulation: effects and room impulse responses."""
