"""What a model costs: processor time, delay, memory, and whether its stream equals offline."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module, metadata
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import psutil
import torch

from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.detection.detector import Detector
from wakeword.detection.pool import DetectorPool
from wakeword.encoders.base import Encoder
from wakeword.encoders.registry import build_encoder
from wakeword.evaluation.evaluate import model_logits
from wakeword.model.network import WakeWordModel

BLOCK_SAMPLES = SAMPLE_RATE * 80 // 1000  # samples that are fed at a time
_WARM_UP = SAMPLE_RATE  # samples: caches fill and pages are touched before

Feed = Callable[[Samples], object]
_Number = TypeVar("_Number", bound=np.generic)


@dataclass(frozen=True)
class EngineCost:
    """What an engine spent on a stream that was fed 80 ms at a time.

    Attributes:
        real_time_factor: processor seconds, of all threads, for a second of audio.
        p50_ms, p99_ms: wall-clock time that a block of 80 ms took.
    """

    engine: str
    real_time_factor: float
    p50_ms: float
    p99_ms: float


def measure_engine(engine: str, feed: Feed, samples: Samples) -> EngineCost:
    """Feed an engine (n,) samples at 16 kHz in blocks of 80 ms.

    Before the clock runs it hears the first second once.
    """
    for start in range(0, _WARM_UP, BLOCK_SAMPLES):
        feed(samples[start : start + BLOCK_SAMPLES])
    took = np.empty(len(samples) // BLOCK_SAMPLES)
    began = time.process_time()
    for i in range(len(took)):
        block_began = time.perf_counter()
        feed(samples[i * BLOCK_SAMPLES : (i + 1) * BLOCK_SAMPLES])
        took[i] = time.perf_counter() - block_began
    spent = time.process_time() - began
    p50, p99 = np.percentile(1000 * took, [50, 99])
    return EngineCost(
        engine, spent / (len(took) * BLOCK_SAMPLES / SAMPLE_RATE), float(p50), float(p99)
    )


@dataclass(frozen=True)
class EncoderCost:
    """What an encoder and its front end take: of a model all but its head, which is small."""

    parameters: int
    look_ahead_ms: float
    real_time_factor: float


def measure_encoder(encoder: Encoder, seconds: float = 8.0) -> EncoderCost:
    """Run front end and encoder over noise, 80 ms at a time, on the threads that torch has."""
    encoder.eval()
    frontend = encoder.spec.new_front_end()
    states: tuple[object, object] = (None, None)

    @torch.inference_mode()
    def feed(samples: Samples) -> None:
        nonlocal states
        features, before = frontend(torch.from_numpy(samples)[None], states[0])
        _, after = encoder(features, states[1])
        states = before, after

    noise = 0.05 * np.random.default_rng(0).standard_normal(round(seconds * SAMPLE_RATE))
    return EncoderCost(
        sum(p.numel() for p in encoder.parameters()),
        frontend.look_ahead_ms + encoder.look_ahead_ms,
        measure_engine(encoder.spec.name, feed, noise.astype(np.float32)).real_time_factor,
    )


def streams_per_core(model: WakeWordModel, samples: Samples, streams: int) -> float:
    """How many live streams one core keeps up with, when `streams` share a `DetectorPool`.

    Each is fed the (n,) samples in blocks of 80 ms, of the first five seconds at most.
    """
    pool = DetectorPool(model)
    for stream in range(streams):
        pool.open(stream)
    blocks = _pieces(samples[: 5 * SAMPLE_RATE], BLOCK_SAMPLES)
    warm = len(blocks) // 5
    for block in blocks[:warm]:
        pool.feed(dict.fromkeys(range(streams), block))
    began = time.process_time()
    for block in blocks[warm:]:
        pool.feed(dict.fromkeys(range(streams), block))
    spent = time.process_time() - began
    return streams * (len(blocks) - warm) * BLOCK_SAMPLES / SAMPLE_RATE / spent


def memory_mb() -> float:
    """What this process holds now, interpreter and libraries included."""
    return float(psutil.Process().memory_info().rss / 1e6)


@torch.inference_mode()
def stream_difference(model: WakeWordModel, samples: Samples) -> float:
    """max |stream − offline| of the logits: hop by hop, against all of the audio at once."""
    hops = [samples[: model.first_block], *_pieces(samples[model.first_block :], model.block)]
    streamed: list[torch.Tensor] = []
    state = None
    for hop in hops:
        logits, state = model(torch.from_numpy(hop)[None], state)
        streamed.append(logits[0])
    offline = model_logits(model, [np.concatenate(hops)])
    return float(np.abs(torch.cat(streamed).double().numpy() - offline).max())


def _pieces(samples: npt.NDArray[_Number], size: int) -> list[npt.NDArray[_Number]]:
    """Whole pieces; what is left over is left out."""
    return [samples[i : i + size] for i in range(0, len(samples) - size + 1, size)]


def sliding_window_copy(model: WakeWordModel) -> WakeWordModel:
    """The same weights, run over a sliding window at every hop: what exact streaming saves."""
    exact = model.encoder
    encoder = build_encoder(
        model.origin.encoder, "window", hop=exact.hop_frames, output_layers=exact.output_layers
    )
    encoder.trunk.load_state_dict(exact.trunk.state_dict())
    origin = replace(model.origin, streaming="window")
    return WakeWordModel(encoder, model.head, model.keywords, origin, model.operating_point).eval()


def detector_feed(model: WakeWordModel) -> Feed:
    """A model as `wakeword listen` runs it."""
    return Detector(model).feed


def installed_peers() -> dict[str, Feed]:
    """Other engines that are installed here, by name and version."""
    known = {"pvporcupine": _porcupine, "pyopen_wakeword": _open_wakeword}
    found = {}
    for module, engine in known.items():
        try:
            name, feed = engine()
            found[f"{name} {metadata.version(module)}"] = feed
        except ImportError:
            continue
    return found


def _porcupine() -> tuple[str, Feed]:
    module = import_module("pvporcupine")
    engine = module.create(keywords=["porcupine"])
    waiting = np.zeros(0, dtype=np.int16)

    def feed(samples: Samples) -> None:
        nonlocal waiting
        waiting = np.concatenate([waiting, _int16(samples)])
        for frame in _pieces(waiting, engine.frame_length):
            engine.process(frame.tolist())
        waiting = waiting[len(waiting) - len(waiting) % engine.frame_length :]

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
