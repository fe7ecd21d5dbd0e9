"""A stand-in for the npm package onnxruntime-web: the files that a page needs, without content."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

FILES = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")


def content(name: str = "onnxruntime-web") -> dict[str, bytes]:
    package = {"name": name, "version": "1.0.0", "license": "MIT"}
    files = {f"dist/{each}": f"content of {each}".encode() for each in FILES}
    return {"package.json": json.dumps(package).encode(), **files}


def write_folder(folder: Path, name: str = "onnxruntime-web") -> Path:
    for path, data in content(name).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def archive_bytes() -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as archive:
        for path, data in content().items():
            member = tarfile.TarInfo(f"package/{path}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return written.getvalue()


def write_archive(path: Path) -> Path:
    path.write_bytes(archive_bytes())
    return path
