"""Assign clips without a stated split to "train" and "dev", speaker by speaker."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from dataclasses import replace

from wakeword.data.check.copies import find_copy_groups
from wakeword.data.check.duplicates import DisjointSets
from wakeword.data.clip import Clip
from wakeword.data.dataset import SPLITS, Dataset
from wakeword.errors import ConfigError
from wakeword.progress import ProgressCallback

_MAX_OVERSHOOT = 1.5  # largest held-out share, relative to `dev_share`


def assign_splits(
    dataset: Dataset,
    *,
    dev_share: float = 0.2,
    seed: int = 0,
    progress: ProgressCallback | None = None,
) -> Dataset:
    """Hold out about `dev_share` of every keyword, the negatives, noises and rirs as "dev".

    Stated splits are kept; only a role without any "dev" clip has some taken from "train". All
    clips of a speaker, and all parts of a file, are in the same split. Clips of unknown speakers
    are divided by file, and a note states the consequence. Copies among the clips that are divided
    by file (equal recordings, or the same word shifted, of another level or encoded again) are in
    the same split; to find them these clips are decoded, once for unchanged files. The same seed
    gives the same splits, and adding a speaker changes the split of few others.

    Args:
        dataset: clips with or without stated splits.
        dev_share: share of the clips to hold out, between 0 and 1.
        seed: selects the held-out speakers.
        progress: called as `progress(stage, done, total)` while copies are looked for.

    Raises:
        ConfigError: `dev_share` is out of range.
    """
    if not 0.0 < dev_share < 1.0:
        raise ConfigError(f"dev_share {dev_share}: expected a share between 0 and 1, such as 0.2.")
    open_clips = _open_clips(dataset)
    if not open_clips:
        return dataset
    single_speakers = _keywords_of_one_speaker(dataset, open_clips)
    groups = _Groups(dataset, open_clips, set(single_speakers.values()), progress)
    held_out = groups.hold_out(dev_share, seed)

    def assign(clips: tuple[Clip, ...]) -> tuple[Clip, ...]:
        return tuple(
            replace(clip, split=groups.split_of(clip, held_out)) if clip in open_clips else clip
            for clip in clips
        )

    notes = _split_notes(dataset, open_clips, single_speakers, groups)
    return dataset.map(assign).with_notes(*notes)


def _pools(dataset: Dataset) -> list[tuple[str, tuple[Clip, ...]]]:
    """Return the clips that are divided in equal shares: each keyword and each other role."""
    keywords: dict[str, list[Clip]] = defaultdict(list)
    for clip in dataset.keywords:
        keywords[f"'{clip.label}'"].append(clip)
    return [
        *((name, tuple(clips)) for name, clips in sorted(keywords.items())),
        ("negatives", dataset.negatives),
        ("noises", dataset.noises),
        ("room impulse responses", dataset.rirs),
    ]


def _open_clips(dataset: Dataset) -> set[Clip]:
    """Return the clips whose split may be chosen."""
    open_clips: set[Clip] = set()
    for clips in dataset.by_role().values():
        no_dev = all(clip.split != "dev" for clip in clips)
        open_clips.update(
            clip for clip in clips if clip.split is None or (no_dev and clip.split == "train")
        )
    return open_clips


def _keywords_of_one_speaker(dataset: Dataset, open_clips: set[Clip]) -> dict[str, str]:
    """Return {keyword: speaker} for the keywords to divide that have one speaker, a known one."""
    speakers: dict[str, set[str | None]] = defaultdict(set)
    for clip in dataset.keywords:
        speakers[clip.label or ""].add(clip.speaker)
    to_divide = {clip.label for clip in open_clips}
    return {
        keyword: speaker
        for keyword, names in speakers.items()
        if keyword in to_divide and len(names) == 1 and (speaker := next(iter(names))) is not None
    }


class _Groups:
    """Clips that must be in the same split: those of one speaker, otherwise of one recording."""

    def __init__(
        self,
        dataset: Dataset,
        open_clips: set[Clip],
        divided_speakers: set[str],
        progress: ProgressCallback | None,
    ) -> None:
        self._divided_speakers = divided_speakers
        self._copies: dict[str, str] = {}  # file → the group of its copies
        self._copies = self._join_copies(dataset, open_clips, progress)
        self._pinned: dict[str, str] = {}  # group → its stated split
        self._pools: dict[str, Counter[str]] = {}  # pool → clips of each group
        for name, clips in _pools(dataset):
            for clip in clips:
                key = self.key(clip)
                if clip not in open_clips and clip.split is not None:
                    self._pinned[key] = max(
                        clip.split, self._pinned.get(key, "train"), key=SPLITS.index
                    )
            self._pools[name] = Counter(self.key(clip) for clip in clips if clip in open_clips)
        self.undivided: list[str] = []

    def key(self, clip: Clip) -> str:
        """The group of a clip."""
        if self._is_divided_by_file(clip):
            key = f"file {clip.path}"
            return self._copies.get(key, key)
        return f"speaker {clip.speaker}"

    def _is_divided_by_file(self, clip: Clip) -> bool:
        return clip.speaker is None or clip.speaker in self._divided_speakers

    def _join_copies(
        self, dataset: Dataset, open_clips: set[Clip], progress: ProgressCallback | None
    ) -> dict[str, str]:
        """Return {group of a file: group of its copies} of files with copies among the others.

        Where no speech is divided by file, no clip is decoded.
        """
        speech = (*dataset.keywords, *dataset.negatives)
        if not any(self._is_divided_by_file(clip) for clip in speech if clip in open_clips):
            return {}
        divided = [
            (clip, role)
            for role, clips in dataset.by_role().items()
            for clip in clips
            if self._is_divided_by_file(clip)
        ]
        copies = [sorted({self.key(c) for c in g}) for g in find_copy_groups(divided, progress)]
        keys = sorted({key for group in copies for key in group})
        number = {key: i for i, key in enumerate(keys)}
        joined = DisjointSets(len(keys))
        for first, *others in copies:
            for other in others:
                joined.join(number[first], number[other])
        return {key: keys[joined.root(i)] for key, i in number.items()}

    def split_of(self, clip: Clip, held_out: set[str]) -> str:
        """The split of a clip that has none stated."""
        key = self.key(clip)
        if key in self._pinned:
            return clip.split or self._pinned[key]
        return "dev" if key in held_out else "train"

    def hold_out(self, share: float, seed: int) -> set[str]:
        """Choose the groups of "dev": about `share` of every pool, never all of it."""
        held_out: set[str] = set()
        for name, sizes in sorted(self._pools.items(), key=lambda item: len(item[1])):
            free = Counter({key: n for key, n in sizes.items() if key not in self._pinned})
            if not free:
                continue
            order = sorted(free, key=lambda key: _rank(key, seed))
            target = share * free.total()
            held_out_clips = sum(n for key, n in free.items() if key in held_out)
            for key in order:
                if held_out_clips >= target:
                    break
                fits = held_out_clips + free[key] <= max(1.0, _MAX_OVERSHOOT * target)
                if fits and key not in held_out and self._can_hold_out(key, held_out):
                    held_out.add(key)
                    held_out_clips += free[key]
            if held_out_clips == 0:
                self._hold_out_smallest(name, free, order, held_out)
        return held_out

    def _hold_out_smallest(
        self, name: str, free: Counter[str], order: list[str], held_out: set[str]
    ) -> None:
        """Hold out the smallest group, where every group is larger than the share."""
        for key in sorted(order, key=lambda key: free[key]):
            if self._can_hold_out(key, held_out):
                held_out.add(key)
                return
        self.undivided.append(name)

    def _can_hold_out(self, key: str, held_out: set[str]) -> bool:
        """Whether every pool with clips of this group keeps another group in "train"."""
        return all(
            any(other != key and other not in held_out for other in sizes)
            for sizes in self._pools.values()
            if key in sizes
        )


def _rank(key: str, seed: int) -> str:
    return hashlib.sha256(f"{seed} {key}".encode()).hexdigest()


def _split_notes(
    dataset: Dataset, open_clips: set[Clip], single_speakers: dict[str, str], groups: _Groups
) -> list[str]:
    notes = []
    speech = [clip for clip in (*dataset.keywords, *dataset.negatives) if clip in open_clips]
    if any(clip.split == "train" for clip in open_clips):
        notes.append("No dev split is stated: it is taken from train.")
    unknown = sum(clip.speaker is None for clip in speech)
    if unknown:
        notes.append(
            f"SPEAKERS UNKNOWN for {unknown} of {len(speech)} clips without a stated split: they "
            "are divided by file, so the same voice can be in train and dev and the measured "
            "accuracy can be too high. Say who speaks, with "
            "sub-folders, speakers.csv or a column 'speaker': `wakeword check` tells how."
        )
    for keyword, speaker in sorted(single_speakers.items()):
        notes.append(
            f"ONE SPEAKER ('{speaker}') for '{keyword}': its clips are divided by file, so dev "
            "measures the accuracy for this voice, not for unknown voices. Add other speakers."
        )
    notes += [
        f"None of the {name} could be held out for dev: there is only one speaker or recording."
        for name in groups.undivided
    ]
    return notes
