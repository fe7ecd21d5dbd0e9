"""Data sets for training: reading them, dividing them by speaker, choosing the words to learn."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from dataclasses import replace

from wakeword.data.clip import Clip
from wakeword.data.dataset import SPLITS, Dataset
from wakeword.errors import ConfigError

_OVERSHOOT = 1.5  # a held-out share may be this much too large before a smaller speaker is sought


def assign_splits(dataset: Dataset, *, dev_share: float = 0.2, seed: int = 0) -> Dataset:
    """Hold out about `dev_share` of every word, of the negatives, noises and rooms as "dev".

    Splits that are stated stay; only where a role has no "dev" clip at all is it taken from
    "train". A speaker stands on one side only, and so do all parts of one file; where speakers are
    not known, clips are divided by file and a note says what that costs. The same seed gives the
    same division, and adding a speaker leaves most others where they were.
    """
    if not 0.0 < dev_share < 1.0:
        raise ConfigError(f"dev_share {dev_share}: expected a share between 0 and 1, such as 0.2.")
    open_clips = _open_clips(dataset)
    if not open_clips:
        return dataset
    alone = _words_of_one_speaker(dataset, open_clips)
    groups = _Groups(dataset, open_clips, divided=set(alone.values()))
    held_out = groups.hold_out(dev_share, seed)

    def place(clips: tuple[Clip, ...]) -> tuple[Clip, ...]:
        return tuple(
            replace(clip, split=groups.split_of(clip, held_out)) if clip in open_clips else clip
            for clip in clips
        )

    return dataset.map(place).with_notes(*_split_notes(dataset, open_clips, alone, groups))


def _pools(dataset: Dataset) -> list[tuple[str, tuple[Clip, ...]]]:
    """What must be divided evenly each for itself: every word, and every other role."""
    words: dict[str, list[Clip]] = defaultdict(list)
    for clip in dataset.keywords:
        words[f"'{clip.label}'"].append(clip)
    return [
        *((name, tuple(clips)) for name, clips in sorted(words.items())),
        ("negatives", dataset.negatives),
        ("noises", dataset.noises),
        ("rooms", dataset.rirs),
    ]


def _open_clips(dataset: Dataset) -> set[Clip]:
    """The clips whose split is ours to choose."""
    clips: set[Clip] = set()
    for role in (dataset.keywords, dataset.negatives, dataset.noises, dataset.rirs):
        no_dev = all(clip.split != "dev" for clip in role)
        clips.update(
            clip for clip in role if clip.split is None or (no_dev and clip.split == "train")
        )
    return clips


def _words_of_one_speaker(dataset: Dataset, open_clips: set[Clip]) -> dict[str, str]:
    """{word: speaker} for the words to divide that only one known speaker says."""
    speakers: dict[str, set[str | None]] = defaultdict(set)
    for clip in dataset.keywords:
        speakers[clip.label or ""].add(clip.speaker)
    to_divide = {clip.label for clip in open_clips}
    return {
        word: speaker
        for word, those in speakers.items()
        if word in to_divide and len(those) == 1 and (speaker := next(iter(those))) is not None
    }


class _Groups:
    """Clips that must stay together: those of one speaker, else those of one file."""

    def __init__(self, dataset: Dataset, open_clips: set[Clip], divided: set[str]) -> None:
        self._divided = divided
        self._pinned: dict[str, str] = {}
        self._pools: dict[str, Counter[str]] = {}
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
        if clip.speaker is None or clip.speaker in self._divided:
            return f"file {clip.path}"
        return f"speaker {clip.speaker}"

    def split_of(self, clip: Clip, held_out: set[str]) -> str:
        """The split for a clip whose split is open."""
        key = self.key(clip)
        if key in self._pinned:
            return clip.split or self._pinned[key]
        return "dev" if key in held_out else "train"

    def hold_out(self, share: float, seed: int) -> set[str]:
        """The groups for "dev": about `share` of every pool, never all of it."""
        held_out: set[str] = set()
        for name, sizes in sorted(self._pools.items(), key=lambda item: len(item[1])):
            free = Counter({key: n for key, n in sizes.items() if key not in self._pinned})
            if not free:
                continue
            order = sorted(free, key=lambda key: _rank(key, seed))
            target = share * free.total()
            have = sum(n for key, n in free.items() if key in held_out)
            for key in order:
                if have >= target:
                    break
                fits = have + free[key] <= max(1.0, _OVERSHOOT * target)
                if fits and key not in held_out and self._may_leave(key, held_out):
                    held_out.add(key)
                    have += free[key]
            if have == 0:
                self._take_smallest(name, free, order, held_out)
        return held_out

    def _take_smallest(
        self, name: str, free: Counter[str], order: list[str], held_out: set[str]
    ) -> None:
        """Every group is larger than the share: take the smallest, if anything stays in train."""
        for key in sorted(order, key=lambda key: free[key]):
            if self._may_leave(key, held_out):
                held_out.add(key)
                return
        self.undivided.append(name)

    def _may_leave(self, key: str, held_out: set[str]) -> bool:
        """Whether every pool that has this group keeps another one for "train"."""
        return all(
            any(other != key and other not in held_out for other in sizes)
            for sizes in self._pools.values()
            if key in sizes
        )


def _rank(key: str, seed: int) -> str:
    return hashlib.sha256(f"{seed} {key}".encode()).hexdigest()


def _split_notes(
    dataset: Dataset, open_clips: set[Clip], alone: dict[str, str], groups: _Groups
) -> list[str]:
    notes = []
    spoken = [clip for clip in (*dataset.keywords, *dataset.negatives) if clip in open_clips]
    if any(clip.split == "train" for clip in open_clips):
        notes.append("No dev split is stated: it is taken from train.")
    nameless = sum(clip.speaker is None for clip in spoken)
    if nameless:
        notes.append(
            f"SPEAKERS UNKNOWN for {nameless} of {len(spoken)} clips that had no split: these are "
            "divided by file, so the same voice can stand in train and dev and the measured "
            "accuracy can be too good. State the speakers."
        )
    for word, speaker in sorted(alone.items()):
        notes.append(
            f"ONE SPEAKER ('{speaker}') says '{word}': it is divided by file, so dev measures how "
            "well that voice is known, not how strangers fare. Add other speakers."
        )
    notes += [
        f"Nothing of the {name} could be held out for dev: it has one speaker or file only."
        for name in groups.undivided
    ]
    return notes
