"""openWakeWord as shipped in pyopen-wakeword, with its embedding run over long stretches.

The package recomputes 76 spectrogram frames every 80 ms. Its embedding network has no padding,
so over a longer stretch it gives the same vectors, up to rounding, at a fraction of the cost: this
peer is given that advantage. Spectrograms (in chunks of 1760 samples) and the classifier run as in
the package, and scores come at the times at which the package gives them.
"""

from __future__ import annotations

import ctypes
from array import array
from collections.abc import Iterator

import engine_io
import numpy as np
from pyopen_wakeword import Model, OpenWakeWord, OpenWakeWordFeatures

HOP, CHUNK = 1280, 1760  # samples: between two spectrogram chunks, and of one
MELS, WINDOW, STEP = 32, 76, 8  # bands; spectrogram frames that an embedding sees, and its hop
SILENCE = 100  # hops of zeros that the package puts before a stream
STRETCH = 250  # hops of 80 ms that are embedded at once
BUFFER = 25  # hops fed to the classifier at once, whose buffer holds ten seconds


def embeddings(
    features: OpenWakeWordFeatures, stream: engine_io.AudioStream
) -> Iterator[np.ndarray]:
    """Yield (1, 1, n, 96), one vector every 80 ms: the same as from `process_streaming`."""
    lib = features.lib
    samples = np.zeros(SILENCE * HOP, dtype=np.float32)
    frames = np.zeros((0, MELS), dtype=np.float32)
    for block in stream.blocks(HOP * STRETCH):
        samples = np.concatenate([samples, block.astype(np.float32)])
        count = (len(samples) - CHUNK) // HOP + 1
        chunks = [samples[None, i * HOP : i * HOP + CHUNK] for i in range(count)]
        samples = samples[count * HOP :]
        new = np.concatenate([run_network(lib, features.mel_interpreter, c) for c in chunks])
        frames = np.concatenate([frames, new.reshape(-1, MELS) / 10 + 2])
        count = (len(frames) - WINDOW) // STEP + 1
        used = frames[None, : WINDOW + (count - 1) * STEP, :, None]
        resize_input(lib, features.emb_interpreter, used.shape)
        yield run_network(lib, features.emb_interpreter, used).reshape(1, 1, -1, 96)
        frames = frames[count * STEP :]


def resize_input(lib: ctypes.CDLL, interpreter: object, shape: tuple[int, ...]) -> None:
    """Resize the input of a TensorFlow Lite network."""
    sizes = (ctypes.c_int32 * len(shape))(*shape)
    lib.TfLiteInterpreterResizeInputTensor(
        interpreter, ctypes.c_int32(0), sizes, ctypes.c_int32(len(shape))
    )
    lib.TfLiteInterpreterAllocateTensors(interpreter)


def run_network(lib: ctypes.CDLL, interpreter: object, value: np.ndarray) -> np.ndarray:
    """Run a TensorFlow Lite network; return its output, flat."""
    value = np.ascontiguousarray(value, dtype=np.float32)
    into = lib.TfLiteInterpreterGetInputTensor(interpreter, ctypes.c_int32(0))
    lib.TfLiteTensorCopyFromBuffer(into, value.ctypes.data, ctypes.c_size_t(value.nbytes))
    lib.TfLiteInterpreterInvoke(interpreter)
    out = lib.TfLiteInterpreterGetOutputTensor(interpreter, ctypes.c_int32(0))
    output = np.empty(lib.TfLiteTensorByteSize(out) // 4, dtype=np.float32)
    lib.TfLiteTensorCopyToBuffer(out, output.ctypes.data, ctypes.c_size_t(output.nbytes))
    return output


def main() -> None:
    """Score a stream with the built-in model of the keyword."""
    job = engine_io.read_job()
    features = OpenWakeWordFeatures.from_builtin()
    engine = OpenWakeWord.from_builtin(Model(job["keyword"]))
    stream = engine_io.AudioStream(job["audio"])
    # Hops of the stream before the first score; a chunk reaches into the hop after its own.
    first = -(-WINDOW // STEP) + engine.input_windows - SILENCE
    times, scores = array("d"), array("d")
    for part in embeddings(features, stream):
        for start in range(0, part.shape[2], BUFFER):
            for score in engine.process_streaming(part[:, :, start : start + BUFFER]):
                times.append(max(1, first + len(scores)) * HOP / engine_io.SAMPLE_RATE)
                scores.append(score)
    files = [features.mel_path, features.emb_path, engine.tflite_model]
    engine_io.write_result(stream, files, scores=np.column_stack([times, scores]))


if __name__ == "__main__":
    main()
