"""Look a data set over before training on it: what is in it, and what would spoil a training."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np

from wakeword.data.check.duplicates import Groups, find_copies
from wakeword.data.check.measure import Measured, measure_all
from wakeword.data.clip import Clip
from wakeword.data.dataset import SPLITS, Dataset
from wakeword.data.keywords import contains_phrase, negatives_containing, normalised_words, relabel
from wakeword.progress import ProgressCallback

BROKEN_SHARE = 0.05
"""More unusable clips than this in one split of a word or role are an error."""
CLIPPED_RUN = 5
"""So many samples at full scale in a row (0.3 ms) are called clipped."""
SILENT_PEAK = 0.001
"""Speech whose largest sample is below this (-60 dB of full scale) is called silent."""
SILENT_NOISE_PEAK = 0.0001
"""The same for noise (-80 dB): the tone of a quiet room is of use."""
SHORTEST_S, LONGEST_S = 0.25, 5.0
"""A keyword, by its stated bounds or else its whole clip, is expected to last this long."""
_SHORT_NUMBER = 6  # speakers with longer names are taken for the same person in every source
_TOLERANCE_S = 0.1  # stated lengths may be rounded, and codecs pad

Severity = Literal["error", "warning"]
Role = Literal["keyword", "negative", "noise", "room"]


@dataclass(frozen=True)
class SplitSummary:
    """One line of the table: the clips of one split and word, or of one split and role."""

    split: str
    """"train", "dev", "test", or "-" where none is stated."""
    role: Role
    word: str
    """The keyword; for negatives "other words" or ""."""
    clips: int
    seconds: float
    speakers: int
    rates: tuple[int, ...]
    """Sample rates in Hz."""
    channels: tuple[int, ...]
    clipped: int
    silent: int
    broken: int


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, in plain words, with what to do about it."""

    severity: Severity
    kind: str
    """A stable name, such as "near-duplicates"."""
    message: str
    remedy: str
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class DuplicateGroup:
    """Clips that are the same recording."""

    kind: Literal["exact", "near"]
    """"exact": the same samples. "near": shifted, of other loudness, or coded again."""
    files: tuple[str, ...]
    splits: tuple[str, ...]
    words: tuple[str, ...]
    """The keywords they are labelled with; "" stands for no keyword."""


@dataclass(frozen=True)
class CheckReport:
    """What `check` found."""

    root: str
    layout: str
    keywords: tuple[str, ...]
    rows: tuple[SplitSummary, ...]
    findings: tuple[Finding, ...]
    duplicates: tuple[DuplicateGroup, ...]
    broken: tuple[tuple[str, str], ...]
    """(file, reason) of every clip that cannot be used."""
    notes: tuple[str, ...]

    @property
    def errors(self) -> int:
        """How many findings would spoil a training."""
        return sum(finding.severity == "error" for finding in self.findings)

    def as_dict(self) -> dict[str, object]:
        """The report as plain lists, strings and numbers, for JSON."""
        return asdict(self)


def check_dataset(
    dataset: Dataset,
    keywords: Sequence[str] | None = None,
    *,
    workers: int | None = None,
    progress: ProgressCallback | None = None,
) -> CheckReport:
    """Decode every clip and report what is in the data and what is wrong with it.

    Args:
        dataset: as read, or with splits assigned to see what a training will see.
        keywords: the words to learn; the others count as negatives. None: all words.
        workers: processes that read; None: one for each core. Few clips need no other process.
        progress: called as progress(stage, done, total).

    Raises:
        ManifestError: a keyword that the data set does not have.
    """
    asked = list(keywords) if keywords else dataset.words()
    chosen = relabel(dataset, asked) if asked else dataset
    clips = _seen(chosen)
    measured = measure_all(
        [clip.clip for clip in clips],
        [clip.says_a_word for clip in clips],
        workers=workers,
        progress=progress,
    )
    seen = [_Seen(one.clip, one.role, what) for one, what in zip(clips, measured, strict=True)]
    groups = _duplicate_groups(seen, progress)
    name = _namer(chosen)
    findings = [
        *_unusable(seen, name),
        *_missing_clips(chosen, asked),
        *_keyword_in_negatives(chosen, asked, name),
        *_speakers(chosen, name),
        *_duplicates(seen, groups, name),
        *_lengths(seen, name),
        *_sound(seen, name),
        *_spellings(dataset),
    ]
    return CheckReport(
        root=str(dataset.root),
        layout=dataset.layout,
        keywords=tuple(asked),
        rows=_rows(seen),
        findings=tuple(sorted(findings, key=lambda finding: finding.severity)),
        duplicates=tuple(_described(seen, group, name) for group in groups),
        broken=tuple((name(one.clip), one.measured.error) for one in seen if one.measured.error),
        notes=chosen.notes,
    )


