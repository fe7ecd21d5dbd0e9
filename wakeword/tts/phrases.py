"""What to let a synthesiser say beside a keyword: phrases that sound nearly like it, and others."""

from __future__ import annotations

import re

from numpy.random import Generator

from wakeword.data.keywords import contains_phrase

_OPENERS = ("hello", "what", "good", "dear", "call", "my", "thank you", "where is")
_CLOSERS = ("travis", "charlie", "martha", "service", "garden", "jasmine", "harvest", "nobody")
_CONSONANTS = "mltbd"  # none of them is another spelling of a sound that a word begins with
_CLUSTER = re.compile(r"[^aeiouy]+")

_WHO = "my sister|the neighbour|our teacher|a friend|the driver|nobody|somebody|your uncle|everyone"
_DID = "forgot|found|painted|borrowed|wanted|carried|dropped|moved|mended|sold|cleaned|ordered"
_WHAT = (
    "the blue bicycle|a cup of coffee|the kitchen table|twelve oranges|that old radio|the newspaper"
    "|an umbrella|the garden chairs|a box of pencils|some warm bread|the window|two train tickets"
)
_WHEN = (
    "last night|before breakfast|in the rain|on the way home|without asking|in september"
    "|very slowly|after the film|around noon|for the third time|at the station|again"
)
_ASKED = (
    "what time is it|how far is the airport|when does the shop close|who is at the door"
    "|did you feed the cat|where are my glasses|is it going to rain|can you hear the music"
    "|how many people are coming|why is the oven still on|have you seen the remote"
)
_TOLD = (
    "turn on the lights in the hall|set a timer for ten minutes|play some quiet music"
    "|put milk on the shopping list|call me when you are ready|read the message to me"
    "|close the door behind you|wake me at half past six|leave the keys under the mat"
    "|pass the salt and pepper|take the second road on the left"
)
_WORDS = (
    "about|above|actor|airplane|animal|apple|april|arrow|autumn|balloon|banana|basket|beautiful"
    "|because|behind|between|bottle|bridge|brother|building|business|butter|camera|candle|capital"
    "|captain|castle|century|chapter|chicken|chocolate|circle|climate|cloud|coast|colour|company"
    "|concert|corner|country|cousin|culture|daughter|december|decide|desert|dinner|doctor|dolphin"
    "|dragon|dream|early|earth|easily|effort|eleven|engine|english|evening|example|family|famous"
    "|farmer|february|festival|finger|fire|flower|foreign|forest|forty|freedom|friday|furniture"
    "|future|gentle|giant|glass|golden|grandmother|guitar|happy|harbour|heavy|history|holiday"
    "|hospital|hotel|human|hundred|idea|important|invite|island|january|jelly|journey|judge|jungle"
    "|justice|ketchup|kitten|knowledge|ladder|language|laughter|lawyer|leather|letter|library"
    "|lucky|machine|magic|market|measure|medicine|member|message|middle|million|minister|monkey"
    "|morning|mountain|museum|nature|needle|never|nothing|number|ocean|office|onion|orange|owner"
    "|palace|paper|parade|people|pepper|perhaps|physics|picture|pigeon|pilot|pocket|poetry|potato"
    "|president|promise|public|purple|quarter|question|rabbit|rather|reason|remember|river|robot"
    "|sailor|sandwich|saturday|school|season|seven|shadow|shoulder|silver|simple|sister|soldier"
    "|spider|spoon|strange|strawberry|student|sugar|summer|supper|surface|table|teacher|theatre"
    "|thirsty|thousand|ticket|tiger|tomorrow|tower|travel|treasure|twenty|uncle|under|university"
    "|valley|vegetable|village|visit|voice|volume|water|weather|wednesday|whisper|window|winter"
    "|wonder|wooden|world|yellow|young|zebra"
)
_GRAMMAR = (
    (_WHO, _DID, _WHAT, _WHEN),
    (_ASKED,),
    (_TOLD,),
    (_TOLD, "and", _ASKED),
    ("yesterday|so|well|of course|i heard that|they say that", _WHO, _DID, _WHAT, _WHEN),
    (_WORDS,) * 5,
    (_WORDS, "and", _WORDS, "or", _WORDS, _WORDS),
    (_WHO, _DID, "the", _WORDS, _WORDS, _WHEN),
    ("the|a|every|that|my", _WORDS, _WORDS, "is|was|has a|takes the|looks like", _WORDS, _WORDS),
)


def partial_phrases(keyword: str) -> list[str]:
    """What someone says who says only a part of the keyword."""
    words = keyword.split()
    if len(words) == 1:
        word = words[0]
        return [word[: round(0.6 * len(word))], word[len(word) // 2 :]] if len(word) > 5 else []
    spans = [words[i:j] for i in range(len(words)) for j in range(i + 1, len(words) + 1)]
    return [" ".join(span) for span in spans if len(span) < len(words)]


def confusable_phrases(keyword: str) -> list[str]:
    """Phrases of the keyword's shape in which one word is another one or has other consonants."""
    words = keyword.lower().split()
    found: list[str] = []
    for i, word in enumerate(words):
        others = list(_sound_alikes(word))
        if len(words) > 1:
            others += _OPENERS if i == 0 else _CLOSERS if i == len(words) - 1 else ()
        found += [" ".join([*words[:i], other, *words[i + 1 :]]) for other in others]
    return [phrase for phrase in dict.fromkeys(found) if not contains_phrase(keyword, phrase)]


def random_sentence(keyword: str, rng: Generator) -> str:
    """A drawn everyday sentence without the keyword in it."""
    while True:
        pattern = _GRAMMAR[int(rng.integers(len(_GRAMMAR)))]
        choices = [choice.split("|") for choice in pattern]
        sentence = " ".join(each[int(rng.integers(len(each)))] for each in choices)
        if not contains_phrase(keyword, sentence):
            return sentence


def _sound_alikes(word: str) -> list[str]:
    """The word with other consonants in both of the first two places that have some."""
    places = [cluster.span() for cluster in _CLUSTER.finditer(word)][:2]
    if not word.isascii() or not word.isalpha() or len(places) < 2:
        return []
    (first, first_end), (second, second_end) = places
    return [
        word[:first] + one + word[first_end:second] + other + word[second_end:]
        for one in _CONSONANTS
        for other in _CONSONANTS
        if one not in word[first:first_end]
        and other not in word[second:second_end]
        and one != other
    ][::3]
