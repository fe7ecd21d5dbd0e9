"""The languages of a model's keywords, recorded in its file as BCP 47 tags such as "pt-BR"."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from wakeword.errors import ConfigError

if TYPE_CHECKING:
    from wakeword.model.two_stage import AnyModel

_KEY = "languages"  # in the record of the training
_TAG = re.compile(
    r"(?P<language>[a-z]{2,3})(-(?P<script>[a-z]{4}))?(-(?P<region>[a-z]{2}|[0-9]{3}))?"
    r"(?P<rest>(-([a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*(-x(-[a-z0-9]{1,8})+)?)",
    re.IGNORECASE | re.ASCII,
)


def normalise_language(tag: str) -> str:
    """Return a BCP 47 tag in its usual spelling: "pt-BR" for "PT-br".

    The form alone is checked: language, script, region, variants and private use, in this order.

    Raises:
        ConfigError: no such tag.
    """
    match = _TAG.fullmatch(tag)
    if match is None:
        raise ConfigError(f"language {tag!r}: expected a BCP 47 tag, such as en or pt-BR.")
    language, script, region = (match[name] or "" for name in ("language", "script", "region"))
    core = filter(None, (language.lower(), script.title(), region.upper()))
    return "-".join(core) + match["rest"].lower()


def record_languages(model: AnyModel, tags: Iterable[str]) -> None:
    """Record the languages of a model's keywords; of a model of two stages, in both.

    Args:
        model: to record them in.
        tags: BCP 47 tags; without any, the model has no recorded languages.

    Raises:
        ConfigError: no such tag.
    """
    from wakeword.model.two_stage import stages_of  # needs torch

    languages = list(dict.fromkeys(map(normalise_language, tags)))
    for stage in filter(None, stages_of(model)):
        training = {name: value for name, value in stage.origin.training.items() if name != _KEY}
        record = training | ({_KEY: languages} if languages else {})
        stage.origin = replace(stage.origin, training=record)


def recorded_languages(training: Mapping[str, Any]) -> list[str]:
    """Return the languages in the record of a training; [] where it has none, as in old files."""
    languages = training.get(_KEY)
    return [str(tag) for tag in languages] if isinstance(languages, list) else []


def languages_of(model: Any) -> list[str]:
    """Return the recorded languages of a model or an exported one; [] where there are none."""
    if hasattr(model, "about"):
        return recorded_languages(model.about.get("origin", {}).get("training", {}))
    return recorded_languages(model.origin.training)