Namer = Callable[[Clip], str]


@dataclass(frozen=True)
class _Seen:
    """A clip with its role and what decoding it told."""

    clip: Clip
    role: Role
    measured: Measured

    @property
    def usable(self) -> bool:
        return self.measured.error is None

    @property
    def silent(self) -> bool:
        limits = {"noise": SILENT_NOISE_PEAK, "room": 0.0}
        return self.usable and self.measured.peak < limits.get(self.role, SILENT_PEAK)

    @property
    def clipped(self) -> bool:
        return self.role != "room" and self.measured.full_scale_run >= CLIPPED_RUN

    @property
    def says_a_word(self) -> bool:
        """Whether it was recorded as one word, asked for or not."""
        return self.role == "keyword" or self.of_other_word

    @property
    def of_other_word(self) -> bool:
        return self.role == "negative" and (self.clip.source or "").startswith("word:")

    @property
    def place(self) -> tuple[str, Role, str]:
        """The split, role and word that it is counted under."""
        word = self.clip.label or ("other words" if self.of_other_word else "")
        return self.clip.split or "-", self.role, word


def _seen(dataset: Dataset) -> list[_Seen]:
    """All clips, nothing measured yet."""
    nothing = Measured()
    return [
        *(_Seen(clip, "keyword", nothing) for clip in dataset.keywords),
        *(_Seen(clip, "negative", nothing) for clip in dataset.negatives),
        *(_Seen(clip, "noise", nothing) for clip in dataset.noises),
        *(_Seen(clip, "room", nothing) for clip in dataset.rirs),
    ]


def _namer(dataset: Dataset) -> Namer:
    """How clips are named: by their path below the data set, with the part's start."""

    def name(clip: Clip) -> str:
        inside = clip.path.is_relative_to(dataset.root)
        path = (clip.path.relative_to(dataset.root) if inside else clip.path).as_posix()
        return f"{path} at {clip.offset_s:g} s" if clip.offset_s else path

    return name


def _rows(seen: list[_Seen]) -> tuple[SplitSummary, ...]:
    places: dict[tuple[str, Role, str], list[_Seen]] = defaultdict(list)
    for one in seen:
        places[one.place].append(one)
    order = ["-", *SPLITS]
    roles = ["keyword", "negative", "noise", "room"]
    return tuple(
        SplitSummary(
            split=split,
            role=role,
            word=word,
            clips=len(ones),
            seconds=sum(one.measured.seconds for one in ones),
            speakers=len({one.clip.speaker for one in ones} - {None}),
            rates=tuple(sorted({one.measured.rate for one in ones if one.usable})),
            channels=tuple(sorted({one.measured.channels for one in ones if one.usable})),
            clipped=sum(one.clipped for one in ones),
            silent=sum(one.silent for one in ones),
            broken=sum(not one.usable for one in ones),
        )
        for (split, role, word), ones in sorted(
            places.items(),
            key=lambda item: (order.index(item[0][0]), roles.index(item[0][1]), item),
        )
    )


# --- findings -----------------------------------------------------------------------------------


