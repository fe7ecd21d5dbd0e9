"""The `wakeword` command, also as `python -m wakeword`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command. Ctrl-C while it is still loading ends it as later: exit code 130."""
    try:
        from wakeword.cli import main as command

        command()
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
