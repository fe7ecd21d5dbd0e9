"""The demo's training configuration, its evaluation on held-out voices, and its outcome."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from wakeword.data.clip import Clip
from wakeword.data.dataset import Dataset
from wakeword.data.keywords import normalised_words, select_keywords
from wakeword.data.loader import ClipLoader
from wakeword.demo.recording import RecordingEvent
from wakeword.encoders.registry import locate_weights
from wakeword.evaluation.conditions import CLEAN, Condition, noisy
from wakeword.evaluation.evaluator import confusable_result, keyword_result
from wakeword.evaluation.results import ConfusableResult, Evaluation
from wakeword.evaluation.scoring import score_streams
from wakeword.evaluation.test_streams import (
    Stream,
    confusable_stream,
    negative_stream,
    positive_stream,
)
from wakeword.model.two_stage import AnyModel
from wakeword.progress import ProgressCallback
from wakeword.synthetic.dataset import is_natural, slug
from wakeword.training.config import TrainConfig, VerifierConfig
from wakeword.training.examples import ExampleConfig

NATURAL, FORMANT = "natural voices", "eSpeak voices"


def train_config(seed: int = 0) -> TrainConfig:
    """Return a configuration that trains in some minutes on two cores, without a download.

    The model has two stages where the weights of the verifier are installed. It allows many more
    false accepts than a real training should: the negatives that the threshold is chosen on include
    confusable phrases, and with none of them accepted the keyword would not be detected either.
    """
    return TrainConfig(
        encoder="wakeword-stream",
        strategy="head",
        seed=seed,
        epochs=8,
        patience=8,
        batch=32,
        validation_share=0.2,
        false_accepts_per_hour=12.0,
        examples=ExampleConfig(positive_hours=1.0, negative_hours=2.0),
        verifier=VerifierConfig() if locate_weights(VerifierConfig.encoder) else None,
    )


@dataclass(frozen=True)
class Measurement:
    """Results on held-out voices, at the threshold in the model file.

    Attributes:
        evaluation: natural voices and eSpeak's apart, clean and at 10 dB.
        confusables: detections in clips of confusable phrases.
        confusable_phrases: number of different confusable phrases.
    """

    evaluation: Evaluation
    confusables: ConfusableResult
    confusable_phrases: int


def measure(
    model: AnyModel, data: Dataset, *, progress: ProgressCallback | None = None
) -> Measurement:
    """Evaluate a model on the held-out voices of a data set from `make_dataset`.

    Confusable phrases are scored apart and count in no false-accept rate.
    """
    held_out = select_keywords(data, model.keywords).subset("dev")
    held_out, confusables = held_out.split_confusables()
    loader = ClipLoader()
    groups = {
        NATURAL: tuple(clip for clip in held_out.keywords if is_natural(clip)),
        FORMANT: tuple(clip for clip in held_out.keywords if not is_natural(clip)),
    }

    def keyword_stream(group: str, clips: tuple[Clip, ...], condition: Condition) -> Stream:
        stream = positive_stream(replace(held_out, keywords=clips), condition)
        return replace(stream, name=f"{group}, {stream.name}")

    streams = [
        negative_stream(held_out),
        confusable_stream(confusables, model.keywords[0]),
        *(
            keyword_stream(group, clips, condition)
            for group, clips in groups.items()
            if clips
            for condition in (CLEAN, noisy(10.0))
        ),
    ]
    scored_negatives, scored_confusables, *scored_keywords = score_streams(
        model, streams, loader, progress
    )
    results = [keyword_result(model, 0, scored, scored_negatives) for scored in scored_keywords]
    broken = (f"broken clip skipped: {message}" for message in loader.broken.values())
    return Measurement(
        Evaluation(tuple(results), scored_negatives.hours, (*held_out.notes, *broken)),
        confusable_result(model, 0, scored_confusables, scored_negatives),
        len({normalised_words(clip.text or "") for clip in confusables}),
    )


@dataclass(frozen=True)
class Outcome:
    """Everything that the demo's report shows.

    Attributes:
        keyword: the phrase trained on.
        model_file: the trained model.
        measurement: on held-out voices.
        recording_s: duration of the held-out recording, in seconds.
        spoken: occurrences of the keyword in that recording.
        events: hits, misses and false accepts in that recording.
    """

    keyword: str
    model_file: Path
    measurement: Measurement
    recording_s: float
    spoken: int
    events: tuple[RecordingEvent, ...]

    @property
    def detected(self) -> int:
        """Occurrences of the keyword that were detected."""
        return sum(event.is_hit for event in self.events)

    @property
    def false_accepts(self) -> int:
        """Detections where the keyword was not spoken."""
        return sum(event.keyword is None for event in self.events)


def next_commands(keyword: str, model_file: Path) -> tuple[tuple[str, str], ...]:
    """List (purpose, command) pairs that lead from the demo to a model of one's own recordings."""
    own_model = f"my-{slug(keyword)}.wakeword"
    return (
        ("try this model on your microphone", f"wakeword listen {model_file}"),
        (
            "check your recordings: one folder per keyword, and 'negatives'",
            "wakeword check recordings/",
        ),
        ("train on them", f"wakeword train recordings/ -o {own_model}"),
        ("measure on speakers held out of training", f"wakeword eval {own_model} recordings/"),
        ("listen", f"wakeword listen {own_model}"),
    )
