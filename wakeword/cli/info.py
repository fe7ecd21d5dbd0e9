"""`wakeword info`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from wakeword import runtime
from wakeword.cli import options
from wakeword.cli.console import print_results
from wakeword.cli.missing import load_unexported_model
from wakeword.evaluation.report.format import format_calibration_advice, format_file_size
from wakeword.model.info import ModelInfo, describe_model


@click.command()
@options.model_argument
@options.as_json
def info(file: Path, as_json: bool) -> None:
    """Show what FILE, a model or an exported one (.onnx), holds.

    Keywords and their languages, thresholds and where they come from, smoothing and refractory
    time, encoder, head, size, the training, and the licences of encoder and recordings; of a
    two-stage model, each stage and how they are combined. Licences of recordings are those that the
    data stated: a column `licence` of its manifest.

    \b
    Examples:
      wakeword info alexa.wakeword
      wakeword info alexa.onnx --json
    """
    described = read_info(file)
    if as_json:
        click.echo(json.dumps(described.as_dict(), indent=1))
    else:
        print_results(_table(described))
        click.echo(f"\n{described.notice.rstrip()}")


def read_info(file: Path) -> ModelInfo:
    """Read and describe a model file; torch is not loaded for an exported one.

    Raises:
        CheckpointError: the file cannot be read.
    """
    if file.suffix.lower() == ".onnx":
        exported = runtime.load(file)
        recorded = exported.about.get("parameters")
        parameters = recorded if isinstance(recorded, int) else None
        return describe_model(file, exported, exported.about, parameters)
    model = load_unexported_model(file)
    from wakeword.model.file import read_metadata

    parameters = sum(parameter.numel() for parameter in model.parameters())
    metadata = {**read_metadata(file), "origin": asdict(model.origin)}
    return describe_model(file, model, metadata, parameters)


def _table(described: ModelInfo) -> Table:
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for keyword, threshold in described.thresholds.items():
        about = f"'{keyword}', detected at scores of {threshold:.4f} or more"
        table.add_row("keyword", about + (", provisional" * described.threshold_provisional))
    rows = {
        "languages": ", ".join(described.languages) or "not recorded",
        "threshold source": described.threshold_provenance or "not recorded",
        **({"to do": _advice(described)} if described.threshold_provisional else {}),
        "smoothing": f"{described.smoothing_s:g} s",
        "refractory time": f"{described.refractory_s:g} s",
        **_stage_rows(described),
        "look-ahead": f"{described.look_ahead_ms:.0f} ms",
        "parameters": f"{described.parameters:,}" if described.parameters else "not recorded",
        "file": f"{described.file}, {format_file_size(described.size_bytes)}, {described.format}",
    }
    if not described.by_stage:
        rows["training"] = _training_summary(described.training)
    for name, value in rows.items():
        table.add_row(name, value)
    return table


def _advice(described: ModelInfo) -> str:
    advice = format_calibration_advice()
    if Path(described.file).suffix == ".onnx":
        return f"{advice} (the model that was exported; then export it again)"
    return advice


def _stage_rows(described: ModelInfo) -> dict[str, str]:
    """Return what is shown of encoders and heads, and of how two stages are combined."""
    rows = {}
    for name, stage in described.by_stage.items():
        size = f", {stage.parameters:,} parameters" if stage.parameters else ""
        rows[name] = f"{stage.encoder}, streaming: {stage.streaming}, head: {stage.head}{size}"
        rows[f"{name} training"] = _training_summary(stage.training)
    if not rows:
        encoder = f"{described.encoder}, streaming: {described.streaming}"
        rows = {"encoder": encoder, "head": described.head}
    cascade = described.cascade
    if cascade:
        rows["verifier called"] = ", ".join(
            f"'{keyword}' at gate scores of {threshold:.4f} or more"
            for keyword, threshold in cascade["gate_thresholds"].items()
        )
        rows["final logit"] = (
            f"{cascade['gate_weight']:g} · gate + {cascade['verifier_weight']:g} · verifier "
            f"{cascade['bias']:+g}"
        )
    return rows


def _training_summary(training: Mapping[str, Any]) -> str:
    """Summarise the record of the training in one line."""
    if not training:
        return "not recorded"
    parts = [f"strategy {training.get('strategy', '?')}"]
    if "epochs" in training:
        parts.append(f"{training['epochs']} epochs, best {training.get('best_epoch', '?')}")
    if "keyword_clips" in training:
        minutes = training.get("keyword_minutes", 0)
        parts.append(f"{training['keyword_clips']} keyword clips ({minutes:g} min)")
    if training.get("trainable"):
        parts.append(f"{training['trainable']:,} parameters trained")
    return "; ".join(parts)
