"""Acoustic simulation: effects, room impulse responses, and the acoustics that combine them."""