def _unusable(seen: list[_Seen], name: Namer) -> list[Finding]:
    """Broken and silent clips: an error where they are too large a share of their place."""
    totals = Counter(one.place for one in seen)
    findings = []
    kinds: tuple[tuple[str, Callable[[_Seen], bool], str], ...] = (
        ("broken", lambda one: not one.usable, "cannot be read as sound"),
        ("silent", lambda one: one.silent, "are silent"),
    )
    for kind, is_such, what in kinds:
        such = [one for one in seen if is_such(one)]
        if not such:
            continue
        counts = Counter(one.place for one in such)
        worst = max(counts, key=lambda place: counts[place] / totals[place])
        share = counts[worst] / totals[worst]
        findings.append(
            Finding(
                "error" if share > BROKEN_SHARE else "warning",
                kind,
                f"{len(such)} clip(s) {what}; at most {share:.0%} of one part of the data "
                f"({_place_name(worst)}; above {BROKEN_SHARE:.0%} is an error).",
                "Record or convert them again, or remove them.",
                tuple(name(one.clip) for one in such),
            )
        )
    return findings


def _place_name(place: tuple[str, Role, str]) -> str:
    split, role, word = place
    what = f"'{word}'" if word else {"negative": "negatives"}.get(role, f"{role}s")
    return what if split == "-" else f"{what} in {split}"


def _missing_clips(dataset: Dataset, asked: list[str]) -> list[Finding]:
    """Words and negatives that are not there, at all or in one split."""
    findings = []
    if not dataset.keywords:
        findings.append(
            Finding(
                "error",
                "no-keywords",
                "There is no recording of a keyword.",
                "Add recordings of the word, with its name as their label or folder.",
            )
        )
    if not dataset.negatives:
        findings.append(
            Finding(
                "error",
                "no-negatives",
                "There is nothing but keywords: a model would fire at every sound.",
                "Add speech without the keyword: a folder 'negatives', or rows without a label.",
            )
        )
    in_splits: dict[str, set[str]] = {f"'{word}'": set() for word in asked}
    for clip in dataset.keywords:
        in_splits[f"'{clip.label}'"].add(clip.split or "train")
    if dataset.negatives:
        in_splits["negatives"] = {clip.split or "train" for clip in dataset.negatives}
    stated = any(clip.split for clip in (*dataset.keywords, *dataset.negatives))
    needed = {"train", "dev"}.union(*in_splits.values()) if stated else set()
    for split in sorted(needed, key=SPLITS.index):
        without = [what for what, splits in in_splits.items() if split not in splits]
        if without:
            findings.append(
                Finding(
                    "error",
                    "empty-split",
                    f"No clips in {split} of: {_some(without)}.",
                    "Move some there (other speakers than in the other splits), or state no "
                    "splits at all and have them assigned.",
                )
            )
    return findings


def _keyword_in_negatives(dataset: Dataset, asked: list[str], name: Namer) -> list[Finding]:
    saying = negatives_containing(dataset, asked)
    if not saying:
        return []
    words = sorted(
        {word for clip in saying for word in asked if contains_phrase(word, clip.text or "")}
    )
    return [
        Finding(
            "error",
            "keyword-in-negatives",
            f"{len(saying)} negative clip(s) contain a keyword ({_some(words)}) by their text: "
            "they teach the model to miss it.",
            "Remove them. (A training on these keywords leaves them out.)",
            tuple(name(clip) for clip in saying),
        )
    ]


def _speakers(dataset: Dataset, name: Namer) -> list[Finding]:
    """Speakers on two sides of a split, and clips without one."""
    spoken = (*dataset.keywords, *dataset.negatives)
    places: dict[str, dict[str | None, set[str]]] = defaultdict(lambda: defaultdict(set))
    for clip in spoken:
        if clip.speaker is not None:
            places[clip.speaker][clip.source].add(clip.split or "train")
    crossing = {who for who, where in places.items() if len(set().union(*where.values())) > 1}
    reused = {who for who in crossing if _is_reused_number(who, places[who])}
    findings = [
        Finding(
            severity,
            kind,
            f"{len(speakers)} speaker(s) {what}: {_some(sorted(speakers))}.",
            remedy,
            tuple(name(clip) for clip in spoken if clip.speaker in speakers),
        )
        for severity, kind, speakers, what, remedy in _speaker_kinds(crossing - reused, reused)
        if speakers
    ]
    nameless = [clip for clip in spoken if clip.speaker is None]
    if nameless:
        keywords = sum(clip.label is not None for clip in nameless)
        findings.append(
            Finding(
                "warning",
                "speakers-missing",
                f"The speaker of {keywords} keyword and {len(nameless) - keywords} negative "
                "clip(s) is not known: nothing keeps a voice out of two splits.",
                "State the speakers (a column, a key, or utt2spk), even roughly.",
                tuple(name(clip) for clip in nameless),
            )
        )
    return findings


