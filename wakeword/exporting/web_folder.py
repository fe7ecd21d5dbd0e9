"""A static folder that detects keywords in the browser: a page, the module, a model, its runtime.

Nothing of it needs a build step or another server than the one that offers the folder.
"""

from __future__ import annotations

from pathlib import Path

from wakeword import runtime
from wakeword.exporting.onnxruntime_web import ENTRY, NAME, OnnxruntimeWeb
from wakeword.model.provenance import licence_notice
from wakeword.storage import atomic_write

MODEL_NAME = "model.onnx"
"""Name of the exported model in the folder."""

_MODULE = Path(__file__).with_name("web")
_SHARED = Path(__file__).parents[1] / "web"  # with the page of `wakeword serve`
_RUNTIME_MODULE = "onnxruntime.js"
_NPM_ADDRESS = '"onnxruntime-web/wasm"'
_NOTICE = """\
This folder detects wake words in the browser. It holds the work of others:

wakeword: Copyright The wakeword authors, Apache License 2.0,
https://www.apache.org/licenses/LICENSE-2.0

{name}/, version {version}: Copyright (c) Microsoft Corporation, MIT License:

{mit}
{model}: {notice}
"""
_MIT = """\
  Permission is hereby granted, free of charge, to any person obtaining a copy of this software and
  associated documentation files (the "Software"), to deal in the Software without restriction,
  including without limitation the rights to use, copy, modify, merge, publish, distribute,
  sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is
  furnished to do so, subject to the following conditions:

  The above copyright notice and this permission notice shall be included in all copies or
  substantial portions of the Software.

  THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT
  NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
  NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM,
  DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT
  OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""


def write_web_folder(exported: Path, folder: Path, onnxruntime_web: OnnxruntimeWeb) -> None:
    """Write the folder; files of an earlier export in it are replaced, others are kept.

    Args:
        exported: file of `wakeword export`.
        folder: to write; missing folders are created.
        onnxruntime_web: from `load_onnxruntime_web`.

    Raises:
        CheckpointError: no exported model.
        ConfigError: the folder cannot be written.
    """
    model = runtime.load(exported)
    files = {MODEL_NAME: exported.read_bytes()}
    files |= {f"{NAME}/{name}": data for name, data in onnxruntime_web.files.items()}
    notice = _NOTICE.format(
        name=NAME,
        version=onnxruntime_web.version,
        mit=_MIT,
        model=MODEL_NAME,
        notice=licence_notice(model.about["origin"]),
    )
    files["NOTICE.txt"] = notice.encode()
    files |= _module_files() | _read(_MODULE / "page") | _read(_SHARED)
    for name, data in files.items():
        with atomic_write(folder / name) as part:
            part.write_bytes(data)


def _module_files() -> dict[str, bytes]:
    """Return the module, which takes onnxruntime-web from the folder."""
    files = _read(_MODULE)
    del files["package.json"]
    text = files[_RUNTIME_MODULE].decode()
    files[_RUNTIME_MODULE] = text.replace(_NPM_ADDRESS, f'"./{NAME}/{ENTRY}"').encode()
    return files


def _read(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}
