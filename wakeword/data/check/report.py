"""The report of a data set check."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

from wakeword.data.dataset import Role

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class SplitSummary:
    """One line of the table: the clips of one split, role and label."""

    split: str
    """"train", "dev", "test", or "-" if none is stated."""
    role: Role
    label: str
    """The keyword; for negatives "other words" or ""."""
    clips: int
    seconds: float
    """Total length."""
    speakers: int
    """Number of known speakers."""
    rates: tuple[int, ...]
    """Sample rates in Hz."""
    channels: tuple[int, ...]
    """Numbers of channels."""
    clipped: int
    """Number of clips with overdriven samples."""
    silent: int
    """Number of silent clips."""
    broken: int
    """Number of clips that cannot be read."""


@dataclass(frozen=True)
class Finding:
    """One fault of the data, with its remedy."""

    severity: Severity
    kind: str
    """A stable name, such as "near-duplicates"."""
    message: str
    remedy: str
    files: tuple[str, ...] = ()
    """The clips concerned."""


@dataclass(frozen=True)
class DuplicateGroup:
    """Clips with the same recording."""

    kind: Literal["exact", "near"]
    """"exact": equal samples. "near": shifted, of another level, or encoded again."""
    files: tuple[str, ...]
    splits: tuple[str, ...]
    labels: tuple[str, ...]
    """Their labels; "" stands for no keyword."""


@dataclass(frozen=True)
class CheckReport:
    """The result of `check_dataset`."""

    root: str
    """The folder of the data set."""
    layout: str
    """The format that it was read from."""
    keywords: tuple[str, ...]
    rows: tuple[SplitSummary, ...]
    findings: tuple[Finding, ...]
    """Errors first."""
    duplicates: tuple[DuplicateGroup, ...]
    broken: tuple[tuple[str, str], ...]
    """(file, reason) of every clip that cannot be read."""
    notes: tuple[str, ...]
    """What the reader assumed or skipped."""

    @property
    def errors(self) -> int:
        """The number of findings that would harm training."""
        return sum(finding.severity == "error" for finding in self.findings)

    def as_dict(self) -> dict[str, object]:
        """Return the report as lists, strings and numbers, for JSON."""
        return asdict(self)
