"""Recognise the format of a data set and read it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from pathlib import Path

from wakeword.data.dataset import Dataset
from wakeword.data.readers.class_folders import read_class_folders
from wakeword.data.readers.csv_tables import KEYWORD_TABLE, read_csv_folder, read_csv_table
from wakeword.data.readers.jsonl import is_manifest_name, read_jsonl
from wakeword.data.readers.kaldi import read_kaldi
from wakeword.data.readers.precise import KEYWORD_FOLDER, read_precise
from wakeword.data.readers.recordings import AUDIO_SUFFIXES, contains_audio
from wakeword.data.readers.speakers import name_speakers
from wakeword.data.readers.split_folders import are_split_folders, read_split_folders
from wakeword.errors import ManifestError

_FORMATS = """Expected one of:
  - one folder per word with recordings in it, next to 'negatives', 'noise' and 'rir'
  - 'wake-word' and 'not-wake-word' folders (Precise)
  - a JSONL manifest with 'audio_filepath' or 'wav' on each line (NeMo, WeKws)
  - a Kaldi folder with 'wav.scp' and 'text'
  - 'keywords.csv' (file,label,...) next to 'speech.csv', 'noise.csv' and 'rir.csv', or one table
  - 'train', 'dev' and 'test' folders, each with one of these in it"""
_MAX_NAMES = 8  # of files, in an error message


def read_dataset(path: Path | str) -> Dataset:
    """Read a data set.

    A few missing files are noted and their clips kept: training skips them and names them.

    Args:
        path: a folder or a manifest of any supported format.

    Raises:
        ManifestError: unknown format, missing column or key, an invalid value, or a table most of
            whose files are missing.
    """
    path = Path(path)
    if not path.exists():
        raise ManifestError(f"{path}: no such folder or manifest. Check the path.")
    dataset = _read_folder(path) if path.is_dir() else _read_file(path)
    if not any(dataset.by_role().values()):
        raise ManifestError(f"{path}: read as {dataset.layout}, but contains no clips. {_FORMATS}")
    return dataset


def read_datasets(paths: Iterable[Path]) -> Dataset | None:
    """Read several data sets and concatenate their clips; None for no paths.

    Raises:
        ManifestError: as `read_dataset`.
    """
    datasets = [read_dataset(path) for path in paths]
    return reduce(Dataset.with_clips_of, datasets) if datasets else None


def _read_folder(root: Path) -> Dataset:
    return name_speakers(_read_layout(root), root)


def _read_layout(root: Path) -> Dataset:
    names = {entry.name for entry in root.iterdir() if not entry.name.startswith(".")}
    folders = sorted(name for name in names if (root / name).is_dir())
    if KEYWORD_TABLE in names:
        return read_csv_folder(root, names)
    if "wav.scp" in names:
        return read_kaldi(root)
    manifests = sorted(name for name in names if is_manifest_name(name))
    if manifests:
        return read_jsonl([root / name for name in manifests], root)
    if KEYWORD_FOLDER in folders:
        return read_precise(root)
    if are_split_folders(folders):
        return read_split_folders(root, folders, _read_folder)
    if any(contains_audio(root / name) for name in folders):
        return read_class_folders(root, folders)
    raise ManifestError(f"{root}: unknown data set format. {_describe_content(names)} {_FORMATS}")


def _read_file(path: Path) -> Dataset:
    suffix = path.suffix.casefold()
    if suffix == ".csv":
        return read_csv_table(path)
    if suffix in {".jsonl", ".json", ".list"}:
        return read_jsonl([path], path.parent)
    if path.name == "wav.scp":
        return read_kaldi(path.parent)
    raise ManifestError(f"{path}: '{suffix}' is not the suffix of a known manifest. {_FORMATS}")


def _describe_content(names: set[str]) -> str:
    recordings = sum(Path(name).suffix.casefold() in AUDIO_SUFFIXES for name in names)
    if recordings:
        return (
            f"It contains {recordings} recording(s) without labels: put them into one folder per "
            "word."
        )
    listed = ", ".join(sorted(names)[:_MAX_NAMES]) or "nothing"
    return f"Found: {listed}{' ...' if len(names) > _MAX_NAMES else ''}."
