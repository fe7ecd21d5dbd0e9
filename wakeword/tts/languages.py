"""Languages: which voices speak them, how they are written, and their phonemes for Kokoro."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Collection

from wakeword.errors import ConfigError, unknown_name_message
from wakeword.tts import espeak, kokoro
from wakeword.tts.engine import INSTALL_COMMAND
from wakeword.tts.voices import ENGINES, Voice, list_voices, ready_engines

ENGLISH = "en"

_KOKORO_LANGUAGES = ("en", "es", "fr", "hi", "it", "pt-br")
"""Languages that Kokoro has speakers of, and whose phonemes eSpeak NG gives (English: hibari)."""
_SCRIPTS = {
    "LATIN": "af ca cs cy da de en es et eu fi fr ga hr hu id is it lt lv ms nb nl pl pt pt-br ro "
    "sk sl sq sv sw tr vi",
    "CYRILLIC": "be bg kk ky mk ru tt uk",
    "GREEK": "el",
    "DEVANAGARI": "hi mr ne",
    "CJK": "cmn hak yue",
    "HANGUL": "ko",
}
"""Script, as the names of its letters begin → languages that are written in it alone."""
_SCRIPT_OF = {code: script for script, codes in _SCRIPTS.items() for code in codes.split()}
_KOKORO_SYMBOLS = {  # eSpeak NG's IPA, decomposed → Kokoro's symbols
    "tʃ": "ʧ",
    "dʒ": "ʤ",
    "ts": "ʦ",
    "dz": "ʣ",
    "c\u0327": "ç",
    "g": "ɡ",
}


def known_languages() -> dict[str, str]:
    """Return the languages that the installed engines speak: {code: name}."""
    languages = {ENGLISH: "English"}
    if not espeak.ENGINE.missing_packages():
        listed = espeak.list_languages()
        languages |= {code: listed[code] for code in sorted(listed) if code.split("-")[0] != "en"}
    return languages


def list_language_voices(language: str, engines: Collection[str] = ()) -> list[Voice]:
    """List the voices that speak a language now, natural ones first, always in the same order.

    Args:
        language: a code of `known_languages`.
        engines: names of the engines to use; () is all that are ready.

    Raises:
        ConfigError: no engine is installed, an engine or language is unknown, an engine is not
            ready, or none of them speaks the language.
    """
    check_engines(engines)
    if language not in (known := known_languages()):
        raise ConfigError(unknown_name_message("language", language, known))
    if language == ENGLISH:
        voices = list_voices()
    else:
        ready = ready_engines()
        kokoro_voices = ENGINES["kokoro"].speakers if language in _KOKORO_LANGUAGES else {}
        by_engine = {"kokoro": kokoro_voices, "espeak": espeak.language_voices(language)}
        voices = [
            Voice(engine, name, speaker)
            for engine, speakers in by_engine.items()
            if engine in ready
            for name, speaker in speakers.items()
        ]
    chosen = [voice for voice in voices if not engines or voice.engine in engines]
    if not chosen:
        raise ConfigError(
            f"none of the engines {', '.join(engines)} speaks '{language}'. "
            f"Those that do: {', '.join(sorted({voice.engine for voice in voices})) or 'none'}."
        )
    return chosen


def speaks_with_kokoro(language: str) -> bool:
    """Whether text of a language can be converted to Kokoro's phonemes."""
    return language in _KOKORO_LANGUAGES


def check_engines(engines: Collection[str]) -> None:
    """Check that the named engines can speak now.

    Raises:
        ConfigError: an unknown engine, or one that is not installed or not ready.
    """
    for name in engines:
        if name not in ENGINES:
            raise ConfigError(unknown_name_message("speech engine", name, ENGINES))
        if missing := ENGINES[name].missing_packages():
            raise ConfigError(
                f"the engine {name} needs {', '.join(missing)}, which is not installed. "
                f"Run: {INSTALL_COMMAND}"
            )
        if not ENGINES[name].is_ready():
            raise ConfigError(f"the engine {name} has no voices yet. {kokoro.HOW_TO_FETCH}")


def check_spelling(phrase: str, language: str) -> None:
    """Check that a phrase is written in the letters of its language.

    Raises:
        ConfigError: it has no letters, or letters of another script.
    """
    if not any(character.isalnum() for character in phrase):
        raise ConfigError(f"nothing to speak in {phrase!r}: expected a phrase, such as 'hey nova'.")
    script = _SCRIPT_OF.get(language)
    wrong = [
        character
        for character in dict.fromkeys(phrase)
        if script and character.isalpha() and not unicodedata.name(character, "").startswith(script)
    ]
    if wrong:
        raise ConfigError(
            f"'{phrase}': the language '{language}' is not written with {' '.join(wrong)}. Name "
            "the language of the phrase with --lang, or give its pronunciation with --phonemes."
        )


@functools.lru_cache(maxsize=4096)
def to_phonemes(text: str, language: str) -> str:
    """Convert text to Kokoro's phonemes.

    Args:
        text: in the language.
        language: one that Kokoro speaks.

    Raises:
        ConfigError: another language, or an engine that gives the phonemes is not installed.
    """
    if not speaks_with_kokoro(language):
        raise ConfigError(
            f"Kokoro does not speak '{language}', so there are no phonemes of it. "
            f"It speaks: {', '.join(_KOKORO_LANGUAGES)}."
        )
    check_engines(["hibari" if language == ENGLISH else "espeak"])
    if language == ENGLISH:
        return kokoro.phonemise(text, british=False)
    phonemes = espeak.phonemise(text, language)
    for ipa, symbol in _KOKORO_SYMBOLS.items():
        phonemes = phonemes.replace(ipa, symbol)
    return phonemes.replace("-", "")
