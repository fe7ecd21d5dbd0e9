"""torchaudio's pure-torch parts work without its native extension."""

from __future__ import annotations

import subprocess
import sys
import types
from pathlib import Path

import pytest
import torch

from wakeword.encoders._torchaudio import _import_torchaudio, torchaudio

WITHOUT_EXTENSION = """
import importlib.abc, importlib.machinery, sys

class Broken(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    tried = 0

    def find_spec(self, name, path, target=None):
        if name == "torchaudio._extension":
            return importlib.machinery.ModuleSpec(name, self)

    def exec_module(self, module):
        Broken.tried += 1
        raise OSError("libc10_cuda.so: cannot open shared object file")

sys.meta_path.insert(0, Broken())
import torch
from wakeword.encoders._torchaudio import torchaudio
assert Broken.tried == 1, Broken.tried
assert not torchaudio._extension._IS_TORCHAUDIO_EXT_AVAILABLE
samples = torch.sin(torch.arange(16000) / 16000 * 2 * torch.pi * 440)
assert torchaudio.functional.resample(samples, 16000, 8000).shape == (8000,)
assert torchaudio.transforms.MelSpectrogram(16000)(samples).isfinite().all()
assert torchaudio.compliance.kaldi.fbank(samples[None]).isfinite().all()
assert torchaudio.models.wav2vec2_base is not None
assert torchaudio.pipelines.WAV2VEC2_BASE.sample_rate == 16000
try:
    torchaudio.functional.forced_align(torch.zeros(1, 4, 3), torch.ones(1, 2, dtype=torch.int))
except RuntimeError as error:
    print(error)
import wakeword
print("works")
"""


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_works_without_the_native_extension() -> None:
    done = run(WITHOUT_EXTENSION)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "works"
    assert "needs its native extension" in done.stdout


def test_the_plain_import_is_taken_where_it_works(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = types.ModuleType("torchaudio")
    monkeypatch.setitem(sys.modules, "torchaudio", plain)
    assert _import_torchaudio() is plain


def test_other_import_errors_are_not_hidden() -> None:
    """Only a library that cannot be loaded is worked around; a missing package is not."""
    done = run("import sys; sys.modules['torchaudio'] = None; import wakeword.encoders._torchaudio")
    assert done.returncode == 1
    assert "ModuleNotFoundError" in done.stderr


@pytest.mark.parametrize("mels", [40, 80, 128])
def test_filters_are_those_of_librosa(mels: int) -> None:
    import librosa

    ours = torchaudio.functional.melscale_fbanks(
        201, 0.0, 8000.0, mels, 16_000, norm="slaney", mel_scale="slaney"
    )
    theirs = librosa.filters.mel(sr=16_000, n_fft=400, n_mels=mels)
    torch.testing.assert_close(ours.T, torch.from_numpy(theirs), atol=1e-6, rtol=1e-4)
