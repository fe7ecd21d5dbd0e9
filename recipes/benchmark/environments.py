"""A virtual environment for each peer engine, and commands that run in it on one thread."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from engines import Engine

import wakeword

SINGLE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)


def interpreter(engine: Engine, out: Path) -> Path:
    """Return the Python interpreter of an engine; it may not be installed yet."""
    if engine.is_own:
        return Path(sys.executable)
    executable = "Scripts/python.exe" if sys.platform == "win32" else "bin/python"
    return out / "envs" / engine.name / executable


def install(engine: Engine, out: Path) -> None:
    """Create an engine's environment under OUT/envs with pip, unless it is there.

    An engine that cannot be installed is reported on stderr and left out of the race.
    """
    python = interpreter(engine, out)
    folder = out / "envs" / engine.name
    installed = folder / "installed"
    if engine.is_own or installed.is_file():
        return
    try:
        run_command([sys.executable, "-m", "venv", str(folder)])
        if engine.needs_wakeword:
            (site_packages,) = folder.glob("[Ll]ib/**/site-packages")
            visible = [_package_root(), *sys.path[1:]]
            (site_packages / "parent.pth").write_text("\n".join(visible) + "\n", encoding="utf-8")
        pip = [str(python), "-m", "pip", "install", "--quiet"]
        if engine.packages:
            run_command([*pip, *engine.packages])
        if engine.packages_alone:
            run_command([*pip, "--no-deps", *engine.packages_alone])
        installed.touch()
    except RuntimeError as error:
        python.unlink(missing_ok=True)
        print(f"{engine.name}: cannot be installed: {error}", file=sys.stderr)


def run_command(command: list[str]) -> None:
    """Run a command on one thread.

    Raises:
        RuntimeError: the command failed; the message is the last line of its output.
    """
    environment = {**os.environ, **SINGLE_THREAD}
    if command[0] == sys.executable:
        paths = (_package_root(), environment.get("PYTHONPATH"))
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    process = subprocess.run(command, env=environment, text=True, capture_output=True)
    if process.returncode:
        output = (process.stderr or process.stdout).strip().splitlines()
        raise RuntimeError(output[-1] if output else f"exit status {process.returncode}")


def _package_root() -> str:
    """Return the folder from which the `wakeword` package is imported."""
    return str(Path(wakeword.__file__).parents[1])
