"""The catalogue: each corpus with its licence, and its archives with size and checksum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from wakeword.download import Checksum
from wakeword.errors import ConfigError, unknown_name_message

Layout = Literal["librispeech", "speech-commands", "musan", "rirs-noises", "demand"]


@dataclass(frozen=True)
class Archive:
    """A file to download.

    Attributes:
        url: its address; the last part is its name.
        size_bytes: of the file.
        checksum: of the file, as its publisher states it.
    """

    url: str
    size_bytes: int
    checksum: Checksum

    @property
    def file_name(self) -> str:
        """Name of the file."""
        return self.url.rpartition("/")[2]


@dataclass(frozen=True)
class Corpus:
    """A public collection of recordings.

    Attributes:
        name: by which commands know it.
        title: as its publisher calls it.
        kind: what its recordings are.
        hours: of audio without the room impulse responses; None is not stated.
        licence: SPDX identifier.
        home: page of the publisher.
        layout: how its recordings are arranged, see `reading`.
        archives: the files that it consists of.
    """

    name: str
    title: str
    kind: Literal["speech", "noise", "noise, speech", "rooms, noise"]
    hours: float | None
    licence: str
    home: str
    layout: Layout
    archives: tuple[Archive, ...]

    @property
    def size_bytes(self) -> int:
        """Size of all archives."""
        return sum(archive.size_bytes for archive in self.archives)


def find_corpus(name: str) -> Corpus:
    """Return the corpus of a name.

    Raises:
        ConfigError: there is none; the message suggests the nearest name.
    """
    try:
        return CORPORA[name]
    except KeyError:
        raise ConfigError(unknown_name_message("corpus", name, CORPORA)) from None


def _openslr(number: int, file: str, size_bytes: int, md5: str) -> tuple[Archive, ...]:
    url = f"https://www.openslr.org/resources/{number}/{file}"
    return (Archive(url, size_bytes, Checksum("md5", md5)),)


def _librispeech(subset: str, hours: float, size_bytes: int, md5: str) -> Corpus:
    return Corpus(
        f"librispeech-{subset}",
        f"LibriSpeech {subset}",
        "speech",
        hours,
        "CC-BY-4.0",
        "https://www.openslr.org/12/",
        "librispeech",
        _openslr(12, f"{subset}.tar.gz", size_bytes, md5),
    )


def _mini_librispeech(subset: str, hours: float, size_bytes: int, md5: str) -> Corpus:
    return Corpus(
        f"mini-librispeech-{subset}",
        f"Mini LibriSpeech {subset}",
        "speech",
        hours,
        "CC-BY-4.0",
        "https://www.openslr.org/31/",
        "librispeech",
        _openslr(31, f"{subset}.tar.gz", size_bytes, md5),
    )


def _speech_commands(
    name: str, title: str, hours: float, file: str, size_bytes: int, sha256: str
) -> Corpus:
    url = f"https://storage.googleapis.com/download.tensorflow.org/data/{file}"
    return Corpus(
        name,
        title,
        "speech",
        hours,
        "CC-BY-4.0",
        "https://www.tensorflow.org/datasets/catalog/speech_commands",
        "speech-commands",
        (Archive(url, size_bytes, Checksum("sha256", sha256)),),
    )


def _demand(environment: str, size_bytes: int, md5: str) -> Archive:
    url = f"https://zenodo.org/records/1227121/files/{environment}_16k.zip"
    return Archive(url, size_bytes, Checksum("md5", md5))


_LIBRISPEECH = (
    _librispeech("dev-clean", 5.4, 337_926_286, "42e2234ba48799c1f50f24a7926300a1"),
    _librispeech("dev-other", 5.3, 314_305_928, "c8d0bcc9cca99d4f8b62fcc847357931"),
    _librispeech("test-clean", 5.4, 346_663_984, "32fa31d27d2e1cad72775fee3f4849a9"),
    _librispeech("test-other", 5.1, 328_757_843, "fb5a50374b501bb3bac4815ee91d3135"),
    _librispeech("train-clean-100", 100.6, 6_387_309_499, "2a93770f6d5c6c964bc36631d331a522"),
    _librispeech("train-clean-360", 363.6, 23_049_477_885, "c0e676e450a7ff2f54aeade5171606fa"),
    _librispeech("train-other-500", 496.7, 30_593_501_606, "d1a0fd59409feb2c614ce4d30c387708"),
    _mini_librispeech("dev-clean-2", 2, 126_046_265, "6d7ab67ac6a1d2c993d050e16d61080d"),
    _mini_librispeech("train-clean-5", 5, 332_954_390, "5df7d4e78065366204ca6845bb08f490"),
)

_SPEECH_COMMANDS = (
    _speech_commands(
        "speech-commands",
        "Speech Commands v0.02",
        29,
        "speech_commands_v0.02.tar.gz",
        2_428_923_189,
        "af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58",
    ),
    _speech_commands(
        "speech-commands-test",
        "Speech Commands v0.02, test set",
        1.4,
        "speech_commands_test_set_v0.02.tar.gz",
        112_563_277,
        "cc2a00c1147c2254e9be3fa0f779d8c17421dc349b86366567a8edfa9acd51df",
    ),
)

_MUSAN = Corpus(
    "musan",
    "MUSAN: music, speech and noise",
    "noise, speech",
    109,
    "CC-BY-4.0",
    "https://www.openslr.org/17/",
    "musan",
    _openslr(17, "musan.tar.gz", 11_086_114_085, "0c472d4fc0c5141eca47ad1ffeb2a7df"),
)

_RIRS_NOISES = Corpus(
    "rirs-noises",
    "Room Impulse Response and Noise Database",
    "rooms, noise",
    None,
    "Apache-2.0",
    "https://www.openslr.org/28/",
    "rirs-noises",
    _openslr(28, "rirs_noises.zip", 1_311_166_223, "e6f48e257286e05de56413b4779d8ffb"),
)

_DEMAND = Corpus(
    "demand",
    "DEMAND: noise of 17 places, at 16 kHz",
    "noise",
    1.4,
    "CC-BY-SA-3.0",
    "https://zenodo.org/records/1227121",
    "demand",
    (
        _demand("DKITCHEN", 110_501_049, "7ffbf52d7f4699f96927846103dc8788"),
        _demand("DLIVING", 80_170_627, "46741384d9e434a0bd8b3ec1830b6052"),
        _demand("DWASHING", 102_343_250, "7e5ee9437ce9409c5f9a779b6212a240"),
        _demand("NFIELD", 86_536_782, "a740046c6f4e174e16f5d568aaec5024"),
        _demand("NPARK", 86_029_332, "80f1385a34d7f1705758926b57f138ce"),
        _demand("NRIVER", 98_689_565, "54264db61d3fe073fb81f2e40e0d19b5"),
        _demand("OHALLWAY", 77_941_854, "fe918bbb0e63e73d09ba7f4843ef33f1"),
        _demand("OMEETING", 82_703_355, "62f7cfe7fe6d30b7d8a215fe37c2dfd2"),
        _demand("OOFFICE", 88_995_191, "7b61cc2d182d5a654cb9c3101ddd4041"),
        _demand("PCAFETER", 107_431_494, "99927d148128254141a9417d051510bb"),
        _demand("PRESTO", 111_292_815, "b98d2e6854eeebb397f29a8ad7457092"),
        _demand("PSTATION", 119_441_094, "d7448009f6c2aeb6ba570375df1750a3"),
        _demand("SPSQUARE", 110_928_528, "205d0e7b8fe74504a2f8d252fc414b9e"),
        _demand("STRAFFIC", 118_572_691, "2efa87262f272bbf9ba578088e81939c"),
        _demand("TBUS", 128_916_709, "706b11b0d8504f9f3b3f3211e91b3863"),
        _demand("TCAR", 130_045_975, "4d930012796bd298932245a26189f973"),
        _demand("TMETRO", 126_589_090, "95daf4df678e13b120e14211e6d89571"),
    ),
)

CORPORA = {
    corpus.name: corpus
    for corpus in (*_LIBRISPEECH, *_SPEECH_COMMANDS, _MUSAN, _DEMAND, _RIRS_NOISES)
}
"""Every corpus by its name."""