def _speaker_kinds(
    crossing: set[str], reused: set[str]
) -> list[tuple[Severity, str, set[str], str, str]]:
    return [
        (
            "error",
            "speaker-overlap",
            crossing,
            "stand in more than one split, so the measured accuracy is that for known voices",
            "Keep each speaker in one split, or state no splits and have them assigned.",
        ),
        (
            "warning",
            "speaker-numbers",
            reused,
            "are plain numbers that stand in other splits in other sources, probably other people",
            "Give speakers of different sources different names.",
        ),
    ]


def _is_reused_number(speaker: str, splits_by_source: Mapping[str | None, set[str]]) -> bool:
    """Whether a short number crosses splits only from one source to another."""
    return (
        speaker.isdigit()
        and len(speaker) <= _SHORT_NUMBER
        and None not in splits_by_source
        and all(len(splits) == 1 for splits in splits_by_source.values())
    )


def _lengths(seen: list[_Seen], name: Namer) -> list[Finding]:
    """Keywords that last too short or long, and statements that the file contradicts."""
    usable = [one for one in seen if one.usable]
    keywords = [one for one in usable if one.role == "keyword"]
    short = [one for one in keywords if _word_seconds(one) < SHORTEST_S]
    long = [one for one in keywords if _word_seconds(one) > LONGEST_S]
    beyond = [one for one in usable if _states_too_much(one)]
    kinds = (
        (
            "too-short",
            short,
            f"of a keyword last under {SHORTEST_S} s, too short for a word",
            "Listen to them; they may be cut off.",
        ),
        (
            "too-long",
            long,
            f"of a keyword last over {LONGEST_S:g} s, too long for one saying of a word",
            "Cut them, or state where the word starts and ends.",
        ),
        (
            "beyond-the-end",
            beyond,
            "state a part or bounds past the end of the sound",
            "Correct the offset, duration, start and end, in seconds.",
        ),
    )
    return [
        Finding(
            "warning",
            kind,
            f"{len(ones)} clip(s) {what}.",
            remedy,
            tuple(name(one.clip) for one in ones),
        )
        for kind, ones, what, remedy in kinds
        if ones
    ]


def _word_seconds(one: _Seen) -> float:
    if one.clip.start_s is not None and one.clip.end_s is not None:
        return one.clip.end_s - one.clip.start_s
    return one.measured.seconds


def _states_too_much(one: _Seen) -> bool:
    clip, length = one.clip, one.measured.seconds + _TOLERANCE_S
    return (clip.duration_s or 0.0) > length or (clip.end_s or 0.0) > length


def _sound(seen: list[_Seen], name: Namer) -> list[Finding]:
    """Clipping, and recordings of keywords that differ from those of negatives."""
    findings = []
    clipped = [one for one in seen if one.clipped]
    if clipped:
        findings.append(
            Finding(
                "warning",
                "clipped",
                f"{len(clipped)} clip(s) are overdriven ({CLIPPED_RUN} or more samples in a row "
                "at full scale).",
                "Record with less gain. A few do no harm.",
                tuple(name(one.clip) for one in clipped),
            )
        )
    kinds = {
        role: Counter(
            f"{one.clip.path.suffix.lstrip('.').casefold()} at {one.measured.rate} Hz"
            for one in seen
            if one.usable and one.role == role
        ).most_common(1)
        for role in ("keyword", "negative")
    }
    if all(kinds.values()) and kinds["keyword"][0][0] != kinds["negative"][0][0]:
        findings.append(
            Finding(
                "warning",
                "recorded-differently",
                f"Most keywords are {kinds['keyword'][0][0]}, most negatives "
                f"{kinds['negative'][0][0]}: a model may learn the format and not the word.",
                "Bring both to one sample rate and codec, or add negatives recorded like the "
                "keywords.",
            )
        )
    return findings


