"""Start the Wyoming server in a container: what the image and the Home Assistant add-on run.

    python run.py [--models FOLDER] [OPTIONS of `wakeword serve`]

Serves the exported models (.onnx) of a folder on every interface, to private networks unless
--allow names others. As an add-on, it takes the options that Home Assistant wrote, reports the
server to Home Assistant, and gives up root before it starts the server.
"""

from __future__ import annotations

import argparse
import json
import os
import pwd
import socket
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

PORT = 10400
PRIVATE_NETWORKS = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
ADDON_NETWORK = "172.30.32.0/23"  # of Home Assistant and its add-ons
ADDON_OPTIONS = Path("/data/options.json")  # readable by root alone
USER = "wakeword"


def main(arguments: list[str]) -> None:
    """Replace this process by the server."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--models", default="/models")
    known, serve_options = parser.parse_known_args(arguments)
    command = serve_command(known.models, serve_options)
    is_addon = ADDON_OPTIONS.is_file()
    if is_addon:
        command = addon_command(json.loads(ADDON_OPTIONS.read_text("utf-8")))
    drop_root()
    if is_addon:
        announce_in_background(os.environ.get("SUPERVISOR_TOKEN", ""))
    os.execv(sys.executable, [sys.executable, "-m", "wakeword", *command])


def serve_command(models: str, options: list[str]) -> list[str]:
    """Return the arguments of `wakeword` that serve a folder, with options of `wakeword serve`."""
    names = {each.partition("=")[0] for each in options}
    networks = () if "--allow" in names else PRIVATE_NETWORKS
    allow = [word for network in networks for word in ("--allow", network)]
    return ["serve", models, "--host", "0.0.0.0", "--port", str(PORT), *allow, *options]


def addon_command(options: dict[str, Any]) -> list[str]:
    """Return the arguments of `wakeword` for the options of the add-on (its config.yaml)."""
    serve = [word for each in (ADDON_NETWORK, *options["allow"]) for word in ("--allow", each)]
    if options.get("threshold") is not None:
        serve += ["--threshold", str(options["threshold"])]
    if options.get("arbitration") is not None:
        serve += ["--arbitration", str(options["arbitration"])]
    debug = ["-vv"] if options["debug_logging"] else []
    return [*debug, *serve_command(options["models"], serve)]


def announce_in_background(token: str) -> None:
    """Announce the server from a child process: this one becomes the server."""
    if os.fork() == 0:
        try:
            wait_for_port(PORT)
            announce("http://supervisor/discovery", token)
            print("reported the server to Home Assistant", file=sys.stderr)
        except OSError as error:
            print(
                f"could not report the server to Home Assistant ({error}). Add it by hand: "
                f"integration Wyoming Protocol, host {socket.gethostname()}, port {PORT}.",
                file=sys.stderr,
            )
        os._exit(0)


def wait_for_port(port: int, timeout_s: float = 120.0) -> None:
    """Wait until the server listens. Raises OSError where it does not in time."""
    end_s = time.monotonic() + timeout_s
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > end_s:
                raise
            time.sleep(0.5)


def announce(url: str, token: str) -> None:
    """Tell Home Assistant's Supervisor where the server is; see its API, "discovery"."""
    uri = f"tcp://{socket.gethostname()}:{PORT}"
    request = urllib.request.Request(
        url,
        json.dumps({"service": "wyoming", "config": {"uri": uri}}).encode(),
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    urllib.request.urlopen(request, timeout=10).close()


def drop_root() -> None:
    """Become the image's unprivileged user, where this process is root and there is one."""
    try:
        user = pwd.getpwnam(USER)
    except KeyError:
        return
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)


if __name__ == "__main__":
    main(sys.argv[1:])
