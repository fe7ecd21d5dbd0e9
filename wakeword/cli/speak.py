"""`wakeword speak`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from wakeword.cli import options, speech
from wakeword.cli.choices import OneOf
from wakeword.errors import ConfigError


def _engines() -> Iterable[str]:
    from wakeword.tts.voices import ENGINES

    return ENGINES


@click.command()
@click.argument("phrase")
@options.option("-o", "--output", type=options.PATH, help="Folder for the clips.")
@speech.language
@options.option(
    "--engine",
    "engines",
    multiple=True,
    type=OneOf("speech engine", _engines),
    help="Use this speech engine alone; may be repeated.  [default: all that are installed]",
)
@options.option(
    "--takes",
    default=2,
    show_default=True,
    type=click.IntRange(0),
    help="Clips of the phrase in each voice; voices that are few speak more often.",
)
@options.option(
    "--others",
    default=2,
    show_default=True,
    type=click.IntRange(1),
    help="Clips without the phrase in each voice: confusable phrases and sentences.",
)
@speech.phonemes
@options.option(
    "--show-phonemes",
    is_flag=True,
    help="Print how Kokoro pronounces the phrase, and write nothing.",
)
@options.seed
def speak(
    phrase: str,
    output: Path | None,
    language: str,
    engines: tuple[str, ...],
    takes: int,
    others: int,
    phonemes: str,
    show_phonemes: bool,
    seed: int,
) -> None:
    """Make a data set of a PHRASE in many synthetic voices, offline.

    Writes clips of the phrase, alone and next to other speech, confusable phrases (pronounced
    alike, parts of it, one sound or one word replaced), sentences without it, noises, and
    OUTPUT/<phrase>.jsonl with all of them. Some voices are held out as the split dev. `wakeword
    train OUTPUT` reads the folder; `wakeword train --say PHRASE` does both.

    Needs the extra 'demo'. The same command gives the same clips; those of an interrupted run are
    used again. --takes 0 makes phrases without the keyword alone, for --extra-data.

    \b
    Examples:
      wakeword speak "hey computer" -o spoken/
      wakeword speak "okay nova" -o spoken/ --takes 4 --engine kokoro --engine espeak
      wakeword speak "hola casa" -o spoken/ --lang es
      wakeword speak "hey siri" --show-phonemes
      wakeword speak "hey siri" -o spoken/ --phonemes "hˈA sˈɪɹi"
    """
    from wakeword.synthetic.dataset import plan_speech
    from wakeword.synthetic.plan import Phrase
    from wakeword.tts.languages import check_spelling, to_phonemes

    phrase = " ".join(phrase.split())
    if show_phonemes:
        check_spelling(phrase, language)
        click.echo(phonemes or to_phonemes(phrase, language))
        return
    if output is None:
        raise ConfigError("where to? Name a folder for the clips: -o FOLDER.")
    if not engines or "kokoro" in engines:
        speech.fetch_voices()
    plan = plan_speech(
        Phrase(phrase, language, phonemes), engines=engines, takes=takes, others=others, seed=seed
    )
    data = speech.make_speech(plan, output)
    for split, purpose in (("train", "to train on"), ("dev", "held out")):
        part = data.subset(split)
        speakers = {clip.speaker for clip in (*part.keywords, *part.negatives)}
        click.echo(
            f"{purpose}: {len(part.keywords)} clips of '{phrase}' and {len(part.negatives)} of "
            f"other speech, by {len(speakers)} speakers"
        )
    click.echo(f"in {data.root}")
