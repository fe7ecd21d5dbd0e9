"""Transcribe what is said after a wake word, and measure what a transcript loses or has too much.

    python recipes/then_transcribe.py MODEL
    python recipes/then_transcribe.py MODEL evening.flac
    python recipes/then_transcribe.py MODEL --measure 100

Needs openai-whisper and the weights of tiny.en in OpenAI's own format (`--weights tiny.en.pt`, or
the cache). The first command listens to the microphone until Ctrl-C. Whisper hears the keyword,
too, and the transcript is cut behind it: Whisper takes the last sound of a keyword for a word.
Where it does not begin with the keyword, the audio behind the keyword is transcribed alone. The
third command plays keyword and sentence, spoken in one go by English voices (`make demo` installs
them). A first word is lost where it is not among the first three. About 3 s an utterance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
import whisper
from whisper.normalizers.english import EnglishNumberNormalizer

from wakeword.audio.files import iter_audio
from wakeword.audio.levels import rms, set_level
from wakeword.audio.microphone import Microphone
from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.cli.console import TeachingCommand, progress_display
from wakeword.cli.detector_factory import open_model
from wakeword.data.keywords import contains_phrase, normalised_words, text_behind
from wakeword.detection.detector import Detector
from wakeword.detection.following_speech import FollowingSpeech, SpeechCollector
from wakeword.encoders import checkpoints
from wakeword.encoders.registry import encoder_spec
from wakeword.tts.phrases import random_sentence
from wakeword.tts.synthesis import synthesise
from wakeword.tts.voices import Voice, list_voices, split_voices

LONGEST_S, BLOCK = 10.0, 1280  # seconds; samples
NOISE_DB, SPEECH_DB = -60.0, -23.0
FIRST_WORDS = 3  # of a transcript
WAYS = {"at once": " ", "after a comma": ", "}  # how the sentence follows the keyword
Transcribe = Callable[[Samples], str]


@click.command(cls=TeachingCommand)
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("recording", required=False, type=click.Path(path_type=Path))
@click.option("--weights", type=click.Path(path_type=Path), help="OpenAI's tiny.en.pt.")
@click.option("--measure", type=int, help="Utterances to synthesise and measure on.")
def main(file: Path, recording: Path | None, weights: Path | None, measure: int | None) -> None:
    """Transcribe what follows the keyword of the model in FILE, in RECORDING or live."""
    model = open_model(file)
    transcribe = open_recogniser(weights)
    microphone = None if recording or measure else Microphone()
    detector = Detector(
        model,
        rate=microphone.rate if microphone else SAMPLE_RATE,
        keep_s=SpeechCollector.keep_s(LONGEST_S),
    )
    if measure:
        utterances = list(measure_utterances(detector, transcribe, measure))
        print_measurement(detector.model.keywords[0], utterances)
        return
    with microphone or nullcontext():
        for speech in speeches(detector, microphone or iter_audio(recording or "", 1.0)):
            text = transcript_behind(speech, transcribe)
            print(f"{speech.detection.end:8.2f} s  {speech.detection.keyword}: {text}", flush=True)


def open_recogniser(weights: Path | None) -> Transcribe:
    """Return a function from (samples,) at 16 kHz to Whisper's transcript."""
    checkpoint = checkpoints.find_checkpoint(encoder_spec("whisper-tiny.en"), weights)
    if checkpoint.format != "pytorch":
        raise click.UsageError(f"{checkpoint.path}: the encoder only. Give OpenAI's .pt: --weights")
    recogniser = whisper.load_model(str(checkpoint.path), device="cpu")
    settings = {"fp16": False, "temperature": 0.0, "condition_on_previous_text": False}

    def transcribe(samples: Samples) -> str:
        text: str = recogniser.transcribe(samples, language="en", **settings)["text"]
        return text.strip()

    return transcribe


def speeches(detector: Detector, pieces: Iterable[Samples]) -> Iterator[FollowingSpeech]:
    """Yield what is said after each keyword of a new stream."""
    detector.reset()
    collector = SpeechCollector(detector, LONGEST_S)
    for piece in pieces:
        yield from collector.feed(detector.feed(piece))
    yield from collector.feed(detector.flush())
    yield from collector.finish()


def transcript_behind(speech: FollowingSpeech, transcribe: Transcribe) -> str:
    """Return the transcript of what follows the keyword."""
    if not len(speech.samples):
        return "(nothing was said)"
    behind = text_behind(speech.detection.keyword, transcribe(speech.with_keyword), FIRST_WORDS)
    return transcribe(speech.samples) if behind is None else behind


class Utterance(NamedTuple):
    """What became of keyword and sentence, spoken in one go."""

    way: str  # of `WAYS`
    first_word: str
    transcripts: tuple[str, ...]  # with the keyword and without; none where nothing was detected

    def is_lost(self, number: int) -> bool:
        """Whether a transcript lacks the first word."""
        return self.first_word not in words(self.transcripts[number])[:FIRST_WORDS]


def measure_utterances(detector: Detector, transcribe: Transcribe, n: int) -> Iterator[Utterance]:
    """Synthesise utterances, each by another voice and with another sentence, and detect them."""
    keyword = detector.model.keywords[0]
    voices = [voice for voice in split_voices(list_voices())[1] if is_english(voice)]
    with progress_display() as progress:
        for number in range(n):
            progress("measuring", number, n)
            rng = np.random.default_rng(number)
            way = list(WAYS)[number % len(WAYS)]
            sentence = random_sentence(keyword, rng)
            voice = voices[number // len(WAYS) % len(voices)]
            spoken = synthesise(f"{keyword}{WAYS[way]}{sentence}.", voice, seed=number)
            spoken = set_level(spoken, SPEECH_DB, rms(spoken))
            stream = np.pad(spoken, (3 * SAMPLE_RATE, 2 * SAMPLE_RATE))
            stream += rng.normal(0.0, 10 ** (NOISE_DB / 20), len(stream)).astype(np.float32)
            pieces = np.split(stream, range(BLOCK, len(stream), BLOCK))
            found = [each for each in speeches(detector, pieces) if len(each.samples)][:1]
            texts = [(transcript_behind(s, transcribe), transcribe(s.samples)) for s in found]
            yield Utterance(way, words(sentence)[0], texts[0] if texts else ())


def words(text: str) -> tuple[str, ...]:
    """Return the words, numbers as digits: Whisper writes 100 for "hundred"."""
    return normalised_words(EnglishNumberNormalizer()(text.lower()))


def is_english(voice: Voice) -> bool:
    """Whether a natural voice speaks English: Kokoro's American and British ones, and others."""
    return voice.natural and (voice.engine != "kokoro" or voice.name[0] in "ab")


def print_measurement(keyword: str, results: Sequence[Utterance]) -> None:
    """Print a row for each way in which the sentence follows the keyword."""
    print("| the sentence follows | Whisper gets | transcribed | first word lost | keyword in it |")
    print("|---|---|---|---|---|")
    for way in WAYS:
        rows = [each for each in results if each.way == way]
        transcribed = [each for each in rows if each.transcripts]
        for number, audio in enumerate(("keyword and sentence", "what is behind the keyword")):
            lost = sum(each.is_lost(number) for each in transcribed)
            with_keyword = sum(contains_phrase(keyword, t.transcripts[number]) for t in transcribed)
            count = f"{len(transcribed)} of {len(rows)}"
            print(f"| {way} | {audio} | {count} | {lost} | {with_keyword} |")


if __name__ == "__main__":
    main()
