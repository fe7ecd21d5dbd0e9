"""What the commands that synthesise speech share: options, voices and the clips of a phrase."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from wakeword.cli.console import print_note, progress_display
from wakeword.cli.options import option
from wakeword.cli.progress_lines import format_seconds
from wakeword.errors import ConfigError

if TYPE_CHECKING:
    from wakeword.data.dataset import Dataset
    from wakeword.synthetic.dataset import SpeechPlan

language = option(
    "--lang",
    "language",
    default="en",
    show_default=True,
    help="Language of the phrase, as code: es, pt-br, de …; an unknown one lists all.",
)
phonemes = option(
    "--phonemes",
    default="",
    callback=lambda _context, _option, text: phonemes_of(text),
    help="Pronunciation of the phrase in Kokoro's phonemes, whose voices alone then speak; "
    "`wakeword speak PHRASE --show-phonemes` prints the usual one. Of Mandarin, pinyin with tone "
    "numbers: 'ni3 hao3'.",
)


def phonemes_of(text: str) -> str:
    """Return the value of --phonemes in Kokoro's symbols, none of which is a digit."""
    if not any(character.isdigit() for character in text):
        return text
    from wakeword.tts.mandarin import pinyin_to_phonemes

    return pinyin_to_phonemes(text)


def fetch_voices() -> None:
    """Fetch Kokoro's voices once; without them the other engines speak, and a note says so.

    Raises:
        ConfigError: no engine is installed.
    """
    from wakeword.tts.kokoro import fetch_kokoro_voices
    from wakeword.tts.voices import ENGINES, ready_engines

    if "kokoro" in ready_engines():
        return
    try:
        if missing := ENGINES["kokoro"].missing_packages():
            raise ConfigError(f"{', '.join(missing)} not installed")
        print_note("fetching Kokoro's voices, once (28 MB)")
        fetch_kokoro_voices()
    except ConfigError as error:
        print_note(f"without the Kokoro voices, results will be worse: {error}")


def describe_plan(plan: SpeechPlan, folder: Path) -> str:
    """Return what is synthesised, and about how long it takes, in one line."""
    clips = len(plan.takes)
    voices = len({take.voice for take in plan.takes})
    keyword = sum(take.kind == "keyword" for take in plan.takes)
    there = clips - len(plan.missing(folder))
    return (
        f"'{plan.phrase.text}': {keyword} clips of it and {clips - keyword} of other speech by "
        f"{voices} voices; {there} of them are there already, the others take about "
        f"{format_seconds(plan.seconds(folder))} on this machine"
    )


def make_speech(plan: SpeechPlan, folder: Path) -> Dataset:
    """Synthesise what a plan lacks, with progress; return the data set."""
    from wakeword.synthetic.dataset import check_folder, make_dataset

    check_folder(folder)
    print_note(describe_plan(plan, folder))
    with progress_display() as progress:
        return make_dataset(folder, plan, progress=progress)
