"""What is synthesised for a phrase: texts, voices and prosody, all drawn from a seed."""

from __future__ import annotations

import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from wakeword.data.keywords import contains_phrase, normalised_words
from wakeword.errors import ConfigError
from wakeword.synthetic.takes import JoinedTake, Kind, Split, Take, stable_name
from wakeword.tts import kokoro
from wakeword.tts.confusables import (
    confusable_phonemes,
    confusable_phrases,
    one_consonant_replaced,
    partial_phrases,
    similar_words,
)
from wakeword.tts.languages import ENGLISH, check_spelling, speaks_with_kokoro, to_phonemes
from wakeword.tts.mandarin import MANDARIN, random_phrase
from wakeword.tts.voices import ENGINES, Voice, split_voices
from wakeword.tts.words import random_speech, random_word

Counts = Mapping[tuple[Kind, Split], Mapping[str, int]]
"""Number of clips by kind and split, then by engine."""

_CONFUSABLE_SHARE = 0.5  # of the clips without the phrase; the others are sentences
_TAKES_FACTOR = {"hibari": 6, "joe": 3}  # engines of a single voice speak more often
_HELD_OUT_FACTOR = 3  # natural voices to hold out are few
_SIMILAR_WORDS = 40
_OTHER_WORDS = 8  # that replace a word of a phrase in another language than English
_PARTIAL_SHARE = 0.15  # of the confusable clips: only a part of the phrase
_HELD_OUT_CONFUSABLES = 0.3  # of the confusable phrases: never in training
_SENTENCES = {"espeak": 4}  # in a clip of other speech; the fastest engine speaks longer
_MAX_PAUSE_S = 0.3  # between phrase and sentence


@dataclass(frozen=True)
class Phrase:
    """The phrase to detect, and how it is pronounced.

    Attributes:
        text: as it is written; the label of its clips.
        language: a code of `wakeword.tts.languages.known_languages`.
        phonemes: in Kokoro's symbols, instead of what the engine makes of the text; "" is that.
    """

    text: str
    language: str = ENGLISH
    phonemes: str = ""

    def check(self) -> None:
        """Check that the phrase can be spoken.

        Raises:
            ConfigError: no letters, letters of another language, or unknown phonemes.
        """
        check_spelling(self.text, "" if self.phonemes else self.language)
        if not normalised_words(self.text):
            raise ConfigError(f"{self.text!r}: expected a phrase with letters, such as 'hey nova'.")
        if self.phonemes:
            known = kokoro.phoneme_ids()
            if unknown := "".join(s for s in dict.fromkeys(self.phonemes) if s not in known):
                raise ConfigError(
                    f"phonemes {self.phonemes!r}: Kokoro does not know {' '.join(unknown)}. It "
                    f"knows: {''.join(known)}"
                )


def count_clips(voices: Iterable[Voice], takes: int, others: int) -> Counts:
    """Return how many clips a number of takes in each voice make.

    Engines of a single voice speak more often, and so do natural voices that are held out.

    Args:
        voices: who speaks.
        takes: clips of the phrase in each voice.
        others: clips without it in each voice: confusable phrases and sentences.
    """
    counts: dict[tuple[Kind, Split], dict[str, int]] = defaultdict(dict)
    parts: tuple[tuple[Split, list[Voice]], ...] = tuple(
        zip(("train", "dev"), split_voices(voices), strict=True)
    )
    for split, part in parts:
        for engine, speakers in Counter(voice.engine for voice in part).items():
            clips = speakers * _TAKES_FACTOR.get(engine, 1)
            if split == "dev" and engine != "espeak":
                clips *= _HELD_OUT_FACTOR
            confusables = round(_CONFUSABLE_SHARE * clips * others)
            counts["keyword", split][engine] = clips * takes
            counts["confusable", split][engine] = confusables
            counts["speech", split][engine] = clips * others - confusables
    return counts


def plan_takes(
    phrase: Phrase, voices: Sequence[Voice], counts: Counts, seed: int, *, similar: bool = True
) -> list[Take]:
    """Decide what to synthesise.

    No speaker is in both splits. Confusable phrases of the held-out voices are other phrases than
    those of training, except for mere parts of the phrase.

    Args:
        phrase: to detect.
        voices: who speaks.
        counts: number of clips.
        seed: of all draws.
        similar: whether words of a lexicon with similar pronunciation are among the confusable
            phrases.
    """
    train, held_out = split_voices(voices)
    partial = [] if phrase.phonemes else partial_phrases(phrase.text)
    phrases = confusable_texts(phrase, seed, similar=similar)
    order = np.random.default_rng(seed).permutation(len(phrases))
    phrases = [phrases[i] for i in order]
    cut = round((1 - _HELD_OUT_CONFUSABLES) * len(phrases))
    if not partial and len(phrases) < 2:
        counts = _sentences_instead(counts)
    plan = _Plan(phrase, partial, seed)
    parts: tuple[tuple[Split, list[Voice], list[str]], ...] = (
        ("train", train, phrases[:cut]),
        ("dev", held_out, phrases[cut:]),
    )
    for split, part, confusables in parts:
        for kind in ("keyword", "confusable", "speech"):
            plan.add(kind, split, part, counts.get((kind, split), {}), confusables)
    return list({take.file: take for take in plan.takes}.values())


