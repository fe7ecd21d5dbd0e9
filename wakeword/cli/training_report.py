"""The evaluation at the end of a training: `wakeword train --report`, and with --say by itself."""

from __future__ import annotations

from pathlib import Path

import wakeword
from wakeword.cli.console import print_note, progress_display
from wakeword.errors import ManifestError
from wakeword.evaluation.conditions import all_conditions
from wakeword.evaluation.evaluator import evaluate
from wakeword.evaluation.report.html import write_html_report
from wakeword.evaluation.report.subject import describe_subject
from wakeword.evaluation.report.verdict import ratings, verdict
from wakeword.model.two_stage import AnyModel
from wakeword.synthetic.training import TrainingInput

SPLIT = "dev"


def report_on_held_out_clips(
    model: AnyModel, file: Path, training: TrainingInput, page: Path
) -> list[str]:
    """Evaluate a trained model on the clips held out of its training, and write the page.

    Args:
        model: that was trained.
        file: that it was written to.
        training: what it was trained on.
        page: HTML file to write.

    Returns:
        The verdict in words; [] where nothing is held out, which a note says.
    """
    data = training.held_out()
    try:
        with progress_display() as progress:
            conditions = all_conditions(data.subset(SPLIT))
            result = evaluate(model, data, split=SPLIT, conditions=conditions, progress=progress)
    except ManifestError as error:
        print_note(f"no report: {error}")
        return []
    where = f"{SPLIT} split of {data.root}"
    write_html_report(describe_subject(file, model, where, wakeword.__version__), result, page)
    return [*verdict(result), *ratings(result)]
