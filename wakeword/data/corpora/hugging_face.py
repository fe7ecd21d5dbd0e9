"""Speech of the Hugging Face Hub as negatives, by name: a few hours of a data set, in the cache.

The package `datasets` streams it: of a data set of any size, no more is downloaded than is kept.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from wakeword import storage
from wakeword.audio.files import load_audio, save_audio
from wakeword.audio.samples import SAMPLE_RATE
from wakeword.data.clip import Clip
from wakeword.data.corpora.fetch import locked, unwritable_as_error
from wakeword.data.dataset import Dataset
from wakeword.data.loader import MAX_BROKEN_SHARE
from wakeword.data.readers import read_dataset
from wakeword.data.writer import manifest_row
from wakeword.errors import AudioError, ConfigError
from wakeword.progress import ProgressCallback

PREFIX = "hf:"
HOURS = 5.0
"""Hours of a data set that are downloaded by default."""

_NAME = re.compile(
    r"hf:(?P<id>[\w.-]+/[\w.-]+)(:(?P<config>[\w.-]+))?(@(?P<split>[\w.-]+))?", re.ASCII
)
_MANIFEST, _ABOUT = "recordings.jsonl", "about.json"
_TEXTS = ("sentence", "text", "transcription", "transcript", "normalized_text")
_SPEAKERS = ("speaker_id", "client_id", "speaker")
_FEW = 20  # recordings, of which any number may be broken


@dataclass(frozen=True)
class HubDataset:
    """One split of a data set on the Hub.

    Attributes:
        name: "hf:ORG/NAME", and where needed ":CONFIG" and "@SPLIT", which is "train" by default:
            "hf:google/fleurs:de_de@validation".
    """

    name: str

    def __post_init__(self) -> None:
        """Check the form of the name.

        Raises:
            ConfigError: it has another form.
        """
        if not _NAME.fullmatch(self.name):
            raise ConfigError(
                f"{self.name}: expected hf:ORG/NAME, with :CONFIG and @SPLIT where needed, such as "
                "hf:google/fleurs:de_de@validation"
            )

    @property
    def repository(self) -> str:
        """Its id on the Hub, "google/fleurs"."""
        return self.parts[0]

    @property
    def parts(self) -> tuple[str, str | None, str]:
        """Its id on the Hub, its configuration and its split."""
        match = _NAME.fullmatch(self.name)
        assert match is not None
        return match["id"], match["config"], match["split"] or "train"

    @property
    def folder(self) -> Path:
        """The folder of its recordings; it exists only when they are complete."""
        return _hub_folder() / re.sub("[/:@]", "--", self.name.removeprefix(PREFIX))

    @property
    def part(self) -> Path:
        """The folder of a download that is not complete."""
        return self.folder.with_name(f"{self.folder.name}.part")

    @property
    def is_downloaded(self) -> bool:
        """Whether its recordings are on this machine."""
        return self.folder.is_dir()

    def about(self) -> dict[str, Any]:
        """Return "name", "licence", "hours" and "broken" (recordings left out) of the download."""
        found: dict[str, Any] = json.loads((self.folder / _ABOUT).read_text(encoding="utf-8"))
        return found


def downloaded_datasets() -> list[HubDataset]:
    """Return the data sets of the Hub that are on this machine."""
    abouts = sorted(_hub_folder().glob(f"*/{_ABOUT}"))
    names = (json.loads(path.read_text(encoding="utf-8"))["name"] for path in abouts)
    return [HubDataset(name) for name in names]


def fetch_dataset(
    chosen: HubDataset, *, hours: float = HOURS, progress: ProgressCallback | None = None
) -> Path:
    """Download the first hours of a data set, unless it is on this machine.

    Recordings are saved as 16 kHz FLAC. Those that cannot be read are left out and counted. An
    interrupted download continues where it stopped.

    Args:
        chosen: the data set and its split.
        hours: of audio, at most.
        progress: called with the seconds of audio so far.

    Returns:
        The folder of the recordings.

    Raises:
        ConfigError: the package `datasets` is missing, the Hub does not hand the data set over, its
            recordings are broken, the disk is full, or another process downloads it.
    """
    folder, part = chosen.folder, chosen.part
    with unwritable_as_error(folder), locked(_hub_folder(), "A data set of the Hub"):
        if not folder.is_dir():
            part.mkdir(exist_ok=True)
            _download(chosen, part, hours, progress)
            part.rename(folder)
    return folder


def read_hub_dataset(chosen: HubDataset) -> Dataset:
    """Read a downloaded data set as negatives, with transcripts and speakers where it has them.

    Raises:
        ConfigError: it is not downloaded.
    """
    if not chosen.is_downloaded:
        raise ConfigError(f"{chosen.name} is not downloaded. Run: wakeword data get {chosen.name}")
    licence = chosen.about()["licence"]
    data = read_dataset(chosen.folder / _MANIFEST).map(
        lambda clips: tuple(replace(clip, source=chosen.name, licence=licence) for clip in clips)
    )
    without_text = sum(not clip.text for clip in data.negatives)
    if without_text:
        data = data.with_notes(
            f"{chosen.name}: {without_text} recording(s) have no transcript, so the keyword may be "
            "spoken in them."
        )
    return data


def remove_dataset(chosen: HubDataset) -> int:
    """Delete a data set, and what an interrupted download left; return the bytes that were freed.

    Raises:
        ConfigError: a file cannot be deleted.
    """
    freed = 0
    with unwritable_as_error(chosen.folder):
        for folder in filter(Path.exists, (chosen.folder, chosen.part)):
            freed += sum(storage.file_sizes(folder))
            shutil.rmtree(folder)
    return freed


def _hub_folder() -> Path:
    return storage.cache_dir() / "corpora" / "hugging-face"


def _download(
    chosen: HubDataset, part: Path, hours: float, progress: ProgressCallback | None
) -> None:
    """Save recordings of a data set and their manifest until there are `hours` of them."""
    manifest = part / _MANIFEST
    kept = _kept_rows(manifest)
    seconds = sum(row["duration"] for row in kept)
    first = kept[-1]["row"] + 1 if kept else 0
    broken = first - len(kept)
    source = _open(chosen)
    with manifest.open("a", encoding="utf-8") as file:
        for number, row in enumerate(_rows(chosen, source, first), first):
            if seconds >= hours * 3600:
                break
            try:
                clip = _save(row, part / f"{number:06d}.flac")
            except AudioError as error:
                broken += 1
                if number >= _FEW and broken > MAX_BROKEN_SHARE * number:
                    raise ConfigError(
                        f"{chosen.name}: {broken} of {number + 1} recordings cannot be read, the "
                        f"last because {error}"
                    ) from error
                continue
            seconds += clip.duration_s or 0.0
            file.write(json.dumps(manifest_row(clip, part, "negative", row=number)) + "\n")
            file.flush()
            if progress is not None:
                progress(f"downloading {chosen.name}", round(seconds), round(hours * 3600))
    if not seconds:
        raise ConfigError(f"{chosen.name}: no recordings that can be read.")
    about = {
        "name": chosen.name,
        "licence": source.info.license or "not stated",
        "hours": round(seconds / 3600, 2),
        "broken": broken,
    }
    (part / _ABOUT).write_text(json.dumps(about), encoding="utf-8")


def _open(chosen: HubDataset) -> Any:
    """Open a data set of the package `datasets`, streamed, and check that it has audio."""
    try:
        import datasets
    except ImportError as error:
        raise ConfigError(f"{chosen.name} needs another package: pip install datasets") from error
    repository, config, split = chosen.parts
    try:
        source = datasets.load_dataset(repository, config, split=split, streaming=True)
    except Exception as error:  # any of the libraries below
        raise _unavailable(chosen, error) from error
    features = source.features
    if features and not any(isinstance(kind, datasets.Audio) for kind in features.values()):
        raise ConfigError(f"{chosen.name}: a data set without audio.")
    return source


def _rows(chosen: HubDataset, source: Any, first: int) -> Iterator[dict[str, Any]]:
    """Yield rows with the audio still encoded, as Arrow holds them: this needs no decoder."""
    tables = iter(source.with_format("arrow").skip(first).iter(batch_size=1))
    while True:
        try:
            (row,) = next(tables).to_pylist()
        except StopIteration:
            return
        except Exception as error:  # any of the libraries below
            raise _unavailable(chosen, error) from error
        yield row


def _unavailable(chosen: HubDataset, error: Exception) -> ConfigError:
    return ConfigError(
        f"{chosen.name} could not be read from the Hub: {error}. Check its name, configuration and "
        "split there; some data sets need `huggingface-cli login`. After a cut connection, the "
        "command goes on where it stopped."
    )


def _save(row: dict[str, Any], path: Path) -> Clip:
    """Save the recording of a row as 16 kHz FLAC.

    Raises:
        AudioError: it cannot be read.
    """
    audio = next(v for v in row.values() if isinstance(v, dict) and {"bytes", "path"} <= v.keys())
    if audio["bytes"] is None:  # the data set is a folder on this machine
        samples = load_audio(audio["path"])
    else:
        encoded = path.with_suffix(".encoded")
        encoded.write_bytes(audio["bytes"])
        try:
            samples = load_audio(encoded)
        finally:
            encoded.unlink()
    save_audio(path, samples)
    text, speaker = (
        next((str(row[name]) for name in names if row.get(name) not in (None, "")), None)
        for names in (_TEXTS, _SPEAKERS)
    )
    return Clip(path, speaker=speaker, text=text, duration_s=len(samples) / SAMPLE_RATE)


def _kept_rows(manifest: Path) -> list[dict[str, Any]]:
    """Return the rows of an interrupted download; a last one that is cut is removed."""
    text = manifest.read_text(encoding="utf-8") if manifest.is_file() else ""
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        manifest.write_text(whole, encoding="utf-8")
    return [json.loads(line) for line in whole.splitlines()]
