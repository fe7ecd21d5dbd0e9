"""`python -m wakeword`."""

from wakeword.cli import main

main()
