"""A small training that a test can run, also as a process of its own: python training.py ARGS…

The process knows the tiny encoder; its arguments are those of `wakeword`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import tiny as tiny_family
import torch

from wakeword.audio.files import save_audio
from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.encoders.registry import register_encoder


def write_weights(folder: Path) -> Path:
    """A checkpoint of the tiny encoder."""
    of = tiny_family.spec()
    return tiny_family.write("safetensors", folder, of, tiny_family.weights(of))


def word(seed: int) -> Samples:
    """A synthetic keyword of 1.5 s: a rising tone, then a falling one, in a random voice."""
    rng = np.random.default_rng(seed)
    base_hz = rng.uniform(180, 320)
    glide = np.concatenate([np.linspace(1, 2, 4000), np.linspace(2, 0.7, 4000)])
    phase = 2 * np.pi * np.cumsum(base_hz * glide) / SAMPLE_RATE
    tone = sum(np.sin(phase * k) / k for k in range(1, 6)) * np.hanning(8000)
    samples = 0.001 * rng.normal(size=24_000)
    samples[8_000:16_000] += 0.2 * tone
    return samples.astype(np.float32)


def write_data(folder: Path, clips: int = 16, label: str = "ping") -> Path:
    """A manifest of keywords and other audio by four speakers, one of them for dev."""
    rows = []
    for i in range(clips):
        recordings = (label, word(i)), ("", tiny_family.synthetic_audio(2.5, seed=100 + i))
        for keyword, samples in recordings:
            path = folder / f"{keyword or 'other'}-{i}.wav"
            save_audio(path, samples)
            row = {"audio_filepath": path.name, "duration": len(samples) / SAMPLE_RATE}
            row |= {"label": keyword, "speaker": f"s{i % 4}{keyword}"}
            rows.append(row | {"split": "dev" if i % 4 == 3 else "train"})
    manifest = folder / "data.jsonl"
    manifest.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return manifest


def arguments(data: Path, weights: Path, output: Path, work: Path, *more: str) -> list[str]:
    """Arguments of a training that takes seconds."""
    fixed = ["--encoder", "tiny", "--hours", "0.1", "--epochs", "4", "--work", str(work)]
    fixed += ["--method", "train", "--weights", str(weights)]
    return ["train", str(data), "-o", str(output), *fixed, *more]


def process(arguments: list[str], *launcher: str) -> subprocess.Popen[bytes]:
    """A process that runs this file with some arguments, started by a launcher."""
    script = Path(__file__)
    environment = {**os.environ, "PYTHONPATH": str(script.parents[2])}
    return subprocess.Popen(
        [sys.executable, *launcher, str(script), *arguments],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def finish(running: subprocess.Popen[bytes]) -> None:
    """Wait for a process; it must succeed."""
    _, errors = running.communicate()
    assert running.returncode == 0, errors.decode()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
    torch.set_num_threads(1)
    if os.environ.get("TRAINING_WITHOUT_DROPOUT"):  # which is random in every process
        torch.nn.Dropout.forward = lambda _, x: x
    register_encoder(tiny_family.spec())
    from wakeword.cli import main

    main(sys.argv[1:])
