"""Reading data sets: which layout a folder or table has, and what each of its clips is."""

from __future__ import annotations

import csv
import difflib
import json
import math
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path

from wakeword.data.clip import Clip
from wakeword.data.dataset import Dataset, find_split, split_name
from wakeword.errors import ManifestError

AUDIO_SUFFIXES = frozenset(
    {".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".aif", ".au", ".w64"}
)
_OTHER_SOUND = frozenset({".m4a", ".aac", ".wma", ".webm", ".amr", ".mp4", ".3gp"})

_LAYOUTS = """Expected one of:
  - one folder per word with recordings in it, beside 'negatives', 'noise' and 'rir'
  - 'wake-word' and 'not-wake-word' folders (Precise)
  - a JSONL manifest with 'audio_filepath' or 'wav' on each line (NeMo, WeKws)
  - a Kaldi folder with 'wav.scp' and 'text'
  - 'keywords.csv' (file,label,...) beside 'speech.csv', 'noise.csv' and 'rir.csv', or one table
  - 'train', 'dev' and 'test' folders, each with one of these in it"""

_ROLES = ("keyword", "negative", "noise", "room")
_NAMES_OF_ROLE = {
    "negative": (
        *("negative", "negatives", "unknown", "unk", "filler", "other", "others", "silence"),
        *("not-wake-word", "not-wakeword", "non-wake-word", "no-wake-word", "garbage"),
    ),
    "noise": ("noise", "noises", "background", "backgrounds", "background-noise"),
    "room": ("rir", "rirs", "room", "rooms", "impulse-responses"),
}
_ROLE_OF_NAME = {name: role for role, names in _NAMES_OF_ROLE.items() for name in names}
_MANY_WORDS = 5  # a transcript from here on is a sentence, not the name of a wake word

_COLUMNS = (
    *("file", "label", "source", "speaker", "split", "seconds", "text", "start", "end"),
    *("offset", "licence", "license"),
)
_TABLES = {
    "keywords.csv": "keyword",
    "speech.csv": "negative",
    "noise.csv": "noise",
    "rir.csv": "room",
}


def read_dataset(path: Path | str) -> Dataset:
    """Read the data set at `path`: a folder or a manifest of any layout that is known.

    Single missing files are noted and stay in, since a training names and skips broken clips.

    Raises:
        ManifestError: unknown layout, wrong column or key, a value that cannot be understood, or
            a table most of whose files are missing.
    """
    path = Path(path)
    if not path.exists():
        raise ManifestError(f"{path}: no such folder or manifest. Check the path.")
    dataset = _read_folder(path) if path.is_dir() else _read_table(path)
    if not any((dataset.keywords, dataset.negatives, dataset.noises, dataset.rirs)):
        raise ManifestError(
            f"{path}: read as {dataset.layout}, but there is not one clip in it. {_LAYOUTS}"
        )
    return dataset


def read_datasets(paths: Iterable[Path]) -> Dataset | None:
    """Several data sets as one, their clips after one another; None where there is none.

    Raises ManifestError as `read_dataset`.
    """
    found = [read_dataset(path) for path in paths]
    return reduce(Dataset.with_clips_of, found) if found else None


@dataclass
class _Found:
    """What a reader has found so far: clips with their roles, in the order of the data."""

    clips: list[tuple[str, Clip]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, role: str, clip: Clip) -> None:
        """File a clip under its role; only keywords keep a label and bounds."""
        if role != "keyword":
            clip = replace(clip, label=None, start_s=None, end_s=None)
        self.clips.append((role, clip))

    def of(self, wanted: str) -> tuple[Clip, ...]:
        return tuple(clip for role, clip in self.clips if role == wanted)

    def check_files(self, table: Path, first: int = 0) -> None:
        """Note missing files from clip `first` on; where most are missing, raise ManifestError."""
        paths = {clip.path for _, clip in self.clips[first:]}
        gone = sorted(path for path in paths if not os.path.exists(path))
        if len(gone) > len(paths) / 2:
            raise ManifestError(
                f"{table}: {len(gone)} of {len(paths)} files are not there, such as {gone[0]}. "
                f"Relative paths count from the manifest's folder ({table.parent}): move the "
                "manifest or correct the paths."
            )
        if gone:
            self.notes.append(
                f"{table.name}: {len(gone)} of {len(paths)} files are not there, such as "
                f"{gone[0]}; they will be skipped."
            )

    def dataset(self, root: Path, layout: str) -> Dataset:
        return Dataset(
            root,
            layout,
            keywords=self.of("keyword"),
            negatives=self.of("negative"),
            noises=self.of("noise"),
            rirs=self.of("room"),
        ).with_notes(*self.notes)


def _read_folder(root: Path) -> Dataset:
    names = {entry.name for entry in root.iterdir() if not entry.name.startswith(".")}
    folders = sorted(name for name in names if (root / name).is_dir())
    if "keywords.csv" in names:
        return _read_csv_folder(root, names)
    if "wav.scp" in names:
        return _read_kaldi(root)
    manifests = sorted(name for name in names if _is_manifest_name(name))
    if manifests:
        return _read_jsonl([root / name for name in manifests], root)
    if "wake-word" in folders:
        return _read_precise(root)
    if _are_splits(folders):
        return _read_split_folders(root, folders)
    if any(_audio_below(root / name) for name in folders):
        return _read_class_folders(root, folders)
    raise ManifestError(f"{root}: no data set that is known. {_what_is_in(names)} {_LAYOUTS}")


def _read_table(path: Path) -> Dataset:
    suffix = path.suffix.casefold()
    if suffix == ".csv":
        return _read_single_csv(path)
    if suffix in {".jsonl", ".json", ".list"}:
        return _read_jsonl([path], path.parent)
    if path.name == "wav.scp":
        return _read_kaldi(path.parent)
    raise ManifestError(f"{path}: a '{suffix}' file is no manifest that is known. {_LAYOUTS}")


def _what_is_in(names: set[str]) -> str:
    sounds = sum(Path(name).suffix.casefold() in AUDIO_SUFFIXES for name in names)
    if sounds:
        return (
            f"There are {sounds} recordings in it that nothing says the word of: put them into "
            "one folder per word."
        )
    shown = ", ".join(sorted(names)[:8]) or "nothing"
    return f"Found: {shown}{' ...' if len(names) > 8 else ''}."


def _is_manifest_name(name: str) -> bool:
    path = Path(name)
    return (
        path.suffix == ".jsonl"
        or (path.suffix == ".json" and "manifest" in path.stem)
        or name == "data.list"
    )


# --- folders ------------------------------------------------------------------------------------


def _read_class_folders(root: Path, folders: list[str]) -> Dataset:
    found = _Found()
    listed = _listed_splits(root, found.notes)
    rest = "train" if "dev" in listed.values() else None
    for name in folders:
        role = _role(name)
        if role != "keyword":
            found.notes.append(f"Folder '{name}' is read as {role}.")
        for path in _audio_files(root / name, found.notes):
            spoken = role in {"keyword", "negative"}
            inside = path.relative_to(root).as_posix()
            found.add(
                role,
                Clip(
                    path,
                    label=name,
                    speaker=_speech_commands_speaker(path) if spoken else None,
                    split=listed.get(inside, rest) if spoken else None,
                    source=path.parent.relative_to(root).as_posix(),
                ),
            )
    return found.dataset(root, "one folder per word")


def _listed_splits(root: Path, notes: list[str]) -> dict[str, str]:
    """{path below root: split} from Speech Commands' lists."""
    listed = {}
    for name, split in (("validation_list.txt", "dev"), ("testing_list.txt", "test")):
        if (root / name).is_file():
            entries = [line.strip() for line in _lines(root / name) if line.strip()]
            gone = sum(not (root / entry).exists() for entry in entries)
            if gone:
                notes.append(f"{gone} of {len(entries)} files named in {name} are not there.")
            listed.update(dict.fromkeys(entries, split))
    return listed


def _speech_commands_speaker(path: Path) -> str | None:
    match = re.fullmatch(r"(\w+)_nohash_\d+", path.stem)
    return match[1] if match else None


_PLAIN_FOLDER_NAMES = frozenset(
    {"", "data", "dataset", "datasets", "precise", "wake-word", "wakeword", "recordings", "clips"}
)


def _read_precise(root: Path) -> Dataset:
    found = _Found()
    word = root.resolve().name
    if word.casefold() in _PLAIN_FOLDER_NAMES:
        word = "wake-word"
    found.notes.append(f"The recordings in 'wake-word' are called '{word}', after the folder.")
    for folder, split in ((root, None), (root / "test", "test")):
        entries = sorted(folder.iterdir()) if folder.is_dir() else []
        for entry in entries:
            if entry.name.startswith(".") or not entry.is_dir() or entry == root / "test":
                continue
            role = "keyword" if entry.name == "wake-word" else _role(entry.name)
            if role == "keyword" and entry.name != "wake-word":
                found.notes.append(f"Folder '{entry.relative_to(root)}' is left out.")
                continue
            for path in _audio_files(entry, found.notes):
                source = path.parent.relative_to(root).as_posix()
                found.add(role, Clip(path, label=word, split=split, source=source))
    return found.dataset(root, "Precise folders")


def _are_splits(folders: list[str]) -> bool:
    """Whether folders are named after splits, perhaps beside negatives, noise and rooms."""
    splits = [name for name in folders if find_split(name)]
    return bool(splits) and all(find_split(name) or _role(name) != "keyword" for name in folders)


def _read_split_folders(root: Path, folders: list[str]) -> Dataset:
    splits = [name for name in folders if find_split(name)]
    parts = [_read_folder(root / name).map(_stated(split_name(name))) for name in splits]
    parts.append(_read_class_folders(root, [name for name in folders if name not in splits]))
    return Dataset(
        root,
        f"{parts[0].layout}, one folder per split",
        keywords=tuple(clip for part in parts for clip in part.keywords),
        negatives=tuple(clip for part in parts for clip in part.negatives),
        noises=tuple(clip for part in parts for clip in part.noises),
        rirs=tuple(clip for part in parts for clip in part.rirs),
    ).with_notes(*(note for part in parts for note in part.notes))


def _stated(split: str) -> Callable[[tuple[Clip, ...]], tuple[Clip, ...]]:
    return lambda clips: tuple(replace(clip, split=clip.split or split) for clip in clips)


def find_recordings(path: Path) -> list[Path]:
    """A recording, or all recordings below a folder, sorted. Raises ManifestError for none."""
    found = [path] if path.is_file() else _audio_files(path, [])
    if not found:
        raise ManifestError(f"{path}: no recordings here. Give a sound file or a folder of them.")
    return found


def _audio_files(folder: Path, notes: list[str]) -> list[Path]:
    """All recordings below a folder, sorted; notes what only looks like one."""
    sounds, foreign = [], Counter[str]()
    for path in _files_below(folder):
        suffix = path.suffix.casefold()
        if suffix in AUDIO_SUFFIXES:
            sounds.append(path)
        elif suffix in _OTHER_SOUND:
            foreign[suffix] += 1
    for suffix, count in sorted(foreign.items()):
        notes.append(
            f"{count} {suffix} file(s) in '{folder.name}' left out: convert them to WAV or FLAC."
        )
    return sorted(sounds)


def _audio_below(folder: Path) -> bool:
    return any(path.suffix.casefold() in AUDIO_SUFFIXES for path in _files_below(folder))


def _files_below(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(place, name) for name in files if not name.startswith("."))


# --- CSV tables ---------------------------------------------------------------------------------


def _read_csv_folder(root: Path, names: set[str]) -> Dataset:
    found = _Found()
    for name, role in _TABLES.items():
        if name in names:
            _read_csv(root / name, role, found)
    for name in sorted(names):
        if name.endswith(".csv") and name not in _TABLES:
            found.notes.append(f"{name} is left out: only {', '.join(_TABLES)} are read.")
    return found.dataset(root, "CSV tables")


def _read_single_csv(path: Path) -> Dataset:
    found = _Found()
    _read_csv(path, None, found)
    return found.dataset(path.parent, "CSV table")


def _read_csv(table: Path, role: str | None, found: _Found) -> None:
    """Add a table's rows; `role` None: rows with a label are keywords, the others negatives."""
    before = len(found.clips)
    needed = ("file", "label") if role == "keyword" else ("file",)
    reader = csv.DictReader(_lines(table), restkey="\0", strict=True)
    try:
        _check_columns(table, reader.fieldnames, needed)
        for row in reader:
            _add_csv_row(f"{table} line {reader.line_num}", table.parent, row, role, found)
    except csv.Error as error:
        raise ManifestError(
            f"{table} line {reader.line_num}: {error}. Check the quotes there."
        ) from error
    found.check_files(table, before)


def _check_columns(table: Path, names: Iterable[str] | None, needed: tuple[str, ...]) -> None:
    found = [name or "" for name in names or ()]
    told = (
        f"Found: {', '.join(found) or 'no header'}. "
        f"Expected: {', '.join(needed)} and, where known, "
        f"{', '.join(name for name in _COLUMNS if name not in needed)}."
    )
    for name in needed:
        if name not in found:
            raise ManifestError(f"{table}: the column '{name}' is missing. {told}")
    for name in found:
        near = difflib.get_close_matches(name.strip().casefold(), _COLUMNS, n=1, cutoff=0.8)
        if near and name != near[0] and near[0] not in found:
            raise ManifestError(
                f"{table}: unknown column '{name}'. Did you mean '{near[0]}'? {told}"
            )


def _add_csv_row(
    place: str, folder: Path, row: Mapping[str, str | None], role: str | None, found: _Found
) -> None:
    if "\0" in row or None in row.values():
        raise ManifestError(
            f"{place}: another number of fields than the header has. "
            'Put text with commas into quotes ("...").'
        )
    values = {key: value.strip() for key, value in row.items() if value and value.strip()}
    label = values.get("label", "")
    keyword = role == "keyword" or (role is None and label != "")
    clip = _clip(
        place,
        folder,
        file=values.get("file"),
        label=label,
        speaker=values.get("speaker"),
        split=values.get("split"),
        source=values.get("source"),
        licence=values.get("licence", values.get("license")),
        text=values.get("text"),
        offset=values.get("offset"),
        duration=values.get("seconds"),
        bounds=(values.get("start"), values.get("end")) if keyword else (None, None),
    )
    found.add(_role(label) if keyword else (role or "negative"), clip)


# --- JSONL --------------------------------------------------------------------------------------


def _read_jsonl(tables: list[Path], root: Path) -> Dataset:
    found = _Found()
    for table in tables:
        before = len(found.clips)
        split = _split_in_name(table.stem) if len(tables) > 1 else None
        for number, line in enumerate(_lines(table), start=1):
            if line.strip():
                _add_json_row(f"{table} line {number}", table.parent, line, split, found)
        found.check_files(table, before)
    labels = {clip.label or "" for clip in found.of("keyword")}
    if labels and all(label.isdigit() for label in labels):
        found.notes.append(
            f"The words are numbers here ({', '.join(sorted(labels))}): write the words themselves "
            "to have them named in results."
        )
    return found.dataset(root, "JSONL manifest")


def _split_in_name(stem: str) -> str | None:
    """The split that a manifest's file name states, as in 'train_manifest' or 'kws-val'."""
    splits = {find_split(part) for part in re.split(r"[^a-zA-Z]+", stem)} - {None}
    return splits.pop() if len(splits) == 1 else None


def _add_json_row(place: str, folder: Path, line: str, split: str | None, found: _Found) -> None:
    row = _json_object(place, line)
    file = row.get("audio_filepath", row.get("wav"))
    if file is None:
        raise ManifestError(
            f"{place}: no 'audio_filepath' and no 'wav'. Found: {', '.join(row) or 'nothing'}. "
            "Expected one of them and, where known, label (or command, txt), duration, offset, "
            "text, speaker, split, source, licence, start, end."
        )
    label, text = _label_and_text(row)
    role = row.get("role", _role(label))
    if role not in _ROLES:
        raise ManifestError(f"{place}: role '{role}'. Expected one of: {', '.join(_ROLES)}.")
    clip = _clip(
        place,
        folder,
        file=file,
        label=label,
        speaker=row.get("speaker"),
        split=row.get("split", split),
        source=row.get("source"),
        licence=row.get("licence", row.get("license")),
        text=text,
        offset=row.get("offset"),
        duration=row.get("duration", row.get("tot_len")),
        bounds=(row.get("start"), row.get("end")) if role == "keyword" else (None, None),
    )
    found.add(str(role), clip)


def _json_object(place: str, line: str) -> dict[str, object]:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise ManifestError(
            f"{place}: not JSON ({error}). Expected one object a line, such as "
            '{"audio_filepath": "a.wav", "duration": 1.2, "label": "computer"}.'
        ) from error
    if not isinstance(row, dict):
        raise ManifestError(f"{place}: expected one JSON object a line, found {line.strip()[:60]}.")
    return {key: value for key, value in row.items() if value is not None}


def _label_and_text(row: Mapping[str, object]) -> tuple[str, str | None]:
    """The word and the transcript of a row; WeKws' `txt` is both."""
    text = row.get("text", row.get("txt"))
    label = row.get("label", row.get("command"))
    if label is None and "txt" in row:
        return _phrase(str(row["txt"])), None if text is None else str(text)
    return "" if label is None else str(label).strip(), None if text is None else str(text)


def _phrase(text: str) -> str:
    """A transcript as a label: itself if it is as short as a wake word, else none."""
    return text.strip() if len(text.split()) < _MANY_WORDS else ""


# --- Kaldi --------------------------------------------------------------------------------------


def _read_kaldi(root: Path) -> Dataset:
    if not (root / "text").is_file():
        raise ManifestError(
            f"{root}: 'wav.scp' is there, but no 'text' that says what is said in each utterance. "
            "Add it: '<utterance> <words>' on each line."
        )
    files = _kaldi_map(root / "wav.scp")
    texts = _kaldi_map(root / "text")
    speakers = _kaldi_map(root / "utt2spk")
    lengths = _kaldi_map(root / "utt2dur")
    parts = _kaldi_segments(root / "segments")
    if parts is None:
        parts = {key: (key, None, lengths.get(key)) for key in files}
    found = _Found()
    for utterance, (recording, offset, duration) in parts.items():
        if recording not in files:
            raise ManifestError(
                f"{root / 'segments'}: '{utterance}' is a part of the recording '{recording}', "
                "which is not in wav.scp. Add it there or remove the line."
            )
        text = texts.get(utterance, "")
        label = _phrase(text)
        clip = _clip(
            f"{root / 'wav.scp'} '{recording}'",
            root,
            file=files[recording],
            label=label,
            speaker=speakers.get(utterance),
            text=text or None,
            offset=offset,
            duration=duration,
        )
        found.add(_role(label), clip)
    unheard = len(texts.keys() - parts.keys())
    if unheard:
        found.notes.append(f"{unheard} line(s) of 'text' have no recording and are left out.")
    found.check_files(root / "wav.scp")
    return found.dataset(root, "Kaldi folder")


def _kaldi_map(table: Path) -> dict[str, str]:
    """{first field: the rest of the line}; nothing where the file is not there."""
    if not table.is_file():
        return {}
    pairs = (line.strip().split(maxsplit=1) for line in _lines(table) if line.strip())
    return {key: "".join(rest) for key, *rest in pairs}


def _kaldi_segments(table: Path) -> dict[str, tuple[str, float | None, object]] | None:
    """{utterance: (recording, offset, duration)} in seconds; an end of -1 is the file's end."""
    if not table.is_file():
        return None
    parts: dict[str, tuple[str, float | None, object]] = {}
    for number, line in enumerate(_lines(table), start=1):
        if not (fields := line.split()):
            continue
        place = f"{table} line {number}"
        if len(fields) != 4:
            raise ManifestError(
                f"{place}: {len(fields)} fields. Expected '<utterance> <recording> <start> <end>'."
            )
        start, end = _number(place, "start", fields[2]), _number(place, "end", fields[3])
        if start is None or end is None or (end != -1 and end <= start):
            raise ManifestError(
                f"{place}: from {start} to {end} s. Expected a start before an end."
            )
        parts[fields[0]] = (fields[1], start, None if end == -1 else end - start)
    return parts


# --- what all layouts share ---------------------------------------------------------------------


def _role(name: str) -> str:
    """The role that a folder's or label's name says; "keyword" for any other name."""
    plain = re.sub(r"[\s_]+", "-", name.strip().strip("_<>[]() ").casefold())
    if plain in {"", "-1"}:
        return "negative"
    return _ROLE_OF_NAME.get(plain, "keyword")


def _clip(
    place: str,
    folder: Path,
    *,
    file: object,
    label: str,
    speaker: object = None,
    split: object = None,
    source: object = None,
    licence: object = None,
    text: str | None = None,
    offset: object = None,
    duration: object = None,
    bounds: tuple[object, object] = (None, None),
) -> Clip:
    """A clip from the values of one row; `place` names the row in errors."""
    start, end = _bounds(place, *bounds)
    length = _number(place, "duration", duration)
    if length is not None and length <= 0.0:
        raise ManifestError(f"{place}: a duration of {length} s. Expected more than 0.")
    begin = _number(place, "offset", offset) or 0.0
    if begin < 0.0:
        raise ManifestError(f"{place}: an offset of {begin} s. Expected 0 or more.")
    try:
        known_split = None if split is None else split_name(str(split))
    except ManifestError as error:
        raise ManifestError(f"{place}: {error}") from error
    return Clip(
        _audio_path(place, folder, file),
        label=label,
        speaker=None if speaker is None else str(speaker),
        split=known_split,
        source=None if source is None else str(source),
        licence=None if licence is None else str(licence),
        text=text,
        offset_s=begin,
        duration_s=length,
        start_s=start,
        end_s=end,
    )


def _audio_path(place: str, folder: Path, file: object) -> Path:
    """Where a row's file lies. Raises ManifestError for what is no path; runs nothing."""
    if not isinstance(file, str) or not file:
        raise ManifestError(f"{place}: the file's name is missing. Expected a path.")
    if file.startswith("|") or file.endswith("|"):
        raise ManifestError(
            f"{place}: '{file}' is a command, and commands in data are never run. Run it yourself, "
            "write the sound to a file, and put that file's path here."
        )
    if "\0" in file or "\n" in file:
        raise ManifestError(f"{place}: {file!r} is no path of a file. Expected one path.")
    if "://" in file:
        raise ManifestError(f"{place}: '{file}' is an address. Download it and put its path here.")
    if re.search(r"\.ark:\d+$", file):
        raise ManifestError(
            f"{place}: '{file}' lies within a Kaldi archive. Write it out as a WAV file "
            "(wav-copy) and put its path here."
        )
    return folder / file


def _bounds(place: str, start: object, end: object) -> tuple[float | None, float | None]:
    first, last = _number(place, "start", start), _number(place, "end", end)
    if first is None and last is None:
        return None, None
    if first is None or last is None or not 0.0 <= first < last:
        raise ManifestError(
            f"{place}: the word from {first} to {last} s. Expected both, in seconds from the "
            "clip's start, with 0 <= start < end; leave both out to have them measured."
        )
    return first, last


def _number(place: str, name: str, value: object) -> float | None:
    if value is None or value == "":
        return None
    try:
        number = float(value) if isinstance(value, str | int | float) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise ManifestError(f"{place}: {name} is {value!r}. Expected a number of seconds.")
    return number


def _lines(table: Path) -> Iterator[str]:
    """The lines of a UTF-8 text, with or without a byte order mark, line ends kept."""
    try:
        with table.open(encoding="utf-8-sig", newline="") as lines:
            yield from lines
    except UnicodeDecodeError as error:
        raise ManifestError(f"{table}: not UTF-8 text ({error}). Save it as UTF-8.") from error
