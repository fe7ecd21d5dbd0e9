"""What the engines' scripts share: read the job and the audio, write the scores and their cost.

Each script runs as `python SCRIPT.py JOB RESULT` in an interpreter of its own, on one thread. JOB
is JSON: `keyword`, `audio` (16 kHz, 16-bit, mono), `model` (a file, or null) and `examples`
(recordings of the keyword alone). RESULT is JSON:

    rtf        processor seconds per second of audio, without loading and reading
    memory_mb  peak memory of the process, interpreter and libraries included
    model_mb   size of the files that hold the weights
    scores     name of a .npy file in the same folder: (n, 2) of time in seconds and score, where
               higher is more confident
    events     instead of scores: {threshold: [seconds, ...]}, where a higher threshold is stricter

A time is the moment at which the engine had been fed all the audio it needed: what an application
sees.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import soundfile

SAMPLE_RATE = 16_000


def read_job() -> dict:
    """Return the JOB."""
    return json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))


class AudioStream:
    """A file as int16 blocks. Processor time between two blocks counts as the engine's.

    Attributes:
        fed_s: seconds of audio yielded so far, in the present pass.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._cpu_s = 0.0
        self._total_s = 0.0
        self.fed_s = 0.0

    def blocks(self, size: int) -> Iterator[np.ndarray]:
        """Yield (size,) int16 from the start of the file; the last block is padded with zeros."""
        self.fed_s = 0.0
        with soundfile.SoundFile(self._path) as file:
            while len(block := file.read(size, dtype="int16")):
                block = np.pad(block, (0, size - len(block)))
                self.fed_s += size / SAMPLE_RATE
                self._total_s += size / SAMPLE_RATE
                started = time.process_time()
                yield block
                self._cpu_s += time.process_time() - started

    @property
    def rtf(self) -> float:
        """Processor seconds per second of audio, over all passes."""
        return self._cpu_s / self._total_s


def write_result(
    stream: AudioStream,
    model_files: Sequence[Path | str],
    *,
    scores: np.ndarray | Sequence[tuple[float, float]] | None = None,
    events: dict[str, list[float]] | None = None,
) -> None:
    """Write RESULT, after the file of scores."""
    result = Path(sys.argv[2])
    content: dict[str, object] = {
        "rtf": stream.rtf,
        "memory_mb": _peak_memory_mb(),
        "model_mb": sum(Path(file).stat().st_size for file in model_files) / 1e6,
    }
    if scores is not None:
        array = result.with_suffix(".npy")
        np.save(array, np.asarray(scores, dtype=np.float64).reshape(-1, 2))
        content["scores"] = array.name
    if events is not None:
        content["events"] = events
    result.write_text(json.dumps(content), encoding="utf-8")


def _peak_memory_mb() -> float:
    status = Path("/proc/self/status")
    if status.is_file():  # getrusage would count what the parent held when it forked
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024 / 1e6
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6
