"""Mistakes with the microphone and with the network."""

from __future__ import annotations

import socket
import sys
from types import ModuleType, SimpleNamespace

from mistakes.workspace import Workspace, mistake


def plug_in(workspace: Workspace, *names: str) -> None:
    """Microphones with these names, and no others."""
    fake = ModuleType("sounddevice")
    device = {"max_input_channels": 1, "default_samplerate": 48_000.0, "hostapi": 0}
    fake.__dict__.update(
        PortAudioError=OSError,
        default=SimpleNamespace(device=[0 if names else -1, 0]),
        query_devices=lambda: [{"name": name, **device} for name in names],
        query_hostapis=lambda: ({"name": "ALSA"},),
    )
    workspace.patch.setitem(sys.modules, "sounddevice", fake)


@mistake("no microphone found", "Connect one")
def microphone_unplugged(workspace: Workspace) -> list[object]:
    plug_in(workspace)
    return ["listen", workspace.model]


@mistake("no microphone found", "Connect one")
def recording_without_a_microphone(workspace: Workspace) -> list[object]:
    plug_in(workspace)
    return ["record", "ping", "-o", workspace.place / "recordings", "--speaker", "ada"]


@mistake("unknown microphone 'Yeti'", "Known: Built-in, USB Audio")
def microphone_of_another_name(workspace: Workspace) -> list[object]:
    plug_in(workspace, "USB Audio", "Built-in")
    return ["listen", workspace.model, "--device", "Yeti"]


@mistake("no microphone has the index 9", "Choose one of: 0: USB Audio")
def microphone_of_another_number(workspace: Workspace) -> list[object]:
    plug_in(workspace, "USB Audio", "Built-in")
    return ["listen", workspace.model, "--device", "9"]


@mistake("--channels describes audio on stdin", "--channel N")
def channels_of_a_microphone(workspace: Workspace) -> list[object]:
    plug_in(workspace, "USB Audio")
    return ["listen", workspace.model, "--channels", 2]


def listening(workspace: Workspace) -> int:
    """A port that another program uses."""
    other = workspace.until_end.enter_context(socket.socket())
    other.bind(("127.0.0.1", 0))
    other.listen()
    return int(other.getsockname()[1])


@mistake("cannot listen on 127.0.0.1:", "Choose another --host or --port")
def port_in_use(workspace: Workspace) -> list[object]:
    return ["serve", workspace.model, "--port", listening(workspace)]


@mistake("no answer from a Wyoming server", "wakeword serve")
def no_server(workspace: Workspace) -> list[object]:
    return ["status", "--port", listening(workspace), "--timeout", 0.1]


@mistake("cannot listen on 127.0.0.1:", "Choose another --host or --web")
def web_port_in_use(workspace: Workspace) -> list[object]:
    return ["serve", workspace.model, "--port", 0, "--web", listening(workspace)]


@mistake("cannot listen on no.such.host.invalid", "Choose another --host or --port")
def no_such_host(workspace: Workspace) -> list[object]:
    host = ["--host", "no.such.host.invalid", "--allow", "10.0.0.0/8"]
    return ["serve", workspace.model, *host, "--port", 0]


@mistake("'--port': 99999", "0<=x<=65535")
def port_that_is_none(workspace: Workspace) -> list[object]:
    return ["serve", workspace.model, "--port", 99999]


@mistake("reachable from other machines", "--allow 192.168.1.20")
def server_open_to_everyone(workspace: Workspace) -> list[object]:
    return ["serve", workspace.model, "--host", "0.0.0.0", "--port", 0]


@mistake("cert.pem: no certificate with its key", "--tls-key")
def certificate_without_its_key(workspace: Workspace) -> list[object]:
    certificate = workspace.text("cert.pem", "no certificate")
    return ["serve", workspace.model, "--port", 0, "--web", 0, "--tls-cert", certificate]


@mistake("key.pem: a key without a certificate", "Add --tls-cert")
def key_without_its_certificate(workspace: Workspace) -> list[object]:
    key = workspace.text("key.pem", "no key")
    return ["serve", workspace.model, "--port", 0, "--web", 0, "--tls-key", key]
