"""The files of the npm package onnxruntime-web that run a model in a browser.

The package is not a part of wakeword: it comes from a folder or an archive on this machine, or from
the npm registry.
"""

from __future__ import annotations

import base64
import json
import os
import tarfile
from dataclasses import dataclass
from pathlib import Path

from wakeword import storage
from wakeword.download import Checksum, download_file
from wakeword.errors import ConfigError, DownloadError
from wakeword.progress import ProgressCallback

NAME = "onnxruntime-web"
VERSION = "1.22.0"
"""The version that is downloaded."""
ENTRY = "ort.wasm.min.mjs"
"""The ES module; it loads the other two files from its own folder."""

_INTEGRITY = (  # as in the package's entry in the registry
    "sha512-Ud/+EBo6mhuaQWt/OjaOk0iNWjXqJoeeMFr6xQEERZdIZH2OWpGzuujz7lfuOBjUa6TEE/sc4nb7Da5dNL34fg=="
)
_FILES = (ENTRY, "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
_REGISTRY = "https://registry.npmjs.org"
_LARGEST_FILE = 1 << 27  # bytes


@dataclass(frozen=True)
class OnnxruntimeWeb:
    """What a page needs of onnxruntime-web.

    Attributes:
        version: of the package.
        files: content by file name.
    """

    version: str
    files: dict[str, bytes]


def load_onnxruntime_web(
    source: Path | None = None, progress: ProgressCallback | None = None
) -> OnnxruntimeWeb:
    """Read the package, or download it once into the cache.

    The registry is that of the environment variable `npm_config_registry`, as for npm.

    Args:
        source: folder of the installed package, or its archive (.tgz); None downloads `VERSION`.
        progress: called with the bytes received and in total.

    Raises:
        ConfigError: no such package, or it cannot be downloaded.
    """
    source = source or _downloaded(progress)
    try:
        content = _read_folder(source) if source.is_dir() else _read_archive(source)
        package = json.loads(content.pop("package.json"))
        if package["name"] != NAME:
            raise KeyError(f"the package {package['name']}")
        return OnnxruntimeWeb(str(package["version"]), content)
    except (OSError, ValueError, TypeError, KeyError, tarfile.TarError, EOFError) as error:
        raise ConfigError(
            f"{source}: not the npm package {NAME} ({error}). Expected its folder, such as "
            f"node_modules/{NAME}, or its archive, as `npm pack {NAME}@{VERSION}` makes it."
        ) from error


def _read_folder(folder: Path) -> dict[str, bytes]:
    return {Path(name).name: (folder / name).read_bytes() for name in _names()}


def _read_archive(path: Path) -> dict[str, bytes]:
    content = {}
    with tarfile.open(path) as archive:
        for name in _names():
            member = archive.getmember(f"package/{name}")
            file = archive.extractfile(member) if member.size <= _LARGEST_FILE else None
            if file is None:
                raise KeyError(f"{name} is no file of a usual size")
            content[Path(name).name] = file.read()
    return content


def _names() -> list[str]:
    return ["package.json", *(f"dist/{name}" for name in _FILES)]


def _downloaded(progress: ProgressCallback | None) -> Path:
    """Return the archive in the cache, which is downloaded if it is not there."""
    digest = base64.b64decode(_INTEGRITY.removeprefix("sha512-")).hex()
    checksum = Checksum("sha512", digest)
    path = storage.cache_dir() / "onnxruntime-web" / f"{NAME}-{VERSION}.tgz"
    if path.is_file() and checksum.matches(path):
        return path
    url = f"{_registry().rstrip('/')}/{NAME}/-/{path.name}"
    try:
        download_file(url, path, name=path.name, checksum=checksum, progress=progress)
    except DownloadError as error:
        raise ConfigError(
            f"{NAME} {VERSION}, which runs models in a browser, could not be downloaded from "
            f"{url}: {error}. Set npm_config_registry to a registry that this machine reaches, or "
            f"run `npm pack {NAME}@{VERSION}` on another and give the file with --onnxruntime-web."
        ) from error
    return path


def _registry() -> str:
    return os.environ.get("npm_config_registry") or _REGISTRY  # noqa: SIM112 (as npm spells it)
