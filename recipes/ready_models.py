"""Train the ready models that come with the package, on recordings whose licences allow it.

    python recipes/ready_models.py CORPUS OUT --extra-data MANDARIN/mandarin.jsonl \\
        --calibration-data MORE
    cp OUT/*.wakeword wakeword/ready_models/

Data: the keyword clips and other recordings of CORPUS whose sources are in `LICENCES`; share-alike
recordings are left out. The extra data are synthetic speech, such as that of `mandarin.py`. For
each keyword, a head on the untouched encoder that comes with the package is trained on the train
split. Its threshold is set on recordings of the train splits that it was not trained on: those left
out, and MORE. It is measured on the whole dev split. A model that is there is not trained again.

Writes OUT/<keyword>.wakeword, without the encoder and with the licences and the measurements.
Duration: ten minutes per keyword on two cores. docs/results/ready-models.md has the results.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from wakeword.cli.console import TeachingCommand, progress_display
from wakeword.cli.training_options import examples_of
from wakeword.data.clip import Clip
from wakeword.data.keywords import select_keywords
from wakeword.data.readers import read_dataset, read_datasets
from wakeword.data.splits import assign_splits
from wakeword.evaluation.calibrate import calibrate
from wakeword.evaluation.conditions import all_conditions
from wakeword.evaluation.evaluator import evaluate
from wakeword.evaluation.results import KeywordResult
from wakeword.model.file import save_model
from wakeword.model.languages import record_languages
from wakeword.training.config import TrainConfig
from wakeword.training.train import train

AIM = 2.0
"""False accepts per hour of speech in many languages, few of which a user's room will hold."""
FALSE_ACCEPTS_PER_HOUR = 0.5
"""At which models are compared."""
LANGUAGES = ("en",)  # of the keywords
CONDITIONS = ("clean", "10 dB", "0 dB", "far room", "talker")
SYNTHETIC = "Apache-2.0 (made with Kokoro)"
LICENCES = {
    "picovoice": "Apache-2.0",
    "coffee": "Apache-2.0",
    "ami": "CC-BY-4.0",
    "arabic_sc": "CC-BY-4.0",
    "gsc": "CC-BY-4.0",
    "gsc_noise_1sthalf": "CC-BY-4.0",
    "librispeech": "CC-BY-4.0",
    "an4": "BSD (CMU)",
    "sorbian": "CC0-1.0",
    "ovos_false_act": "public domain",
    "ovos_noise": "public domain",
    "ovos_notww": "public domain",
    "ovos_ww": "public domain",
    "music": "CC-BY or public domain (examples of librosa)",
    "rir_conner": "MIT",
    "rir_hirt": "BSD-3-Clause",
}
"""Licences of the corpus's sources."""
KEYWORD_SOURCE = "picovoice"
"""Of the keyword clips, which state none: Picovoice's wake-word benchmark."""


@click.command(cls=TeachingCommand)
@click.argument("corpus", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--keyword", "keywords", multiple=True, help="Only this keyword. Repeatable.")
@click.option(
    "--extra-data", multiple=True, type=click.Path(path_type=Path), help="Synthetic speech."
)
@click.option(
    "--calibration-data",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Other speech to set the threshold on. Repeatable.",
)
@click.option("--hours", type=float, help="Hours of training examples, as for `wakeword train`.")
def main(
    corpus: Path,
    out: Path,
    keywords: tuple[str, ...],
    extra_data: tuple[Path, ...],
    calibration_data: tuple[Path, ...],
    hours: float | None,
) -> None:
    """Train and measure a ready model for each keyword of CORPUS."""
    data = assign_splits(read_dataset(corpus))
    allowed = data.map(with_licences)
    extra = read_datasets(extra_data)
    if extra is not None:
        extra = extra.map(lambda clips: tuple(replace(clip, licence=SYNTHETIC) for clip in clips))
    others = data.map(lambda clips: tuple(clip for clip in clips if not is_licensed(clip)))
    for path in calibration_data:
        others = others.with_clips_of(read_dataset(path))
    examples = examples_of(hours, two_stages=False)
    config = TrainConfig(encoder="wakeword-stream", strategy="head", examples=examples)
    conditions = [each for each in all_conditions(data) if each.name in CONDITIONS]
    for keyword in keywords or data.labels():
        file = out / f"{keyword}.wakeword"
        if file.exists():
            continue
        with progress_display() as progress:
            trained = train(allowed, [keyword], config, extra_data=extra, progress=progress)
            model = trained.model
            unheard = select_keywords(others, [keyword], allow_missing=True).subset("train")
            model.operating_point = calibrate(
                model,
                negatives={clip.path for clip in unheard.negatives},
                false_accepts_per_hour=AIM,
                progress=progress,
            ).operating_point
            evaluation = evaluate(model, data, conditions=conditions, progress=progress)
        measured = {
            "hours": round(float(evaluation.negative_hours), 2),
            "false_accepts": evaluation.results[0].shipped.false_accepts,
            "results": [row(each) for each in sorted(evaluation.results, key=in_order)],
        }
        record_languages(model, LANGUAGES)
        maker = {"command": "ready_models", "measured": measured}
        save_model(model, file, made_by=maker, with_encoder=False)
        print(keyword, measured, f"{file.stat().st_size / 1e6:.2f} MB", flush=True)


def is_licensed(clip: Clip) -> bool:
    """Return whether a model may be trained on a clip."""
    return (clip.source or KEYWORD_SOURCE) in LICENCES


def with_licences(clips: tuple[Clip, ...]) -> tuple[Clip, ...]:
    """Return the clips that a model may be trained on, with their sources and licences."""
    sources = [(clip, clip.source or KEYWORD_SOURCE) for clip in filter(is_licensed, clips)]
    return tuple(replace(clip, source=source, licence=LICENCES[source]) for clip, source in sources)


def in_order(result: KeywordResult) -> int:
    """Return the place of a result's condition in `CONDITIONS`."""
    return CONDITIONS.index(result.condition)


def row(result: KeywordResult) -> dict[str, str | int]:
    """Return the misses at the model's threshold, and at `FALSE_ACCEPTS_PER_HOUR` at most."""
    point = result.operating_points[FALSE_ACCEPTS_PER_HOUR]
    return {
        "condition": result.condition,
        "clips": result.clips,
        "missed": result.shipped.misses,
        f"missed_at_{FALSE_ACCEPTS_PER_HOUR:g}_per_hour": point.misses if point else result.clips,
    }


if __name__ == "__main__":
    main()
