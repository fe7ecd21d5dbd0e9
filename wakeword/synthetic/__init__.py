"""Data sets of synthetic speech: a phrase in many voices, what sounds like it, and other speech."""
