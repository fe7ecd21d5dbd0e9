"""Other audio than the keyword, by path or by the name of a corpus, and its use in a data set."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import reduce
from pathlib import Path

import numpy as np

from wakeword.data.clip import Clip
from wakeword.data.corpora.catalogue import CORPORA
from wakeword.data.corpora.hugging_face import PREFIX, HubDataset, read_hub_dataset
from wakeword.data.corpora.reading import read_corpus
from wakeword.data.dataset import Dataset
from wakeword.data.keywords import select_keywords
from wakeword.data.readers.recordings import find_recordings
from wakeword.errors import ManifestError

MAX_NOISES, MAX_RIRS = 256, 1000
"""Noises and room impulse responses of corpora that a data set is given, which holds them in
memory."""
_NOISE_S = 15.0  # of a longer noise, the middle


def read_other_audio(places: Iterable[Path | str]) -> Dataset:
    """Read recordings without the keyword.

    Args:
        places: files, folders of files, or names of downloaded corpora. What exists is a path.

    Returns:
        The recordings of paths as negatives without metadata, and the corpora, each by `role`.

    Raises:
        ManifestError: no such path or corpus, or a path without recordings.
        ConfigError: a corpus is not downloaded.
    """
    return reduce(_joined, map(_read_place, places), Dataset(Path(), "recordings"))


def _read_place(place: Path | str) -> Dataset:
    path, name = Path(place), Path(place).as_posix()
    if path.exists():
        clips = tuple(Clip(recording) for recording in find_recordings(path))
        return Dataset(path, "recordings", negatives=clips)
    if name in CORPORA:
        return read_corpus(CORPORA[name])
    if name.startswith(PREFIX):
        return read_hub_dataset(HubDataset(name))
    near = difflib.get_close_matches(name, CORPORA, n=1)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    raise ManifestError(
        f"{place}: no recordings here, and no corpus of this name.{hint} Give an audio file, a "
        "folder of audio files, or a name that `wakeword data list` shows."
    )


def _joined(first: Dataset, second: Dataset) -> Dataset:
    return first.with_clips_of(second).with_notes(*second.notes)


def read_recordings(places: Iterable[Path | str], keywords: Sequence[str] = ()) -> tuple[Clip, ...]:
    """Read speech and noise without the keyword, as negatives.

    Args:
        places: as for `read_other_audio`; none gives no clips.
        keywords: clips whose transcript contains one of them are left out.

    Raises:
        ManifestError, ConfigError: as `read_other_audio`; or nothing is left.
    """
    places = tuple(places)
    audio = read_other_audio(places)
    if keywords:
        audio = select_keywords(audio, keywords, allow_missing=True)
    clips = (*audio.negatives, *audio.noises)
    if places and not clips:
        raise ManifestError(
            f"{', '.join(map(str, places))}: no recordings without the keyword. Add a corpus of "
            "speech or noise: wakeword data list"
        )
    return clips


def with_other_audio(data: Dataset, places: Iterable[Path | str], split: str) -> Dataset:
    """Add other audio to one split of a data set.

    Of corpora, at most `MAX_NOISES` noises and `MAX_RIRS` room impulse responses are added, and
    none of the speakers who are in another split.

    Args:
        data: with splits assigned.
        places: as for `read_other_audio`.
        split: "train", "dev" or "test".

    Raises:
        ManifestError, ConfigError: as `read_other_audio`.
    """
    audio = read_other_audio(places)
    elsewhere = {
        clip.speaker
        for clip in (*data.keywords, *data.negatives)
        if clip.speaker is not None and clip.split != split
    }
    negatives = tuple(clip for clip in audio.negatives if clip.speaker not in elsewhere)
    left_out = len(audio.negatives) - len(negatives)
    notes = list(audio.notes)
    if left_out:
        notes.append(
            f"{left_out} negative clip(s) of corpora left out: their speakers are in another split."
        )
    audio = replace(
        audio,
        negatives=negatives,
        noises=tuple(_middle(clip) for clip in _choose(audio.noises, MAX_NOISES)),
        rirs=_choose(audio.rirs, MAX_RIRS),
    )
    in_split = audio.map(lambda clips: tuple(replace(clip, split=split) for clip in clips))
    return data.with_clips_of(in_split).with_notes(*notes)


def _choose(clips: tuple[Clip, ...], count: int) -> tuple[Clip, ...]:
    """Choose clips at random, always the same ones."""
    if len(clips) <= count:
        return clips
    chosen = np.random.default_rng(0).choice(len(clips), count, replace=False)
    return tuple(clips[i] for i in sorted(chosen))


def _middle(clip: Clip) -> Clip:
    """Return the middle of a long clip, or all of a short one."""
    seconds = clip.seconds()
    if seconds <= _NOISE_S:
        return clip
    return replace(clip, offset_s=(seconds - _NOISE_S) / 2, duration_s=_NOISE_S)
