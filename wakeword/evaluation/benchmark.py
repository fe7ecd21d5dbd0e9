"""Benchmark of a model: processor time, latency, memory, and streaming against offline scores."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import import_module, metadata
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import psutil
import torch

from wakeword import runtime
from wakeword.audio.files import iter_audio
from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.detection.detector import Detector
from wakeword.detection.pool import DetectorPool
from wakeword.encoders.base import Encoder
from wakeword.encoders.registry import build_encoder, streaming_modes
from wakeword.errors import AudioError, ConfigError
from wakeword.evaluation.scoring import model_logits
from wakeword.model.network import WakeWordModel
from wakeword.model.two_stage import AnyModel, TwoStageModel
from wakeword.parallel import single_threaded
from wakeword.progress import ProgressCallback

BLOCK_SAMPLES = SAMPLE_RATE * 80 // 1000
"""Samples fed at a time: 80 ms."""
SHORTEST_AUDIO_S = 3
"""Seconds of audio that a benchmark needs."""
STREAMS = 32
"""Streams scored at once to measure `Benchmark.streams_per_core`."""
_VERIFICATIONS = 20  # that are timed
_WARM_UP_SAMPLES = SAMPLE_RATE  # fed before the clock starts: fills caches, touches pages

_log = logging.getLogger(__name__)

Feed = Callable[[Samples], object]
_Number = TypeVar("_Number", bound=np.generic)


@dataclass(frozen=True)
class EngineCost:
    """Processor time of an engine on a stream fed 80 ms at a time.

    Attributes:
        real_time_factor: processor seconds, of all threads, per second of audio.
        p50_ms: median wall-clock time of a block, in milliseconds.
        p99_ms: 99th percentile of the same.
    """

    engine: str
    real_time_factor: float
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True)
class TwoStageCost:
    """What the two stages of a model cost apart.

    Attributes:
        gate_parameters: of the gate.
        verifier_parameters: of the verifier.
        gate_real_time_factor: of the gate alone, which always runs.
        verification_ms: processor time of one call of the verifier, in milliseconds.
        calls_per_hour: of the verifier, on the audio that was fed.
    """

    gate_parameters: int
    verifier_parameters: int
    gate_real_time_factor: float
    verification_ms: float
    calls_per_hour: float

    @property
    def real_time_factor(self) -> float:
        """Of both stages, at that number of calls per hour."""
        return self.gate_real_time_factor + self.verification_ms / 1000 * self.calls_per_hour / 3600


@dataclass(frozen=True)
class Benchmark:
    """Cost of a model on this machine, on one thread, compared with other engines.

    Attributes:
        encoder: name of the model's encoder.
        streaming: its streaming mode.
        seconds: of audio fed to each engine.
        parameters: of the model.
        memory_mb: resident memory of the process after the model ran alone.
        look_ahead_ms: audio after a frame that the model waits for.
        streams_per_core: live streams that one core keeps up with, measured with `STREAMS`.
        stream_difference: max |stream − offline| of the logits; of two stages, of the gate's.
        engines: the model first, then its exports, its sliding-window copy and installed peers.
        two_stage: cost of each stage; None for a model of one stage.
    """

    encoder: str
    streaming: str
    seconds: float
    parameters: int
    memory_mb: float
    look_ahead_ms: float
    streams_per_core: float
    stream_difference: float
    engines: tuple[EngineCost, ...]
    two_stage: TwoStageCost | None = None


def benchmark_model(
    model: AnyModel,
    samples: Samples,
    *,
    exported: Sequence[Path] = (),
    progress: ProgressCallback | None = None,
) -> Benchmark:
    """Measure a model on one thread: processor time, memory, parallel streams, streaming error.

    The stages of a two-stage model are measured apart as well.

    Args:
        model: to measure.
        samples: (n,) at 16 kHz, `SHORTEST_AUDIO_S` or more; see `benchmark_audio`.
        exported: ONNX files to measure as well.
        progress: called with the name of each step.

    Raises:
        CheckpointError: an exported file is missing, damaged or not a wakeword file.
    """
    report = progress or (lambda what, done, total: None)
    engines: dict[str, Feed] = {"this model": Detector(model).feed}
    engines |= {str(path): runtime.Detector(runtime.load(path)).feed for path in exported}
    first = model.gate if isinstance(model, TwoStageModel) else model
    streaming, modes = first.encoder.streaming, streaming_modes(first.origin.encoder)
    if first is model and streaming == "chunked" and "window" in modes:
        engines["the same over a sliding window"] = Detector(sliding_window_copy(first)).feed
    costs = []
    memory = 0.0
    with single_threaded():
        for name, feed in (engines | installed_peers()).items():
            report(f"measuring {name}", 0, 0)
            costs.append(measure_engine(name, feed, samples))
            _log.info("%s: real-time factor %.4f", name, costs[-1].real_time_factor)
            memory = memory or memory_mb()  # after the model alone
        report(f"measuring {STREAMS} streams at once", 0, 0)
        streams = streams_per_core(model, samples, STREAMS)
        difference = stream_difference(first, samples)
        two_stage = None
        if isinstance(model, TwoStageModel):
            report("measuring each stage", 0, 0)
            two_stage = measure_stages(model, samples)
    return Benchmark(
        model.origin.encoder,
        streaming,
        len(samples) / SAMPLE_RATE,
        sum(tensor.numel() for tensor in model.parameters()),
        memory,
        model.look_ahead_ms,
        streams,
        difference,
        tuple(costs),
        two_stage,
    )


def measure_stages(model: TwoStageModel, samples: Samples) -> TwoStageCost:
    """Measure the gate and the verifier of a model apart, on the threads that torch has.

    Args:
        model: to measure.
        samples: (n,) at 16 kHz, on which the calls of the verifier are counted.
    """
    gate = measure_engine("gate", Detector(model.gate).feed, samples)
    windows = [np.resize(samples[i * model.block :], model.window) for i in range(_VERIFICATIONS)]
    model.verify(windows[0])
    start_s = time.process_time()
    for window in windows:
        model.verify(window)
    verification_s = (time.process_time() - start_s) / len(windows)
    calls = model.calls(model_logits(model.gate, [samples]))
    return TwoStageCost(
        sum(tensor.numel() for tensor in model.gate.parameters()),
        sum(tensor.numel() for tensor in model.verifier.parameters()),
        gate.real_time_factor,
        1000 * verification_s,
        len(calls) / (len(samples) / SAMPLE_RATE / 3600),
    )


def benchmark_audio(recording: Path | None, seconds: int) -> Samples:
    """Return (n,) samples at 16 kHz: the first `seconds` of a recording, or noise.

    Raises:
        ConfigError: fewer `seconds` than `SHORTEST_AUDIO_S`.
        AudioError: the recording is shorter than that, or cannot be read.
    """
    if seconds < SHORTEST_AUDIO_S:
        raise ConfigError(
            f"{seconds} s of audio: expected {SHORTEST_AUDIO_S} s or more to measure on."
        )
    wanted = seconds * SAMPLE_RATE
    if recording is None:
        return (0.05 * np.random.default_rng(0).standard_normal(wanted)).astype(np.float32)
    blocks = islice(iter_audio(recording, block_s=1.0), seconds + 1)
    samples = np.concatenate(list(blocks))[:wanted]
    if len(samples) < SHORTEST_AUDIO_S * SAMPLE_RATE:
        length_s = len(samples) / SAMPLE_RATE
        raise AudioError(
            f"{recording}: {length_s:.1f} s; expected {SHORTEST_AUDIO_S} s or more to measure on."
        )
    return samples


def measure_engine(engine: str, feed: Feed, samples: Samples) -> EngineCost:
    """Measure an engine on (n,) samples at 16 kHz, fed in blocks of 80 ms.

    The first second is fed once before the clock starts.

    Args:
        engine: its name.
        feed: takes the next block of samples.
        samples: to feed; an incomplete last block is left out.
    """
    for start in range(0, _WARM_UP_SAMPLES, BLOCK_SAMPLES):
        feed(samples[start : start + BLOCK_SAMPLES])
    block_s = np.empty(len(samples) // BLOCK_SAMPLES)
    start_s = time.process_time()
    for i in range(len(block_s)):
        block_start_s = time.perf_counter()
        feed(samples[i * BLOCK_SAMPLES : (i + 1) * BLOCK_SAMPLES])
        block_s[i] = time.perf_counter() - block_start_s
    processor_s = time.process_time() - start_s
    p50, p99 = np.percentile(1000 * block_s, [50, 99])
    audio_s = len(block_s) * BLOCK_SAMPLES / SAMPLE_RATE
    return EngineCost(engine, processor_s / audio_s, float(p50), float(p99))


@dataclass(frozen=True)
class EncoderCost:
    """Size, look-ahead and speed of an encoder with its front end: a model without its head."""

    parameters: int
    look_ahead_ms: float
    real_time_factor: float


def measure_encoder(encoder: Encoder, seconds: float = 8.0) -> EncoderCost:
    """Run front end and encoder over noise, 80 ms at a time, on the threads that torch has.

    Args:
        encoder: to measure; its weights do not matter.
        seconds: of noise.
    """
    encoder.eval()
    frontend = encoder.spec.new_front_end()
    states: tuple[object, object] = (None, None)

    @torch.inference_mode()
    def feed(samples: Samples) -> None:
        nonlocal states
        features, frontend_state = frontend(torch.from_numpy(samples)[None], states[0])
        _, encoder_state = encoder(features, states[1])
        states = frontend_state, encoder_state

    noise = 0.05 * np.random.default_rng(0).standard_normal(round(seconds * SAMPLE_RATE))
    return EncoderCost(
        sum(p.numel() for p in encoder.parameters()),
        frontend.look_ahead_ms + encoder.look_ahead_ms,
        measure_engine(encoder.spec.name, feed, noise.astype(np.float32)).real_time_factor,
    )


def streams_per_core(model: AnyModel, samples: Samples, streams: int) -> float:
    """Return how many live streams one core keeps up with when they share a `DetectorPool`.

    Args:
        model: to run.
        samples: (n,) at 16 kHz; the first five seconds are fed to every stream in blocks of 80 ms.
        streams: number of streams in the pool.
    """
    pool = DetectorPool(model)
    for stream in range(streams):
        pool.open(stream)
    blocks = _full_blocks(samples[: 5 * SAMPLE_RATE], BLOCK_SAMPLES)
    warm_up = len(blocks) // 5
    for block in blocks[:warm_up]:
        pool.feed(dict.fromkeys(range(streams), block))
    start_s = time.process_time()
    for block in blocks[warm_up:]:
        pool.feed(dict.fromkeys(range(streams), block))
    processor_s = time.process_time() - start_s
    return streams * (len(blocks) - warm_up) * BLOCK_SAMPLES / SAMPLE_RATE / processor_s


def memory_mb() -> float:
    """Return the resident memory of this process in MB, interpreter and libraries included."""
    return float(psutil.Process().memory_info().rss / 1e6)


@torch.inference_mode()
def stream_difference(model: WakeWordModel, samples: Samples) -> float:
    """Return max |stream − offline| of the logits: fed hop by hop, against all audio at once.

    Args:
        model: to run.
        samples: (n,) at 16 kHz.
    """
    later = _full_blocks(samples[model.first_block :], model.block)
    hops = [samples[: model.first_block], *later]
    streamed: list[torch.Tensor] = []
    state = None
    for hop in hops:
        logits, state = model(torch.from_numpy(hop)[None], state)
        streamed.append(logits[0])
    offline = model_logits(model, [np.concatenate(hops)])
    return float(np.abs(torch.cat(streamed).double().numpy() - offline).max())


def _full_blocks(samples: npt.NDArray[_Number], size: int) -> list[npt.NDArray[_Number]]:
    """Split into blocks of `size`; an incomplete last block is left out."""
    return [samples[i : i + size] for i in range(0, len(samples) - size + 1, size)]


def sliding_window_copy(model: WakeWordModel) -> WakeWordModel:
    """Return a model with the same weights whose encoder runs over a sliding window at every hop.

    Its cost against the model's own shows what chunked streaming saves.
    """
    chunked = model.encoder
    encoder = build_encoder(
        model.origin.encoder,
        "window",
        hop=chunked.hop_frames,
        output_layers=chunked.output_layers,
    )
    encoder.trunk.load_state_dict(chunked.trunk.state_dict())
    origin = replace(model.origin, streaming="window")
    return WakeWordModel(encoder, model.head, model.keywords, origin, model.operating_point).eval()


def installed_peers() -> dict[str, Feed]:
    """Return the other engines that are installed here, by name and version."""
    known = {"pvporcupine": _porcupine, "pyopen_wakeword": _open_wakeword}
    peers = {}
    for module, engine in known.items():
        try:
            name, feed = engine()
            peers[f"{name} {metadata.version(module)}"] = feed
        except ImportError:
            continue
    return peers


def _porcupine() -> tuple[str, Feed]:
    module = import_module("pvporcupine")
    engine = module.create(keywords=["porcupine"])
    pending = np.zeros(0, dtype=np.int16)

    def feed(samples: Samples) -> None:
        nonlocal pending
        pending = np.concatenate([pending, _int16(samples)])
        for frame in _full_blocks(pending, engine.frame_length):
            engine.process(frame.tolist())
        pending = pending[len(pending) - len(pending) % engine.frame_length :]

    return "Porcupine", feed


def _open_wakeword() -> tuple[str, Feed]:
    module = import_module("pyopen_wakeword")
    features = module.OpenWakeWordFeatures.from_builtin()

    def feed(samples: Samples) -> None:
        for _ in features.process_streaming(_int16(samples).tobytes()):
            pass

    return "openWakeWord's front end and embedding", feed


def _int16(samples: Samples) -> npt.NDArray[np.int16]:
    return (np.clip(samples, -1.0, 1.0) * 32767).astype(np.int16)
