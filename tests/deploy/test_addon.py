"""The Home Assistant add-on keeps to the documented form, and its script to the options.

The constraints are those of https://developers.home-assistant.io/docs/add-ons/configuration and
/presentation.
"""

from __future__ import annotations

import json
import re
import shutil
import socket
import struct
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import deployment
import project_file
import pytest
from click import Context

import wakeword
from wakeword.cli import main
from wakeword.cli.serve import serve

yaml = pytest.importorskip("yaml", reason="reads config.yaml: pip install pyyaml")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="add-ons run on Linux")

ADDON = deployment.FOLDER / "home-assistant"
REQUIRED = {"name", "version", "slug", "description", "arch"}
OPTIONAL = {
    *("url", "homeassistant", "stage", "startup", "boot", "init", "watchdog", "timeout"),
    *("discovery", "map", "ports", "options", "schema", "image", "backup_exclude", "tmpfs"),
}
"""Of the documented keys, those that give no privileges."""
ARCHITECTURES = {"amd64", "aarch64"}
FOLDERS = {"addon_config", "share", "media", "ssl"}
RANGE = r"\((?P<low>[\d.]*),(?P<high>[\d.]*)\)"
TYPE = re.compile(rf"(str|bool|int|float|url|port|match\(.+\)|list\(.+\)|(int|float){RANGE})\??")


def read(name: str) -> Any:
    return yaml.safe_load((ADDON / name).read_text("utf-8"))


def is_valid(value: Any, kind: str) -> bool:
    """Whether an option's value is of the type that the schema gives."""
    kind = kind.removesuffix("?")
    if kind.startswith("match("):
        return re.match(kind[6:-1], str(value)) is not None
    expected = {"str": str, "bool": bool, "int": int, "float": (int, float)}
    return isinstance(value, expected[kind.partition("(")[0]])


# ---------------------------------------------------------------- config.yaml


def test_the_keys_are_documented_ones_and_none_asks_for_privileges() -> None:
    config = read("config.yaml")
    assert set(config) >= REQUIRED and set(config) <= REQUIRED | OPTIONAL
    assert re.fullmatch(r"[-_.A-Za-z0-9]+", config["slug"])
    assert isinstance(config["version"], str) and config["version"] == wakeword.__version__
    assert set(config["arch"]) == ARCHITECTURES
    assert re.match(r"https?://", config["url"])
    assert config["stage"] in {"stable", "experimental", "deprecated"}
    for entry in config["map"]:
        folder, _, mode = entry.partition(":")
        assert folder in FOLDERS and mode == "ro"


def test_home_assistant_discovers_the_port_which_is_closed_outside() -> None:
    config = read("config.yaml")
    assert config["discovery"] == ["wyoming"]
    assert config["ports"] == {f"{deployment.functions()['PORT']}/tcp": None}


def test_the_options_have_types_and_defaults_of_these_types() -> None:
    config = read("config.yaml")
    schema, options = config["schema"], config["options"]
    assert set(options) <= set(schema)
    for name, kind in schema.items():
        (element,) = kind if isinstance(kind, list) else [kind]
        assert TYPE.fullmatch(element), name
        assert name in options or element.endswith("?"), f"{name}: required, without a default"
        if name in options:
            values = options[name] if isinstance(kind, list) else [options[name]]
            assert all(is_valid(value, element) for value in values), name
    folder = schema["models"]
    assert is_valid("/share/words", folder) and not is_valid("/etc", folder)


def test_every_option_and_port_is_explained() -> None:
    config, texts = read("config.yaml"), read("translations/en.yaml")
    assert set(texts) == {"configuration", "network"}
    assert list(texts["configuration"]) == list(config["schema"])
    for each in texts["configuration"].values():
        assert set(each) == {"name", "description"}
        assert all(isinstance(text, str) and text for text in each.values())
    assert set(texts["network"]) == set(config["ports"])
    documented = re.findall(r"^\| `(\w+)` \|", (ADDON / "DOCS.md").read_text("utf-8"), re.MULTILINE)
    assert documented == list(config["schema"])


def test_the_changelog_begins_with_this_version() -> None:
    versions = re.findall(r"^## (.+)$", (ADDON / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert versions[0] == wakeword.__version__


def test_the_icon_is_a_small_square_png() -> None:
    data = (ADDON / "icon.png").read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n") and data[12:16] == b"IHDR"
    assert struct.unpack(">II", data[16:24]) == (128, 128) and len(data) < 20_000


# ---------------------------------------------------------------- run.py


def options(**changed: Any) -> dict[str, Any]:
    return {**read("config.yaml")["options"], **changed}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, {"threshold": None, "arbitration": 0.0}),
        ({"threshold": 0.8}, {"threshold": 0.8}),
        ({"arbitration": 0.5}, {"arbitration": 0.5}),
        ({"allow": ["192.168.1.20"]}, {"allow": ("172.30.32.0/23", "192.168.1.20")}),
    ],
)
def test_the_options_become_options_of_serve(
    changed: dict[str, Any], expected: dict[str, Any]
) -> None:
    command, *arguments = deployment.functions()["addon_command"](options(**changed))
    assert command == "serve"
    parsed = serve.make_context("serve", arguments).params
    assert parsed["files"] == (Path("/share/wakeword"),) and parsed["host"] == "0.0.0.0"
    assert parsed["allow"][0] == "172.30.32.0/23"
    assert {name: parsed[name] for name in expected} == expected


def test_debug_logging_is_an_option_of_the_program() -> None:
    command = deployment.functions()["addon_command"](options(debug_logging=True))
    context = Context(main)
    main.parse_args(context, list(command))
    assert context.params["verbose"] == 2 and command[1] == "serve"


class Supervisor(BaseHTTPRequestHandler):
    """Stands for Home Assistant's Supervisor: keeps what it is sent."""

    received: list[tuple[str, str, Any]]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.received.append((self.path, self.headers["Authorization"], body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def test_the_server_is_reported_to_home_assistant() -> None:
    Supervisor.received = []
    with HTTPServer(("127.0.0.1", 0), Supervisor) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/discovery"
        deployment.functions()["announce"](url, "secret")
        thread.join(20)
    uri = f"tcp://{socket.gethostname()}:10400"
    body = {"service": "wyoming", "config": {"uri": uri}}
    assert Supervisor.received == [("/discovery", "Bearer secret", body)]


def test_it_is_reported_only_once_the_server_listens() -> None:
    wait_for_port = deployment.functions()["wait_for_port"]
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        wait_for_port(port)
    with pytest.raises(OSError):
        wait_for_port(port, timeout_s=0)


# ---------------------------------------------------------------- make addon


def test_the_folder_for_home_assistant_builds_by_itself(tmp_path: Path) -> None:
    if shutil.which("make") is None:
        pytest.skip("no make here")
    folder = tmp_path / "wakeword"
    command = ["make", "addon", f"ADDON={folder}"]
    subprocess.run(command, cwd=project_file.ROOT, check=True, capture_output=True)
    lines = (folder / "Dockerfile").read_text("utf-8").splitlines()
    assert "ARG RUN_AS=root" in lines  # options.json is readable by root alone: see run.py
    for line in lines:
        if line.startswith("COPY") and "--from" not in line:
            assert all((folder / source).exists() for source in line.split()[1:-1]), line
    for name in ("config.yaml", "DOCS.md", "CHANGELOG.md", "icon.png", "translations/en.yaml"):
        assert (folder / name).read_bytes() == (ADDON / name).read_bytes()
    assert not list(folder.rglob("__pycache__"))
