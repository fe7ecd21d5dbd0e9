"""Parts of long streams, and a Ray cluster: both give the results of one process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny as tiny_family
from click.testing import CliRunner

from wakeword.audio.files import save_audio
from wakeword.cli import main
from wakeword.data.clip import Clip
from wakeword.data.dataset import Dataset
from wakeword.data.loader import ClipLoader
from wakeword.encoders.spec import EncoderSpec
from wakeword.evaluation import test_streams
from wakeword.evaluation.conditions import CLEAN, noisy
from wakeword.evaluation.evaluator import evaluate
from wakeword.evaluation.mine import mine_recordings
from wakeword.evaluation.results import Evaluation
from wakeword.evaluation.scoring import score_streams
from wakeword.evaluation.test_streams import Stream, negative_stream, positive_stream, render
from wakeword.model.file import save_model
from wakeword.parallel import Executor, JobBatch, JobProgress, LocalExecutor, RayExecutor


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    def clip(name: str, seconds: float, seed: int, label: str | None = None) -> Clip:
        save_audio(tmp_path / f"{name}.flac", tiny_family.synthetic_audio(seconds, seed=seed))
        return Clip(tmp_path / f"{name}.flac", label, f"{name}'s", "dev", source=name)

    return Dataset(
        tmp_path,
        "synthetic",
        keywords=tuple(clip(f"word{i}", 1.5, i, ("alexa", "computer")[i % 2]) for i in range(4)),
        negatives=tuple(clip(f"talk{i}", 2.0 + i, 10 + i) for i in range(4)),
        noises=(clip("hum", 3.0, 20),),
    )


@pytest.fixture
def short_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_streams, "PART_S", 4.0)


def rendered(stream: Stream) -> np.ndarray:
    pieces = [piece.samples for piece in render(stream, ClipLoader())]
    return np.concatenate(pieces)


@pytest.mark.usefixtures("short_parts")
def test_parts_joined_equal_the_stream(data: Dataset) -> None:
    for stream in (negative_stream(data), positive_stream(data, noisy(5.0))):
        parts = stream.parts()
        assert len(parts) > 1
        assert tuple(clip for part in parts for clip in part.clips) == stream.clips
        np.testing.assert_array_equal(np.concatenate([*map(rendered, parts)]), rendered(stream))


def test_unreadable_clips_have_no_length_and_short_streams_are_not_divided(data: Dataset) -> None:
    gone = Clip(data.root / "gone.flac")
    stream = replace(negative_stream(data), clips=(gone, *data.negatives))
    assert gone.seconds() == 0.0 and stream.parts() == [stream]


def test_a_joined_stream_has_the_times_of_its_parts(
    tiny: EncoderSpec, data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = tiny_family.model()
    stream = positive_stream(data)
    (whole,) = score_streams(net, [stream], ClipLoader())
    monkeypatch.setattr(test_streams, "PART_S", 3.0)
    (track,) = score_streams(net, [stream], ClipLoader())
    parts = [score_streams(net, [part], ClipLoader())[0] for part in stream.parts()]
    assert len(parts) == 2
    np.testing.assert_array_equal(track.logits, np.concatenate([part.logits for part in parts]))
    assert [clip for _, clip in track.pieces] == [clip for _, clip in whole.pieces]
    later_s = len(parts[0].logits) * net.frame_s
    assert track.hours == pytest.approx(later_s / 3600 + parts[1].hours)
    for word in net.keywords:
        assert track.segments_of(word) == [
            *parts[0].segments_of(word),
            *(segment.shifted(later_s) for segment in parts[1].segments_of(word)),
        ]
    for segment, clip in zip(track.segments, stream.clips, strict=True):
        assert track.clip_at((segment.start_s + segment.end_s) / 2) == clip


# ---------------------------------------------------------------- Ray


@pytest.fixture(scope="module")
def ray() -> Iterator[RayExecutor]:
    pytest.importorskip("ray", reason="Ray is not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(
            "PYTHONPATH", f"{Path(__file__).parent}{os.pathsep}{Path(tiny_family.__file__).parent}"
        )  # workers import the jobs from here
        patch.setenv("RAY_worker_niceness", "0")  # otherwise they wait for parallel tests
        cluster = RayExecutor()
    yield cluster
    cluster.close()


@pytest.mark.usefixtures("short_parts")
def test_a_cluster_evaluates_as_one_process(
    tiny: EncoderSpec, data: Dataset, ray: RayExecutor
) -> None:
    broken = Clip(data.root / "broken.flac", split="dev")
    broken.path.write_bytes(b"no sound")
    data = replace(data, negatives=(*data.negatives, broken))
    net = tiny_family.model()
    steps: dict[str, tuple[int, int]] = {}

    def measured(executor: Executor) -> Evaluation:
        def progress(stage: str, done: int, total: int) -> None:
            steps[stage] = (done, total)

        conditions = (CLEAN, noisy(0.0))
        return evaluate(net, data, conditions=conditions, progress=progress, executor=executor)

    here, there = measured(LocalExecutor()), measured(ray)
    assert there == here and "broken.flac" in there.notes[-1]
    assert steps["scoring: clean"] == (4, 4)


def test_a_cluster_mines_as_one_process(tiny: EncoderSpec, data: Dataset, ray: RayExecutor) -> None:
    paths = [clip.path for clip in data.negatives]
    net = tiny_family.model()
    here, there = (
        mine_recordings(net, paths, score=0.01, most=20, executor=each) for each in (None, ray)
    )
    moments = [[(m.recording, m.keyword, m.time_s) for m in found] for found, _ in (here, there)]
    assert here[0] and moments[0] == moments[1] and here[1] == there[1] == {}
    for clip, other in zip(here[0], there[0], strict=True):  # cores may round in another order
        assert clip.score == pytest.approx(other.score, abs=1e-6)


def _count_call(folder: Path) -> int:
    """Return how often it was called with this folder, in any process."""
    (folder / str(len(list(folder.iterdir())))).touch()
    return len(list(folder.iterdir()))


def _attempts(folder: Path, name: str, progress: JobProgress) -> int:
    return _count_call(folder / name)


def _die_once(folder: Path, name: str, progress: JobProgress) -> int:
    if _count_call(folder) == 1:
        os._exit(1)
    return int(name)


def test_failed_jobs_run_once_more(ray: RayExecutor, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    progress: list[tuple[str, int]] = []
    batch = JobBatch(
        _attempts, tmp_path, ["a", "b"], lambda job, steps: progress.append((job, steps)),
        size=lambda job: 7, failed=lambda attempts: attempts < 3,
    )  # fmt: skip
    attempts = ray.run(batch)
    assert attempts == [2, 2] and sorted(progress) == [("a", 7), ("b", 7)]
    (tmp_path / "c").mkdir()
    assert ray.run(JobBatch(_attempts, tmp_path, ["c"], lambda *_: None)) == [1]


def test_a_job_runs_again_if_its_worker_dies(ray: RayExecutor, tmp_path: Path) -> None:
    assert ray.run(JobBatch(_die_once, tmp_path, ["5"], lambda *_: None)) == [5]


def test_a_missing_ray_is_a_config_error(
    tiny: EncoderSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_model(tiny_family.model(), tmp_path / "m.wakeword")
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    save_audio(tmp_path / "evening.flac", tiny_family.synthetic_audio(3.0))
    command = ["mine", "m.wakeword", "evening.flac", "-o", "mined", "--ray"]
    parts = [str(tmp_path / part) if "." in part or part == "mined" else part for part in command]
    result = CliRunner().invoke(main, parts)
    assert result.exit_code == 2 and "pip install 'wakeword[ray]'" in result.output
    assert not (tmp_path / "mined" / "mined.jsonl").exists()
