"""Everyday sentences for a synthesiser, drawn from a small grammar: speech without the keyword."""

from __future__ import annotations

import re

from numpy.random import Generator

from wakeword.data.keywords import contains_phrase

# Alternatives are separated by "|".
_SUBJECT = (
    "my sister|the neighbour|our teacher|a friend|the driver|nobody|somebody|your uncle|everyone"
)
_VERB = "forgot|found|painted|borrowed|wanted|carried|dropped|moved|mended|sold|cleaned|ordered"
_OBJECT = (
    "the blue bicycle|a cup of coffee|the kitchen table|twelve oranges|that old radio|the newspaper"
    "|an umbrella|the garden chairs|a box of pencils|some warm bread|the window|two train tickets"
)
_ADVERBIAL = (
    "last night|before breakfast|in the rain|on the way home|without asking|in september"
    "|very slowly|after the film|around noon|for the third time|at the station|again"
)
_QUESTION = (
    "what time is it|how far is the airport|when does the shop close|who is at the door"
    "|did you feed the cat|where are my glasses|is it going to rain|can you hear the music"
    "|how many people are coming|why is the oven still on|have you seen the remote"
)
_REQUEST = (
    "turn on the lights in the hall|set a timer for ten minutes|play some quiet music"
    "|put milk on the shopping list|call me when you are ready|read the message to me"
    "|close the door behind you|wake me at half past six|leave the keys under the mat"
    "|pass the salt and pepper|take the second road on the left"
)
_WORD = (
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
_GRAMMAR = (  # sentence patterns; one alternative of each part is drawn
    (_SUBJECT, _VERB, _OBJECT, _ADVERBIAL),
    (_QUESTION,),
    (_REQUEST,),
    (_REQUEST, "and", _QUESTION),
    (
        "yesterday|so|well|of course|i heard that|they say that",
        _SUBJECT,
        _VERB,
        _OBJECT,
        _ADVERBIAL,
    ),
    (_WORD,) * 5,
    (_WORD, "and", _WORD, "or", _WORD, _WORD),
    (_SUBJECT, _VERB, "the", _WORD, _WORD, _ADVERBIAL),
    ("the|a|every|that|my", _WORD, _WORD, "is|was|has a|takes the|looks like", _WORD, _WORD),
)
_A_BEFORE_VOWEL = re.compile(r"\ba(?= (?!uni)[aeiou])")


def random_sentence(keyword: str, rng: Generator) -> str:
    """Draw an English sentence that does not contain the keyword."""
    while True:
        pattern = _GRAMMAR[int(rng.integers(len(_GRAMMAR)))]
        parts = [alternatives.split("|") for alternatives in pattern]
        sentence = " ".join(part[int(rng.integers(len(part)))] for part in parts)
        sentence = _A_BEFORE_VOWEL.sub("an", sentence)
        if not contains_phrase(keyword, sentence):
            return sentence
