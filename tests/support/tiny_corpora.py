"""Tiny corpora with the layouts of the public ones: their files, archives and entries."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import tiny as tiny_family

from wakeword.audio.files import save_audio
from wakeword.data.clip import Clip
from wakeword.data.corpora.catalogue import CORPORA, Archive, Corpus
from wakeword.data.corpora.fetch import unpacked_folder
from wakeword.data.corpora.hugging_face import HubDataset
from wakeword.data.writer import manifest_row, write_rows
from wakeword.download import Checksum

Contents = dict[str, bytes]
KEYWORD = "ping"
"""Spoken in one utterance of each corpus with transcripts, according to these."""


def write_files(corpus: Corpus, folder: Path) -> None:
    """Write the files of a corpus as they are once it is unpacked."""
    for number, (name, text) in enumerate(_files(corpus).items()):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text:
            path.write_text(text, encoding="utf-8")
        else:
            save_audio(path, tiny_family.synthetic_audio(1.5, seed=500 + number))


def _files(corpus: Corpus) -> dict[str, str]:
    """Path → text of a file; "" for a recording."""
    if corpus.layout == "librispeech":
        subset = corpus.title.rpartition(" ")[2]
        files = {}
        for speaker in ("11", "22", "33"):
            chapter = f"LibriSpeech/{subset}/{speaker}/7"
            ids = [f"{speaker}-7-000{number}" for number in range(3)]
            files |= {f"{chapter}/{each}.flac": "" for each in ids}
            texts = ["A CAT SLEEPS", "THE RAIN FELL ALL NIGHT", "NO WIND"]
            if speaker == "33":
                texts[2] = f"ONE {KEYWORD.upper()} TOO MANY"
            lines = (f"{each} {text}\n" for each, text in zip(ids, texts, strict=True))
            files[f"{chapter}/{speaker}-7.trans.txt"] = "".join(lines)
        return files
    names = {
        "speech-commands": (
            *("yes/ab12_nohash_0.wav", "yes/cd34_nohash_0.wav", f"{KEYWORD}/ab12_nohash_0.wav"),
            *("_background_noise_/hum.wav", "_unknown_/ef56_nohash_0.wav"),
        ),
        "musan": (
            *("musan/noise/free-sound/noise-0.wav", "musan/music/fma/music-0.wav"),
            "musan/speech/librivox/speech-0.wav",
        ),
        "rirs-noises": (
            "RIRS_NOISES/simulated_rirs/smallroom/Room001/Room001-00001.wav",
            "RIRS_NOISES/real_rirs_isotropic_noises/A_type1_rir_b.wav",
            "RIRS_NOISES/real_rirs_isotropic_noises/A_type1_noise_b.wav",
            "RIRS_NOISES/pointsource_noises/noise-0.wav",
        ),
        "demand": ("DKITCHEN/ch01.wav", "DKITCHEN/ch02.wav"),
    }
    return dict.fromkeys(names[corpus.layout], "")


def install(*names: str) -> None:
    """Put corpora of the catalogue into the cache, as if they were downloaded."""
    for name in names:
        write_files(CORPORA[name], unpacked_folder(CORPORA[name]))


def install_from_hub(name: str) -> None:
    """Put a data set of the Hugging Face Hub into the cache, as if it were downloaded."""
    folder = HubDataset(name).folder
    folder.mkdir(parents=True)
    rows = []
    for number in range(3):
        path = folder / f"{number}.flac"
        save_audio(path, tiny_family.synthetic_audio(1.5, seed=600 + number))
        rows.append(manifest_row(Clip(path, text="no wind"), folder, "negative"))
    write_rows(folder / "recordings.jsonl", rows)
    about = {"name": name, "licence": "cc-by-4.0", "hours": 0.0, "broken": 0}
    (folder / "about.json").write_text(json.dumps(about), encoding="utf-8")


def pack(corpus: Corpus, folder: Path) -> bytes:
    """Return an archive of a corpus.

    Args:
        corpus: its first archive states the format.
        folder: for its files.
    """
    write_files(corpus, folder)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    buffer = io.BytesIO()
    if corpus.archives[0].file_name.endswith(".zip"):
        with zipfile.ZipFile(buffer, "w") as container:
            for path in files:
                container.write(path, path.relative_to(folder).as_posix())
    else:
        with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
            tar.add(folder, ".")
    return buffer.getvalue()


def entry(corpus: Corpus, url: str, content: bytes) -> Corpus:
    """Return the corpus with one archive, `content`, at an address."""
    checksum = Checksum("md5", hashlib.md5(content).hexdigest())
    return replace(corpus, archives=(Archive(url, len(content), checksum),))