def _sentences_instead(counts: Counts) -> Counts:
    """Return the counts with a sentence in the place of each confusable phrase."""
    replaced = {key: by_engine for key, by_engine in counts.items() if key[0] != "confusable"}
    for (kind, split), by_engine in counts.items():
        if kind == "speech":
            confusables = counts.get(("confusable", split), {})
            replaced[kind, split] = Counter(by_engine) + Counter(confusables)
    return replaced


def confusable_texts(phrase: Phrase, seed: int, *, similar: bool = True) -> list[str]:
    """List phrases that sound like a phrase and do not contain it.

    In English they are pronounced nearly alike, or have one other word or other consonants. In
    other languages one word is another one, has other consonants, or a single other one. Of a
    phrase with phonemes they are phonemes: one other sound, or a half.
    """
    if phrase.phonemes:
        return confusable_phonemes(phrase.phonemes)
    if phrase.language == ENGLISH:
        texts = confusable_phrases(phrase.text)
        if similar and not ENGINES["hibari"].missing_packages():
            texts += similar_words(phrase.text, _SIMILAR_WORDS)
    else:
        rng = np.random.default_rng((seed, zlib.crc32(phrase.language.encode())))
        others = [random_word(phrase.language, rng) for _ in range(_OTHER_WORDS)]
        texts = confusable_phrases(phrase.text, first_words=others, last_words=others)
        texts += one_consonant_replaced(phrase.text)
    distinct = {normalised_words(text): text for text in reversed(texts)}
    return [text for text in reversed(distinct.values()) if not contains_phrase(phrase.text, text)]


def plan_joined(takes: Sequence[Take], share: float, seed: int) -> list[JoinedTake]:
    """Decide which clips of the phrase to join with other speech of the same voice.

    Args:
        takes: of the phrase and of other speech.
        share: joined clips, relative to the clips of the phrase.
        seed: of all draws.
    """
    rng = np.random.default_rng((seed, zlib.crc32(b"joined")))
    speech: dict[Voice, list[Take]] = defaultdict(list)
    for take in takes:
        if take.kind == "speech":
            speech[take.voice].append(take)
    keywords = [take for take in takes if take.kind == "keyword" and take.voice in speech]
    chosen = [keywords[i] for i in rng.permutation(len(keywords))[: round(share * len(keywords))]]
    return [
        JoinedTake(
            take,
            speech[take.voice][int(rng.integers(len(speech[take.voice])))],
            keyword_first=bool(rng.random() < 0.5),
            pause_s=round(float(rng.uniform(0.0, _MAX_PAUSE_S)), 3),
        )
        for take in chosen
    ]


class _Plan:
    """Collects takes. Each kind, split and engine has its own generator, whatever other counts."""

    def __init__(self, phrase: Phrase, partial: Sequence[str], seed: int) -> None:
        self.phrase, self.partial, self.seed = phrase, partial, seed
        self.takes: list[Take] = []

    def add(
        self,
        kind: Kind,
        split: Split,
        voices: Sequence[Voice],
        counts: Mapping[str, int],
        confusables: Sequence[str],
    ) -> None:
        """Add `counts` takes by engine; the voices of an engine take turns in a drawn order."""
        for engine, count in counts.items():
            key = zlib.crc32(f"{stable_name(kind)} {split} {engine}".encode())
            rng = np.random.default_rng((self.seed, key))
            engine_voices = [voice for voice in voices if voice.engine == engine]
            order = rng.permutation(len(engine_voices))
            for i in range(count if engine_voices else 0):
                text = self._draw_text(kind, engine, confusables, rng)
                take = Take(
                    kind,
                    split,
                    text=text + str(rng.choice(["", ".", "!", "?"])),
                    voice=engine_voices[order[i % len(order)]],
                    speed=round(float(rng.uniform(0.85, 1.2)), 3),
                    pitch=round(float(rng.uniform(-2.0, 2.0)), 3),
                    seed=int(rng.integers(1 << 20)),
                )
                self.takes.append(self._with_phonemes(take, text))

    def _draw_text(
        self, kind: Kind, engine: str, confusables: Sequence[str], rng: Generator
    ) -> str:
        phrase = self.phrase
        if kind == "keyword":
            return phrase.text
        if kind == "speech":
            count, language = _SENTENCES.get(engine, 1), self._speech_language(engine)
            if engine == "kokoro" and language == MANDARIN:
                return random_phrase(rng)[:-1]  # phonemes, with a mark at the end
            return ". ".join(random_speech(language, phrase.text, rng) for _ in range(count))
        use_part = bool(self.partial) and (not confusables or rng.random() < _PARTIAL_SHARE)
        phrases = self.partial if use_part else confusables
        return phrases[int(rng.integers(len(phrases)))]

    def _speech_language(self, engine: str) -> str:
        language = self.phrase.language
        if engine != "kokoro" or language == MANDARIN or speaks_with_kokoro(language):
            return language
        return ENGLISH  # of a phrase that is given in phonemes

    def _with_phonemes(self, take: Take, text: str) -> Take:
        """Return a take with its phonemes, where Kokoro does not take its text."""
        phrase = self.phrase
        if take.voice.engine != "kokoro":
            return take
        mark = take.text[len(text) :]
        if phrase.phonemes and take.kind != "speech":
            spoken = phrase.phonemes if take.kind == "keyword" else text
            return replace(take, phonemes=spoken + mark)
        language = self._speech_language("kokoro")
        if language == ENGLISH:
            return take
        spoken = text if language == MANDARIN else to_phonemes(text, language)
        return replace(take, phonemes=spoken + mark)
