"""The script that the image and the add-on run, `deploy/run.py`: as a module and a process."""

from __future__ import annotations

import os
import re
import runpy
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import wakeword

FOLDER = Path(__file__).parents[2] / "deploy"
SCRIPT = FOLDER / "run.py"


def functions() -> dict[str, Any]:
    """What run.py defines; nothing is started."""
    return runpy.run_path(str(SCRIPT))


@contextmanager
def started(models: Path, elsewhere: Path, *options: str) -> Iterator[int]:
    """Run run.py as the image does, in a folder and a home of no use; yields its port.

    Raises:
        AssertionError: it does not start, or does not end well at SIGTERM.
    """
    root = str(Path(wakeword.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": root, "PYTHONUNBUFFERED": "1", "HOME": "/nowhere"}
    environment.pop("WAKEWORD_CACHE", None)
    command = [sys.executable, str(SCRIPT), "--models", str(models), "--port", "0", *options]
    with subprocess.Popen(
        command,
        cwd=elsewhere,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        try:
            line = process.stdout.readline()
            found = re.match(r"serving .* at tcp://0\.0\.0\.0:(\d+);", line)
            assert found, line + process.stderr.read()
            yield int(found[1])
        finally:
            process.send_signal(signal.SIGTERM)
            log = process.stderr.read()
    assert process.returncode == 0, log
