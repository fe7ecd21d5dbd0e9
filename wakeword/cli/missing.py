"""What a command says where a package that it needs is not installed, instead of a traceback."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from wakeword.errors import ConfigError

if TYPE_CHECKING:
    from wakeword.model.two_stage import AnyModel

_INSTALL = "install everything with pip install wakeword (in a clone: pip install .)"


def missing_package_message(error: ModuleNotFoundError, what: str) -> str | None:
    """Return what is missing and how to install it.

    Args:
        error: of the import.
        what: the command or the option that needs the package.

    Returns:
        The message; None where a module of wakeword itself is missing, which no user can fix.
    """
    package = _package(error)
    if package == "wakeword":
        return None
    return (
        f"{what} needs {package}, which is not installed here. Run it on another "
        f"machine, or {_INSTALL}. Without it, listen, detect, serve and info run on a file of "
        "`wakeword export`."
    )


def load_unexported_model(file: Path) -> AnyModel:
    """Load a model that is not exported.

    Raises:
        ConfigError: a package is missing that an exported model does without.
        CheckpointError: the file cannot be read.
    """
    try:
        from wakeword.model.file import load_model
    except ModuleNotFoundError as error:
        package = _package(error)
        if package == "wakeword":
            raise
        raise ConfigError(
            f"{file}: a model that is not exported needs {package}, which is not "
            f"installed here. Export the model where it was trained, wakeword export {file.name}, "
            f"and use {file.with_suffix('.onnx').name} here; or {_INSTALL}."
        ) from error
    return load_model(file)


def _package(error: ModuleNotFoundError) -> str:
    """Return the package whose module is missing: "safetensors" for safetensors.torch."""
    return (error.name or str(error)).partition(".")[0].replace("_", "-")
