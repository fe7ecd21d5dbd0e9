"""Run an engine over a stream in a process of its own, once: its output is kept on disk.

`peers/engine_io.py` documents the protocol between this module and the scripts of the engines.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from engines import Engine
from environments import interpreter, run_command
from stream_files import StreamFile, write_json

from wakeword import storage
from wakeword.training.examples import ExampleConfig

TRAINING_HOURS = ExampleConfig().hours
"""Hours of training audio for a peer that is trained here: as many as ours."""


class EngineUnavailable(Exception):
    """An engine has no results for a keyword; the message says why."""


@dataclass(frozen=True)
class EngineOutput:
    """Output of an engine for one stream: either scores or events.

    Attributes:
        scores: (n, 2) of time in seconds and score, higher is more confident.
        events: {threshold: times in seconds}, where a higher threshold is stricter.
        rtf: processor seconds per second of audio.
        memory_mb: peak memory of the process.
        model_mb: size of the files with the weights.
    """

    scores: np.ndarray | None = None
    events: Mapping[float, Sequence[float]] | None = None
    rtf: float = 0.0
    memory_mb: float = 0.0
    model_mb: float = 0.0


def job_for(
    engine: Engine,
    keyword: str,
    corpus: Path,
    examples: Sequence[Path],
    hours: float = TRAINING_HOURS,
) -> dict[str, Any]:
    """Return the job for an engine's scripts, without the stream."""
    model = engine.model_file(keyword)
    return {
        "keyword": keyword,
        "corpus": str(corpus.resolve()),
        "hours": hours,
        "model": str(model) if model else None,
        "examples": [str(path) for path in examples[: engine.examples]],
    }


def run_engine(
    engine: Engine, job: dict[str, Any], streams: Sequence[StreamFile], out: Path
) -> list[EngineOutput]:
    """Return an engine's output for each stream, from OUT/results where it is there.

    Raises:
        EngineUnavailable: the engine does not offer the keyword, is not installed, or failed.
    """
    if engine.keywords is not None and job["keyword"] not in engine.keywords:
        raise EngineUnavailable("keyword not offered")
    python = interpreter(engine, out)
    if not python.exists():
        raise EngineUnavailable("not installed")
    if engine.is_own and not (job["model"] and Path(job["model"]).is_file()):
        raise EngineUnavailable("no model")
    try:
        if engine.training_script:
            model = out / "trained" / engine.name / f"{job['keyword']}.npz"
            if not model.is_file():
                _run_script(python, engine.training_script, job, model)
            job = {**job, "model": str(model)}
        return [_run_on_stream(engine, python, job, stream, out) for stream in streams]
    except RuntimeError as error:
        raise EngineUnavailable(f"failed: {error}") from error


def _run_on_stream(
    engine: Engine, python: Path, job: dict[str, Any], stream: StreamFile, out: Path
) -> EngineOutput:
    file = out / "results" / engine.name / job["keyword"] / f"{stream.audio.stem}.json"
    inputs = [stream.audio, *map(Path, job["examples"])]
    if job["model"]:
        model = Path(job["model"])
        network = model.with_suffix(".tflite")  # beside a manifest
        inputs += [model, network] if network.is_file() else [model]
    cache_key = storage.cache_key([storage.sha256(file) for file in inputs])
    result = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    # "made_of" is what earlier versions wrote
    if result.get("cache_key", result.get("made_of")) != cache_key:
        file.unlink(missing_ok=True)
        _run_script(python, engine.script, {**job, "audio": str(stream.audio)}, file)
        result = {**json.loads(file.read_text("utf-8")), "cache_key": cache_key}
        write_json(file, result)
    scores, events = result.get("scores"), result.get("events")
    return EngineOutput(
        None if scores is None else np.load(file.with_name(scores)),
        None if events is None else {float(threshold): t for threshold, t in events.items()},
        result["rtf"],
        result["memory_mb"],
        result["model_mb"],
    )


def _run_script(python: Path, script: Path, job: dict[str, Any], result: Path) -> None:
    job_file = result.with_suffix(".job")
    result.parent.mkdir(parents=True, exist_ok=True)
    write_json(job_file, job)
    started = time.monotonic()
    print(f"{script.stem}: {job['keyword']}, {result.stem} …", file=sys.stderr, flush=True)
    run_command([str(python), str(script), str(job_file), str(result)])
    print(f"  {(time.monotonic() - started) / 60:.1f} min", file=sys.stderr, flush=True)
    if not result.is_file():
        raise RuntimeError(f"{script.name} wrote no result")
