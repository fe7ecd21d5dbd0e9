"""What a speech synthesis engine has to provide, and the optional packages that engines need.

To add an engine, write one module with an `Engine` constant and list it in `wakeword.tts.voices`.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wakeword.audio.samples import Samples
from wakeword.errors import ConfigError

INSTALL_COMMAND = 'pip install "wakeword[demo]"'


@dataclass(frozen=True)
class Engine:
    """One speech synthesis engine.

    Attributes:
        name: as in `Voice.engine`.
        packages: modules that must be installed; none is imported before it is used.
        speakers: voice name → speaker, in the order in which voices are listed.
        speak: (text, voice name, speed, seed) → samples in [-1, 1] and their rate in Hz.
        seconds: of one core that a phrase takes, about.
        is_ready: whether everything besides the packages is there.
    """

    name: str
    packages: tuple[str, ...]
    speakers: Mapping[str, str]
    speak: Callable[[str, str, float, int], tuple[Samples, int]]
    seconds: float
    is_ready: Callable[[], bool] = lambda: True

    def missing_packages(self) -> list[str]:
        """The modules of `packages` that are not installed."""
        return [name for name in self.packages if importlib.util.find_spec(name) is None]


def package_folder(package: str) -> Path:
    """Return the folder of an installed package, without importing it. Raises ConfigError."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ConfigError(
            f"the package {package} is damaged or missing. Install it again: {INSTALL_COMMAND}"
        )
    return Path(spec.origin).parent


def onnx_session(model: bytes, *, optimise: bool = True) -> Any:
    """Open an onnxruntime session on one CPU thread; callers parallelise by processes."""
    ort: Any = importlib.import_module("onnxruntime")
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    if not optimise:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
