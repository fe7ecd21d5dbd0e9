"""openWakeWord as shipped, by pyopen-wakeword, with its embedding run over long stretches.

The package computes 76 spectrogram frames anew for every 80 ms. Its embedding network has no
padding, so over a longer stretch it gives the same vectors, but for rounding, at a fraction of the
cost: the peer is given that advantage. Spectrograms (in pieces of 1760 samples) and the network
that decides are run as the package runs them, and the scores come when the package gives them.
"""

from __future__ import annotations

import ctypes
from array import array
from collections.abc import Iterator

import common
import numpy as np
from pyopen_wakeword import Model, OpenWakeWord, OpenWakeWordFeatures

HOP, PIECE = 1280, 1760  # samples: between spectrogram pieces, and of one
MELS, WINDOW, STEP = 32, 76, 8  # bands; spectrogram frames that an embedding sees, and its hop
SILENCE = 100  # hops of zeros that it puts in front of a stream
STRETCH = 250  # hops of 80 ms that are embedded at once


def embeddings(features: OpenWakeWordFeatures, stream: common.Stream) -> Iterator[np.ndarray]:
    """(1, 1, n, 96) at a time, one vector for each 80 ms: as from `process_streaming`."""
    lib = features.lib
    sound = np.zeros(SILENCE * HOP, dtype=np.float32)
    frames = np.zeros((0, MELS), dtype=np.float32)
    for block in stream.blocks(HOP * STRETCH):
        sound = np.concatenate([sound, block.astype(np.float32)])
        count = (len(sound) - PIECE) // HOP + 1
        pieces = [sound[None, i * HOP : i * HOP + PIECE] for i in range(count)]
        sound = sound[count * HOP :]
        new = np.concatenate([run(lib, features.mel_interpreter, piece) for piece in pieces])
        frames = np.concatenate([frames, new.reshape(-1, MELS) / 10 + 2])
        count = (len(frames) - WINDOW) // STEP + 1
        used = frames[None, : WINDOW + (count - 1) * STEP, :, None]
        resize(lib, features.emb_interpreter, used.shape)
        yield run(lib, features.emb_interpreter, used).reshape(1, 1, -1, 96)
        frames = frames[count * STEP :]


def resize(lib: ctypes.CDLL, interpreter: object, shape: tuple[int, ...]) -> None:
    sizes = (ctypes.c_int32 * len(shape))(*shape)
    lib.TfLiteInterpreterResizeInputTensor(
        interpreter, ctypes.c_int32(0), sizes, ctypes.c_int32(len(shape))
    )
    lib.TfLiteInterpreterAllocateTensors(interpreter)


def run(lib: ctypes.CDLL, interpreter: object, value: np.ndarray) -> np.ndarray:
    """A network's output, flat."""
    value = np.ascontiguousarray(value, dtype=np.float32)
    into = lib.TfLiteInterpreterGetInputTensor(interpreter, ctypes.c_int32(0))
    lib.TfLiteTensorCopyFromBuffer(into, value.ctypes.data, ctypes.c_size_t(value.nbytes))
    lib.TfLiteInterpreterInvoke(interpreter)
    out = lib.TfLiteInterpreterGetOutputTensor(interpreter, ctypes.c_int32(0))
    found = np.empty(lib.TfLiteTensorByteSize(out) // 4, dtype=np.float32)
    lib.TfLiteTensorCopyToBuffer(out, found.ctypes.data, ctypes.c_size_t(found.nbytes))
    return found


def main() -> None:
    job = common.job()
    features = OpenWakeWordFeatures.from_builtin()
    engine = OpenWakeWord.from_builtin(Model(job["word"]))
    stream = common.Stream(job["audio"])
    # hops of the stream that the first score waits for; a piece reaches into the hop after its own
    first = -(-WINDOW // STEP) + engine.input_windows - SILENCE
    times, scores = array("d"), array("d")
    for part in embeddings(features, stream):
        for start in range(0, part.shape[2], 25):  # its buffer holds ten seconds
            for score in engine.process_streaming(part[:, :, start : start + 25]):
                times.append(max(1, first + len(scores)) * HOP / common.RATE)
                scores.append(score)
    files = [features.mel_path, features.emb_path, engine.tflite_model]
    common.write(stream, files, scores=np.column_stack([times, scores]))


if __name__ == "__main__":
    main()
