"""Import of torchaudio that works with any build of torch.

The torchaudio wheels for Linux link CUDA's libraries, so the plain import fails next to a CPU build
of torch. Its pure-torch parts (functional, transforms, models) need none of them: when, and only
when, the plain import fails, they are imported with the native extension reported as absent.
"""

from __future__ import annotations

import importlib
import sys
import types


def _import_torchaudio() -> types.ModuleType:
    try:
        return importlib.import_module("torchaudio")
    except (OSError, RuntimeError):
        for name in [n for n in sys.modules if n.split(".")[0] == "torchaudio"]:
            del sys.modules[name]

    def unavailable(function: object) -> object:
        def raises(*_args: object, **_kwargs: object) -> object:
            raise RuntimeError("this torchaudio function needs its native extension")

        return raises

    extension = types.ModuleType("torchaudio._extension")
    extension.__dict__.update(
        _IS_TORCHAUDIO_EXT_AVAILABLE=False,
        _IS_ALIGN_AVAILABLE=False,
        fail_if_no_align=unavailable,
    )
    sys.modules["torchaudio._extension"] = extension
    return importlib.import_module("torchaudio")


torchaudio = _import_torchaudio()
