"""The demonstration pipeline on synthetic speech."""