def _spellings(dataset: Dataset) -> list[Finding]:
    """Labels that are one word in two spellings."""
    spellings: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for word in dataset.words():
        spellings[normalised_words(word)].append(word)
    double = [" = ".join(words) for words in spellings.values() if len(words) > 1]
    if not double:
        return []
    return [
        Finding(
            "warning",
            "spellings",
            f"Labels that differ only in case or punctuation: {_some(double)}.",
            "Write each word in one way.",
        )
    ]


def _some(names: Sequence[str]) -> str:
    """The first names of a list, and how many more there are."""
    shown = ", ".join(names[:8])
    return shown if len(names) <= 8 else f"{shown} and {len(names) - 8} more"


# --- duplicates ---------------------------------------------------------------------------------


def _duplicate_groups(seen: list[_Seen], progress: ProgressCallback | None) -> list[list[int]]:
    """Groups of clips that are one recording: near copies among the words, exact ones elsewhere."""
    sounding = [at for at, one in enumerate(seen) if one.usable and not one.silent]
    groups = Groups(len(seen))
    first_with: dict[str, int] = {}
    for at in sounding:
        groups.join(first_with.setdefault(seen[at].measured.digest, at), at)
    marked = [at for at in first_with.values() if seen[at].measured.fingerprint is not None]
    marks = [mark for at in marked if (mark := seen[at].measured.fingerprint) is not None]
    if marks:
        report = None if progress is None else _as_stage(progress, "comparing")
        for first, second in find_copies(
            np.stack(marks), lambda row: seen[marked[row]].clip.load(), report
        ):
            groups.join(marked[first], marked[second])
    return groups.of_several()


def _as_stage(progress: ProgressCallback, stage: str) -> Callable[[int, int], None]:
    return lambda done, total: progress(stage, done, total)


def _described(seen: list[_Seen], group: list[int], name: Namer) -> DuplicateGroup:
    ones = [seen[at] for at in group]
    return DuplicateGroup(
        "exact" if len({one.measured.digest for one in ones}) == 1 else "near",
        tuple(name(one.clip) for one in ones),
        tuple(sorted({one.clip.split or "train" for one in ones})),
        tuple(sorted({one.clip.label or "" for one in ones})),
    )


def _duplicates(seen: list[_Seen], groups: list[list[int]], name: Namer) -> list[Finding]:
    """Copies across splits or with two labels are errors, other copies warnings."""
    found: dict[str, list[DuplicateGroup]] = defaultdict(list)
    for group in groups:
        described = _described(seen, group, name)
        spoken = any(seen[at].role in {"keyword", "negative"} for at in group)
        if len(described.words) > 1:
            found["label-conflict"].append(described)
        if len(described.splits) > 1 and spoken:
            found["duplicates-across-splits"].append(described)
        if len(described.words) == 1 and (len(described.splits) == 1 or not spoken):
            found[f"{described.kind}-duplicates"].append(described)
    texts: dict[str, tuple[Severity, str, str]] = {
        "label-conflict": (
            "error",
            "the same recording under two labels",
            "Decide which label is right and remove the others.",
        ),
        "duplicates-across-splits": (
            "error",
            "the same recording in more than one split, so that the measured accuracy is too good",
            "Keep each recording in one split.",
        ),
        "exact-duplicates": (
            "warning",
            "exactly the same recording several times",
            "Remove all but one; they count double in training.",
        ),
        "near-duplicates": (
            "warning",
            "the same recording, shifted, of other loudness or coded again",
            "They stand in one split, which is safe. Remove all but one if they should not count "
            "double.",
        ),
    }
    return [
        Finding(
            severity,
            kind,
            f"{sum(len(group.files) for group in found[kind])} clips in {len(found[kind])} "
            f"group(s) are {what}.",
            remedy,
            tuple(_flat(group.files for group in found[kind])),
        )
        for kind, (severity, what, remedy) in texts.items()
        if kind in found
    ]


def _flat(groups: Iterable[tuple[str, ...]]) -> list[str]:
    return [file for group in groups for file in group]
