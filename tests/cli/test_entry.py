"""The `wakeword` command from its first moment on."""

from __future__ import annotations

import subprocess
import sys

_INTERRUPTED_WHILE_LOADING = """
import sys

class Interrupt:
    def find_spec(self, name, *_):
        if name == "wakeword.cli":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupt())
from wakeword.__main__ import main
main()
"""


def test_ctrl_c_while_the_command_loads_ends_it_without_a_traceback() -> None:
    command = [sys.executable, "-c", _INTERRUPTED_WHILE_LOADING]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (130, "stopped\n")
