"""The JavaScript module in Node, and where the tests find onnxruntime-web."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

MODULE = Path(str(resources.files("wakeword.exporting").joinpath("web")))
_SCRIPT = Path(__file__).with_suffix(".mjs")


def require_node() -> None:
    """Skip the test where Node is not installed or too old for the module."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not installed: the JavaScript module is not tested")
    version = subprocess.run([node, "--version"], capture_output=True, text=True).stdout
    if int(version.lstrip("v").partition(".")[0] or 0) < 18:
        pytest.skip(f"Node {version.strip()} is older than 18: the module is not tested")


def onnxruntime_web() -> Path:
    """The unpacked npm package onnxruntime-web; skip the test where it is not given."""
    folder = os.environ.get("WAKEWORD_ONNXRUNTIME_WEB")
    if not folder:
        pytest.skip(
            "WAKEWORD_ONNXRUNTIME_WEB does not name a folder of the npm package onnxruntime-web"
        )
    return Path(folder)


def run(function: str, job: Any) -> Any:
    """Run a function of web_module.mjs on a job in JSON's types.

    Raises RuntimeError, with its name and message, where it throws an error.
    """
    done = subprocess.run(
        ["node", str(_SCRIPT), function, str(MODULE)],
        input=json.dumps(job),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 and done.stdout, done.stderr
    answer = json.loads(done.stdout)
    if "error" in answer:
        raise RuntimeError(answer["error"])
    return answer["result"]


def audio(folder: Path, samples: npt.NDArray[Any]) -> dict[str, str]:
    """Write samples for a job, float32 or int16."""
    path = folder / "samples.raw"
    path.write_bytes(samples.tobytes())
    return {"audio": str(path), "type": str(np.dtype(samples.dtype))}
