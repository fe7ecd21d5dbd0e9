"""Rows of tables: validate their values and turn them into clips."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from wakeword.data.clip import Clip
from wakeword.data.dataset import split_name
from wakeword.errors import ManifestError

_MAX_LABEL_WORDS = 4  # a longer transcript is a sentence, not a keyword


@dataclass(frozen=True)
class ManifestRow:
    """The values of one row, not validated yet.

    Attributes:
        location: file and line, for error messages.
        folder: the folder that relative paths are resolved against.
        values: by field: file, label, speaker, split, source, licence, text, offset, duration,
            start, end. Unknown values are absent or None.
    """

    location: str
    folder: Path
    values: Mapping[str, object]

    def clip(self) -> Clip:
        """Return the row as a clip.

        Raises:
            ManifestError: a value is invalid.
        """
        start_s, end_s = self._bounds()
        duration_s = self._seconds("duration")
        if duration_s is not None and duration_s <= 0.0:
            raise ManifestError(
                f"{self.location}: the duration is {duration_s} s. Expected more than 0."
            )
        offset_s = self._seconds("offset") or 0.0
        if offset_s < 0.0:
            raise ManifestError(f"{self.location}: the offset is {offset_s} s. Expected 0 or more.")
        split = self._text("split")
        try:
            split = None if split is None else split_name(split)
        except ManifestError as error:
            raise ManifestError(f"{self.location}: {error}") from error
        return Clip(
            self.folder / self._file(),
            label=self._text("label"),
            speaker=self._text("speaker"),
            split=split,
            source=self._text("source"),
            licence=self._text("licence"),
            text=self._text("text"),
            offset_s=offset_s,
            duration_s=duration_s,
            start_s=start_s,
            end_s=end_s,
        )

    def _text(self, field: str) -> str | None:
        value = self.values.get(field)
        return None if value is None else str(value)

    def _seconds(self, field: str) -> float | None:
        return parse_seconds(self.location, field, self.values.get(field))

    def _bounds(self) -> tuple[float | None, float | None]:
        start_s, end_s = self._seconds("start"), self._seconds("end")
        if start_s is None and end_s is None:
            return None, None
        if start_s is None or end_s is None or not 0.0 <= start_s < end_s:
            raise ManifestError(
                f"{self.location}: the keyword lasts from {start_s} to {end_s} s. Expected both, "
                "in seconds from the start of the clip, with 0 <= start < end; omit both to have "
                "them measured."
            )
        return start_s, end_s

    def _file(self) -> str:
        """Return the path of the file; commands are refused, never run."""
        file = self.values.get("file")
        if not isinstance(file, str) or not file:
            raise ManifestError(f"{self.location}: the file name is missing. Expected a path.")
        if file.startswith("|") or file.endswith("|"):
            raise ManifestError(
                f"{self.location}: '{file}' is a command, and commands in data are never run. Run "
                "it yourself, write its output to a file, and give the path of that file."
            )
        if "\0" in file or "\n" in file:
            raise ManifestError(f"{self.location}: {file!r} is not a path. Expected one path.")
        if "://" in file:
            raise ManifestError(
                f"{self.location}: '{file}' is a URL. Download the file and give its path."
            )
        if re.search(r"\.ark:\d+$", file):
            raise ManifestError(
                f"{self.location}: '{file}' is inside a Kaldi archive. Export it as a WAV file "
                "(wav-copy) and give the path of that file."
            )
        return file


def parse_seconds(location: str, field: str, value: object) -> float | None:
    """Return a number of seconds, or None for a missing or empty value.

    Raises:
        ManifestError: `value` is not a finite number.
    """
    if value is None or value == "":
        return None
    try:
        seconds = float(value) if isinstance(value, str | int | float) else math.nan
    except (ValueError, OverflowError):
        seconds = math.nan
    if not math.isfinite(seconds):
        raise ManifestError(f"{location}: {field} is {value!r}. Expected a number of seconds.")
    return seconds


def label_of_transcript(text: str) -> str:
    """Return a transcript as a label if it is as short as a keyword, otherwise ""."""
    return text.strip() if len(text.split()) <= _MAX_LABEL_WORDS else ""


def read_lines(path: Path) -> Iterator[str]:
    """Yield the lines of a UTF-8 file, with or without byte order mark, with their line ends.

    Raises:
        ManifestError: the file is not UTF-8.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            yield from lines
    except UnicodeDecodeError as error:
        raise ManifestError(f"{path}: not UTF-8 text ({error}). Save it as UTF-8.") from error
