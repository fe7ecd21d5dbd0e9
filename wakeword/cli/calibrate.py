"""`wakeword calibrate`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from wakeword import storage
from wakeword.cli import options
from wakeword.cli.console import print_results, progress_display
from wakeword.cli.trained_on import note_trained_on
from wakeword.data.readers import read_dataset
from wakeword.data.splits import assign_splits
from wakeword.devices import choose_device
from wakeword.errors import ConfigError
from wakeword.ready_models import is_ready_model


@click.command()
@options.model_argument
@options.negatives("Recordings without the keyword")
@options.option(
    "--data",
    type=options.PATH,
    help="Data set with negatives, and with keyword clips used to choose the smoothing and to "
    "count the misses.",
)
@options.option(
    "--split", default="dev", show_default=True, type=options.SPLIT, help="Split of --data to use."
)
@options.false_accepts_per_hour("False accepts per hour to aim at.")
@options.option("-o", "--output", type=options.PATH, help="Model file to write instead of FILE.")
@options.compute_device
@options.as_json
def calibrate(
    file: Path,
    negatives: tuple[Path, ...],
    data: Path | None,
    split: str,
    false_accepts_per_hour: float,
    output: Path | None,
    device: str,
    as_json: bool,
) -> None:
    """Set the threshold of a model from recordings of the place where it will run.

    The old and the new threshold are printed and, with keyword clips in --data, the misses at
    both.

    The threshold is stored in the model file together with its provenance; `listen` and `detect`
    use it. A rate of r false accepts per hour takes 3 / r hours to confirm: a threshold from less
    is called provisional. The more hours without the keyword, the narrower the interval: an
    evening in your own living room is worth more than any corpus. Of a two-stage model it is the
    threshold of the final score; the gate stays as it is.

    \b
    Examples:
      wakeword calibrate alexa.wakeword --negatives evenings/ --false-accepts-per-hour 0.2
      wakeword calibrate alexa.wakeword --negatives librispeech-dev-clean
      wakeword calibrate alexa.wakeword --data recordings/ -o calibrated.wakeword
    """
    from wakeword.evaluation.calibrate import calibrate as calibrate_model
    from wakeword.evaluation.report.json import calibration_as_dict
    from wakeword.evaluation.report.text import render_calibration
    from wakeword.model.file import load_model, save_model

    if output is None and is_ready_model(file):
        raise ConfigError(
            f"{file.stem} is a ready model of the package. Write another file with -o."
        )
    model = load_model(file).to(choose_device(device))
    target = output or file
    storage.check_writable(target)
    note_trained_on(model, negatives)
    with progress_display() as progress:
        calibration = calibrate_model(
            model,
            negatives=negatives,
            data=assign_splits(read_dataset(data), progress=progress) if data else None,
            split=split,
            false_accepts_per_hour=false_accepts_per_hour,
            progress=progress,
        )
    model.operating_point = calibration.operating_point
    save_model(model, target, made_by={"command": "calibrate"})
    if as_json:
        point = calibration.operating_point
        about = {
            "model": str(target),
            "provenance": point.provenance,
            "provisional": point.provisional,
        }
        click.echo(json.dumps({**about, "keywords": calibration_as_dict(calibration)}))
    else:
        print_results(*render_calibration(calibration, target), f"wrote {target}")
