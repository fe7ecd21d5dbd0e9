"""The whole story without recordings: synthetic speech in, a detector and a report out."""
