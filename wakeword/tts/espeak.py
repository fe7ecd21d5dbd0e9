"""eSpeak NG: formant synthesis, robotic, but in as many voices as needed; and its phonemes.

Source: https://github.com/espeak-ng/espeak-ng (GPL-3.0-or-later), called as a shared library.
"""

from __future__ import annotations

import ctypes
import importlib
import itertools
import os
import re
import sys
import unicodedata
from typing import Any

import numpy as np

from wakeword.audio.samples import Samples, from_int16
from wakeword.errors import ConfigError
from wakeword.tts.engine import INSTALL_COMMAND, Engine

# Variants that Whisper tiny.en understands in an American accent, accents that it understands over
# two variants (at most one word in ten wrong over three sentences); of variants that sound nearly
# the same, one.
_ACCENTS = ("en-us", "en", "en-gb-x-rp", "en-us-nyc")
_VARIANTS = (
    "f1,f2,f3,f4,m1,m2,m3,m4,m5,m6,m7,m8,Andrea,Annie,Diogo,Gene,Mario,Mr serious,Storm,"
    "announcer,antonio,belinda,croak,ed,edward,grandpa,gustave,iven,iven4,klatt2,marcelo,max,"
    "pablo,paul,pedro,quincy,rob,robosoft2,robosoft4,sandro,steph"
)

# Constants of speak_lib.h
_AUDIO_OUTPUT_SYNCHRONOUS, _CHARS_UTF8, _PHONEMES_IPA, _INITIALIZE_DONT_EXIT = 2, 1, 2, 0x8000
_PARAMETER_RATE, _PARAMETER_VOLUME, _PARAMETER_RANGE = 1, 2, 4
_WORDS_PER_MINUTE = 165
_VOLUME = 50  # of 100, at which no variant clips
_SynthCallback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


class _ListedVoice(ctypes.Structure):
    """The beginning of espeak_VOICE in speak_lib.h."""

    _fields_ = [
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_char_p),
        ("identifier", ctypes.c_char_p),
    ]


def list_languages() -> dict[str, str]:
    """Return the languages that eSpeak NG speaks: {code: name}, such as {"pt-br": "…"}."""
    with _Library("en", 0) as library:
        return library.languages()


def language_voices(code: str) -> dict[str, str]:
    """Return {voice name: speaker} of a language; English has several accents of each variant."""
    accents = _ACCENTS if code == "en" else (code,)
    return {
        f"{accent}+{variant}": f"espeak_{variant}"
        for variant in _VARIANTS.split(",")
        for accent in accents
    }


def speak(text: str, name: str, speed: float, seed: int) -> tuple[Samples, int]:
    """Speak text in the language of the voice; see `Engine.speak`."""
    intonation = 50 if seed == 0 else int(np.random.default_rng(seed).integers(25, 90))
    with _Library(name, seed) as library:
        return library.speak(text, speed, intonation), library.rate


def phonemise(text: str, voice: str) -> str:
    """Convert text to IPA as Piper's models expect it: decomposed, with its punctuation."""
    phonemes = ""
    with _Library(voice, 0) as library:
        for clause, mark in re.findall(r"([^.,:;!?]+)([.,:;!?]?)", text):
            if clause.strip():
                ipa = re.sub(r"\([^)]+\)", "", library.phonemise(clause.strip()))
                phonemes += ipa + mark + " "
    return unicodedata.normalize("NFD", phonemes.strip())


class _Library:
    """libespeak-ng, loaded on entry and unloaded on exit: its output depends on its history.

    Attributes:
        rate: of the samples, in Hz.
    """

    def __init__(self, voice: str, seed: int) -> None:
        loader: Any = importlib.import_module("espeakng_loader")
        self._library = ctypes.CDLL(loader.get_library_path())
        data = os.fsencode(loader.get_data_path())
        self.rate = int(
            self._library.espeak_Initialize(
                _AUDIO_OUTPUT_SYNCHRONOUS, 0, data, _INITIALIZE_DONT_EXIT
            )
        )
        if self.rate <= 0:
            raise ConfigError(f"eSpeak NG does not start. Install it again: {INSTALL_COMMAND}")
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(seed + 1))
        if sys.platform != "win32":  # breath noise comes from the C library's generator
            ctypes.CDLL(None).srand(ctypes.c_uint(seed + 1))
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            self.close()
            raise ConfigError(
                f"eSpeak NG has no voice '{voice}'. wakeword.tts.voices.list_voices lists them."
            )

    def __enter__(self) -> _Library:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._library.espeak_Terminate()
        ctypes_core: Any = importlib.import_module("_ctypes")
        unload = getattr(ctypes_core, "dlclose", None) or ctypes_core.FreeLibrary
        unload(self._library._handle)

    def speak(self, text: str, speed: float, intonation: int) -> Samples:
        """(samples,) at `rate`; intonation is the pitch range, 0 to 100."""
        pieces: list[Samples] = []

        def collect(samples: Any, count: int, _events: Any) -> int:
            if samples and count > 0:
                pieces.append(from_int16(np.ctypeslib.as_array(samples, (count,))))
            return 0

        callback = _SynthCallback(collect)
        self._library.espeak_SetSynthCallback(callback)
        rate = round(_WORDS_PER_MINUTE * speed)
        self._library.espeak_SetParameter(_PARAMETER_RATE, rate, 0)
        self._library.espeak_SetParameter(_PARAMETER_VOLUME, _VOLUME, 0)
        self._library.espeak_SetParameter(_PARAMETER_RANGE, intonation, 0)
        raw = text.encode()
        size = ctypes.c_size_t(len(raw) + 1)
        self._library.espeak_Synth(raw, size, 0, 0, 0, _CHARS_UTF8, None, None)
        self._library.espeak_Synchronize()
        return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)

    def languages(self) -> dict[str, str]:
        """Code → name; the code is the name of the voice's file."""
        list_voices = self._library.espeak_ListVoices
        list_voices.restype = ctypes.POINTER(ctypes.POINTER(_ListedVoice))
        voices = list_voices(None)
        found: dict[str, str] = {}
        for number in itertools.takewhile(lambda i: bool(voices[i]), itertools.count()):
            voice = voices[number].contents
            code = voice.identifier.decode().rpartition("/")[2].lower()
            found[code] = voice.name.decode().strip()
        return found

    def phonemise(self, clause: str) -> str:
        """IPA of one clause."""
        to_ipa = self._library.espeak_TextToPhonemes
        to_ipa.restype = ctypes.c_char_p
        rest = ctypes.c_void_p()
        raw = ctypes.create_string_buffer(clause.encode())
        rest.value = ctypes.addressof(raw)
        phonemes: list[str] = []
        while rest.value:
            ipa: bytes = to_ipa(ctypes.byref(rest), _CHARS_UTF8, _PHONEMES_IPA)
            phonemes.append(ipa.decode())
        return " ".join(phonemes)


ENGINE = Engine(
    name="espeak",
    packages=("espeakng_loader",),
    speakers=language_voices("en"),
    speak=speak,
    seconds=0.01,
)
