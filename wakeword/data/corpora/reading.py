"""Read a downloaded corpus as a data set of negatives, noises and room impulse responses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from wakeword.data.clip import Clip
from wakeword.data.corpora.catalogue import Corpus, Layout
from wakeword.data.corpora.fetch import is_downloaded, unpacked_folder
from wakeword.data.dataset import Dataset, Role
from wakeword.data.readers.builder import DatasetBuilder
from wakeword.data.readers.class_folders import read_class_folders
from wakeword.data.readers.recordings import audio_files
from wakeword.data.readers.rows import read_lines
from wakeword.errors import ConfigError, ManifestError

_Clips = Iterator[tuple[Role, Clip]]

_UNNAMED_WORDS = "_unknown_"
"""Folder of Speech Commands' test set with words that are not named: any may be the keyword."""


def read_corpus(corpus: Corpus) -> Dataset:
    """Read a downloaded corpus.

    Its speech is negatives, with transcripts where the corpus has them. Source and licence of each
    clip are the name of the corpus and its licence. No clip has a split.

    Raises:
        ConfigError: the corpus is not downloaded.
        ManifestError: there are no recordings where its layout has them.
    """
    if not is_downloaded(corpus):
        raise ConfigError(f"{corpus.name} is not downloaded. Run: wakeword data get {corpus.name}")
    folder = unpacked_folder(corpus)
    builder = DatasetBuilder()
    for role, clip in _LAYOUTS[corpus.layout](folder):
        builder.add(role, replace(clip, source=corpus.name, licence=corpus.licence))
    if not builder.clips:
        raise ManifestError(
            f"{folder}: no recordings of {corpus.title}. Delete it, wakeword data remove "
            f"{corpus.name}, and download it again."
        )
    without_text = sum(not clip.text for clip in builder.with_role("negative"))
    if without_text:
        builder.notes.append(
            f"{corpus.name}: {without_text} recording(s) of speech have no transcript, so the "
            "keyword may be spoken in them."
        )
    return builder.build(folder, corpus.title)


def _read_librispeech(folder: Path) -> _Clips:
    """Yield `LibriSpeech/SUBSET/SPEAKER/CHAPTER/*.flac`, with the transcripts next to them."""
    for table in sorted(folder.rglob("*.trans.txt")):
        for line in read_lines(table):
            name, _, text = line.strip().partition(" ")
            if name:
                path = table.with_name(f"{name}.flac")
                yield "negative", Clip(path, speaker=table.parent.parent.name, text=text)


def _read_speech_commands(folder: Path) -> _Clips:
    """Yield a folder per word, whose name is the transcript."""
    names = sorted(entry.name for entry in folder.iterdir() if entry.is_dir())
    words = read_class_folders(folder, [name for name in names if name != _UNNAMED_WORDS])
    for clip in words.keywords:
        yield "negative", Clip(clip.path, speaker=clip.speaker, text=clip.label)
    for clip in (*words.negatives, *words.noises):
        yield "noise", Clip(clip.path)  # silence


def _read_musan(folder: Path) -> _Clips:
    """Yield `musan/speech`, `musan/music` and `musan/noise`; no transcripts, no speakers."""
    roles: dict[str, Role] = {"speech": "negative", "music": "noise", "noise": "noise"}
    for name, role in roles.items():
        for path in audio_files(folder / "musan" / name)[0]:
            yield role, Clip(path)


def _read_rirs_noises(folder: Path) -> _Clips:
    """Yield `RIRS_NOISES`: simulated and real rooms, and noises, which have it in their names."""
    root = folder / "RIRS_NOISES"
    for path in audio_files(root / "simulated_rirs")[0]:
        yield "rir", Clip(path)
    for path in audio_files(root / "real_rirs_isotropic_noises")[0]:
        yield "noise" if "_noise_" in path.name else "rir", Clip(path)
    for path in audio_files(root / "pointsource_noises")[0]:
        yield "noise", Clip(path)


def _read_demand(folder: Path) -> _Clips:
    """Yield the first of the sixteen microphones in `PLACE/ch01.wav`."""
    for path in sorted(folder.glob("*/ch01.wav")):
        yield "noise", Clip(path)


_LAYOUTS: dict[Layout, Callable[[Path], _Clips]] = {
    "librispeech": _read_librispeech,
    "speech-commands": _read_speech_commands,
    "musan": _read_musan,
    "rirs-noises": _read_rirs_noises,
    "demand": _read_demand,
}
