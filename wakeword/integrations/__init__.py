"""Plugins for other programs, which import them by the entry points of this package."""
