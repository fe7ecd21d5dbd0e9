"""What the scripts in this folder share: the job, the sound in, the scores and their cost out.

Each script is run as `python SCRIPT.py JOB RESULT` by an interpreter of its own, on one thread.
JOB is JSON: `word`, `audio` (16 kHz 16-bit mono), `model` (a file, or null) and `examples` (sound
files of the word alone). RESULT is JSON:

    rtf        processor seconds per second of audio, without loading and reading
    memory_mb  the most memory that the process held, interpreter and libraries included
    model_mb   size of the files that hold the weights
    scores     name of a .npy beside it: (n, 2) of time in seconds, score; higher is surer
    events     or instead: {threshold: [seconds, ...]}, where a higher threshold is stricter

Times are those at which the engine had been fed what it needed: what an application would see.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import soundfile

RATE = 16_000


def job() -> dict:
    return json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))


class Stream:
    """A file as int16 blocks. Processor time that passes between two blocks is the engine's.

    Attributes:
        heard_s: seconds handed out so far, in the present pass.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._cpu_s = 0.0
        self._total_s = 0.0
        self.heard_s = 0.0

    def blocks(self, size: int) -> Iterator[np.ndarray]:
        """(size,) int16 from the start of the file; the last one is filled up with zeros."""
        self.heard_s = 0.0
        with soundfile.SoundFile(self._path) as file:
            while len(block := file.read(size, dtype="int16")):
                block = np.pad(block, (0, size - len(block)))
                self.heard_s += size / RATE
                self._total_s += size / RATE
                began = time.process_time()
                yield block
                self._cpu_s += time.process_time() - began

    @property
    def rtf(self) -> float:
        """Processor seconds per second of audio, over all passes."""
        return self._cpu_s / self._total_s


def write(
    stream: Stream,
    model_files: Sequence[Path | str],
    *,
    scores: np.ndarray | Sequence[tuple[float, float]] | None = None,
    events: dict[str, list[float]] | None = None,
) -> None:
    """Write RESULT, the scores first."""
    result = Path(sys.argv[2])
    found: dict[str, object] = {
        "rtf": stream.rtf,
        "memory_mb": _peak_memory_mb(),
        "model_mb": sum(Path(file).stat().st_size for file in model_files) / 1e6,
    }
    if scores is not None:
        array = result.with_suffix(".npy")
        np.save(array, np.asarray(scores, dtype=np.float64).reshape(-1, 2))
        found["scores"] = array.name
    if events is not None:
        found["events"] = events
    result.write_text(json.dumps(found), encoding="utf-8")


def _peak_memory_mb() -> float:
    status = Path("/proc/self/status")
    if status.is_file():  # getrusage would count what the parent held when it forked
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024 / 1e6
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6
