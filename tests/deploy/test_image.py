"""What the image runs, started without a container; and what its files promise."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import deployment
import project_file
import pytest
import tiny as tiny_family
from click.testing import CliRunner
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.info import Describe, Info
from wyoming.wake import Detect, Detection

from wakeword import runtime
from wakeword.cli import main
from wakeword.encoders.registry import temporarily_registered
from wakeword.exporting.onnx import export_onnx

yaml = pytest.importorskip("yaml", reason="reads compose.yaml: pip install pyyaml")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="images run on Linux")

RATE = 16_000
SAMPLES = (tiny_family.synthetic_audio(3.0) * 32767).astype("<i2")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of one exported model that nobody may write to."""
    folder = tmp_path_factory.mktemp("models")
    with temporarily_registered(tiny_family.spec()):
        model = tiny_family.model(keywords=("hey_computer",), threshold=0.1)
        export_onnx(model, folder / "computer.onnx")
    (folder / "notes.txt").write_text("no model")
    folder.chmod(0o555)
    yield folder
    folder.chmod(0o755)


async def talk(port: int) -> tuple[Info, list[Detection]]:
    """Describe the server, then send it the whole recording."""
    async with AsyncTcpClient("127.0.0.1", port) as client:
        await client.write_event(Describe().event())
        event = await client.read_event()
        assert event is not None
        info = Info.from_event(event)
        await client.write_event(Detect(names=["hey_computer"]).event())
        await client.write_event(AudioStart(RATE, 2, 1).event())
        for start in range(0, len(SAMPLES), 1024):
            audio = SAMPLES[start : start + 1024].tobytes()
            milliseconds = start * 1000 // RATE
            await client.write_event(AudioChunk(RATE, 2, 1, audio, milliseconds).event())
        await client.write_event(AudioStop().event())
        await client.write_event(Describe().event())  # answered after all detections
        detections = []
        while (event := await client.read_event()) and Detection.is_type(event.type):
            detections.append(Detection.from_event(event))
    return info, detections


def test_the_script_of_the_image_serves_a_folder_and_its_health_check_answers(
    models: Path, tmp_path: Path
) -> None:
    files = sorted(models.iterdir())
    with deployment.started(models, tmp_path) as port:
        info, detections = asyncio.run(asyncio.wait_for(talk(port), 60))
        health = CliRunner().invoke(main, ["status", "--port", str(port)])
    local = runtime.Detector(runtime.load(models / "computer.onnx"))
    times = [each.time for each in [*local.feed(SAMPLES), *local.flush()]]
    assert times
    assert [model.name for model in info.wake[0].models] == ["hey_computer"]
    assert [(each.name, each.timestamp) for each in detections] == [
        ("hey_computer", round(1000 * time)) for time in times
    ]
    assert health.exit_code == 0 and health.output.startswith("hey_computer at tcp://127.0.0.1:")
    assert sorted(models.iterdir()) == files and list(tmp_path.iterdir()) == []


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    command = [sys.executable, str(deployment.SCRIPT), "--models", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert f"{tmp_path}: no exported model in this folder" in done.stderr
    assert "Traceback" not in done.stderr


def test_only_private_networks_may_connect_unless_others_are_named() -> None:
    serve_command = deployment.functions()["serve_command"]
    assert "192.168.0.0/16" in serve_command("/models", ["--threshold", "0.5"])
    for options in (["--allow", "10.1.0.5"], ["--allow=10.1.0.5"]):
        command = serve_command("/models", options)
        assert "192.168.0.0/16" not in command and command[-len(options) :] == options


# ---------------------------------------------------------------- Dockerfile, compose.yaml


def dockerfile() -> list[str]:
    """The instructions of the Dockerfile."""
    lines = (deployment.FOLDER / "Dockerfile").read_text("utf-8").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


def test_the_image_holds_the_runtime_alone_and_compiles_nothing() -> None:
    installs = [line for line in dockerfile() if "pip install" in line]
    groups = [line for line in installs if "--group" in line]
    assert len(groups) == 1 and "--group runtime" in groups[0]
    assert "--only-binary=:all:" in groups[0]
    assert [line for line in installs if line.endswith(" .")] == [
        "RUN /opt/wakeword/bin/pip install --no-cache-dir --no-deps ."
    ]


def test_the_image_runs_the_script_without_root_and_checks_its_health() -> None:
    *_, user, _, _, health, entry = dockerfile()
    text = "\n".join(dockerfile())
    assert "\nENV ORT_DISABLE_TELEMETRY=1\n" in text
    assert user == "USER ${RUN_AS}" and "\nARG RUN_AS=10001\n" in text
    assert "useradd --system --uid 10001" in text
    assert health.endswith('CMD ["wakeword", "status"]')
    copied = re.findall(r"^COPY (deploy/\S+) (\S+)$", text, re.MULTILINE)
    assert copied == [("deploy/run.py", "/opt/wakeword/run.py")]
    assert entry == 'ENTRYPOINT ["python", "/opt/wakeword/run.py"]'


def test_what_the_image_copies_exists_and_is_in_the_build_context() -> None:
    sent = (deployment.FOLDER / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    for line in dockerfile():
        if line.startswith("COPY") and "--from" not in line:
            for source in line.split()[1:-1]:
                assert (project_file.ROOT / source).exists() and f"!{source}" in sent


def test_compose_hardens_the_container() -> None:
    (service,) = yaml.safe_load((deployment.FOLDER / "compose.yaml").read_text("utf-8"))[
        "services"
    ].values()
    assert service["read_only"] is True and service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["volumes"] == ["./models:/models:ro"]
    assert "--allow" in service["command"] and "privileged" not in service
    context = deployment.FOLDER / service["build"]["context"]
    assert (context / service["build"]["dockerfile"]).samefile(deployment.FOLDER / "Dockerfile")


# ---------------------------------------------------------------- systemd


def test_the_systemd_unit_is_valid_and_hardened(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze here")
    unit = tmp_path / "wakeword.service"
    text = (deployment.FOLDER / "wakeword.service").read_text("utf-8")
    assert "ExecStart=/opt/wakeword/bin/wakeword serve /etc/wakeword $OPTIONS" in text
    unit.write_text(text.replace("/opt/wakeword/bin/wakeword", sys.executable))
    analyze = ["systemd-analyze", "--no-pager"]
    verified = subprocess.run(
        [*analyze, "verify", "--man=no", str(unit)], capture_output=True, text=True
    )
    assert verified.returncode == 0 and "wakeword.service" not in verified.stderr, verified.stderr
    rating = [*analyze, "security", "--offline=yes", "--threshold=20", str(unit)]
    rated = subprocess.run(rating, capture_output=True, text=True)
    assert rated.returncode == 0, rated.stdout  # 20: an exposure of 2.0 of 10, "OK"
