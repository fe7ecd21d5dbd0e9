"""Training audio as the frozen part of an encoder sees it: computed once and kept on disk."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import safetensors.torch
import torch
from torch import Tensor

from wakeword import storage
from wakeword.audio.samples import SAMPLE_RATE, Samples, window_before
from wakeword.data.clip import KeywordSegment
from wakeword.data.loader import ClipLoader, KeywordBank
from wakeword.encoders.base import Encoder
from wakeword.encoders.frontend import FrontEnd
from wakeword.evaluation.results import ScoredStream
from wakeword.evaluation.test_streams import Stream, StreamReader, join_blocks
from wakeword.model.network import WakeWordModel
from wakeword.parallel import available_cores, single_threaded
from wakeword.progress import ProgressCallback
from wakeword.training.augmentation import Augmenter, mask_features
from wakeword.training.distributed import ProcessGroup
from wakeword.training.examples import ExamplePlan, render_example

_FILE_EXAMPLES = 64  # examples in a file
_BATCH = 4  # examples that a thread renders and encodes at once
_SPLIT_FRAMES = 50_000  # frames of a stream that are scored at once

Frames = npt.NDArray[np.float16]
Segments = tuple[KeywordSegment, ...]


@dataclass(frozen=True)
class EncodedExamples:
    """Training examples at one depth of an encoder.

    Attributes:
        depth: number of layer groups that the examples have passed.
        frames: (examples, U, dim).
        targets: (examples, V, keywords).
        segments: the keywords in each example.
    """

    depth: int
    frames: Frames
    targets: Tensor
    segments: Sequence[Segments] = ()


@dataclass(frozen=True)
class EncodedStream:
    """A test stream at one depth of an encoder.

    Attributes:
        name: of the stream.
        depth: number of layer groups that the stream has passed.
        frames: (1, U, dim) float16.
        segments: where keywords are spoken, in stream time.
        hours: of audio.
    """

    name: str
    depth: int
    frames: Tensor
    segments: Segments
    hours: float

    @torch.inference_mode()
    def score(self, model: WakeWordModel) -> ScoredStream:
        """Run the rest of a model, which has the same encoder up to this depth."""
        encoder_state = head_state = None
        logits: list[Tensor] = []
        for frames in torch.split(self.frames, _SPLIT_FRAMES, dim=1):
            x = frames.to(model.device).float()
            if self.depth < model.encoder.depth:
                x, encoder_state = model.encoder(x, encoder_state, start=self.depth)
            x, head_state = model.head(x, head_state)
            logits.append(x[0].cpu())
        joined = torch.cat(logits).double().numpy()
        return ScoredStream(self.name, joined, self.segments, self.hours)


class Excerpts(NamedTuple):
    """Stretches of one training example.

    Attributes:
        plan: of the example.
        ends: sample of the example with which each stretch ends.
    """

    plan: ExamplePlan
    ends: tuple[int, ...]


class _ExampleFile(NamedTuple):
    """The content of one file of examples."""

    frames: Frames
    segments: list[Segments]
    broken: dict[str, str]  # clips that could not be read first while this file was made

    def save(self, file: Path) -> None:
        """Write the file."""
        segments = [[astuple(segment) for segment in in_example] for in_example in self.segments]
        with storage.atomic_write(file) as part, part.open("wb") as out:
            np.savez(
                out,
                allow_pickle=False,
                frames=self.frames,
                segments=np.array(json.dumps(segments)),
                broken=np.array(json.dumps(self.broken)),
            )

    @classmethod
    def load(cls, file: Path) -> _ExampleFile:
        """Read a file that `save` wrote."""
        with np.load(file) as arrays:
            segments = [
                tuple(KeywordSegment(*values) for values in in_example)
                for in_example in json.loads(str(arrays["segments"]))
            ]
            return cls(arrays["frames"], segments, json.loads(str(arrays["broken"])))


class FeatureCache:
    """Encodes training examples and test streams to one depth, and keeps the result on disk.

    The name of a file is a key of what is in it, so runs share what they have in common, and an
    interrupted run continues.

    Args:
        folder: a folder of its own for everything else that the features depend on: the encoder,
            the front end and the augmentation.
        frontend: computes features from samples.
        encoder: in evaluation mode.
        depth: number of layer groups to run; 0 keeps the features themselves.
    """

    def __init__(self, folder: Path, frontend: FrontEnd, encoder: Encoder, depth: int) -> None:
        self.folder = folder
        self.frontend, self.encoder, self.depth = frontend, encoder, depth
        parameters = encoder.parameters()
        self._device = next((each.device for each in parameters), torch.device("cpu"))

    # ------------------------------------------------------------ examples

    def examples(
        self,
        groups: Sequence[Sequence[ExamplePlan]],
        bank: KeywordBank,
        augmenter: Augmenter,
        samples: int,
        progress: ProgressCallback | None = None,
    ) -> tuple[Frames, list[Segments]]:
        """Return the frames of examples, and the keywords in each.

        Args:
            groups: plans; no file holds examples of two groups, so a group is shared between
                runs whatever the other groups are.
            bank: loads the clips, and collects those that cannot be read.
            augmenter: varies voices and draws the acoustics.
            samples: length of an example.
            progress: called after each file.

        Returns:
            (examples, U, dim), and the keywords in each example.
        """
        whole = [[Excerpts(plan, (samples,)) for plan in plans] for plans in groups]
        return self.excerpts(whole, bank, augmenter, samples, samples, progress)

    def excerpts(
        self,
        groups: Sequence[Sequence[Excerpts]],
        bank: KeywordBank,
        augmenter: Augmenter,
        samples: int,
        size: int,
        progress: ProgressCallback | None = None,
    ) -> tuple[Frames, list[Segments]]:
        """Return the frames of stretches of examples, and the keywords in each; see `examples`.

        The processes of a group share the work. Clips that could not be read are recorded in the
        files too, so a continued run knows them.

        Args:
            groups: plans, and where the stretches of each end.
            bank: as for `examples`, and so are all others but `size`.
            size: length of a stretch in samples; silence precedes an example.

        Returns:
            (stretches, U, dim), and the keywords in each stretch, relative to its start.
        """
        group = ProcessGroup.current()
        parts = [
            items[i : i + _FILE_EXAMPLES]
            for items in groups
            for i in range(0, len(items), _FILE_EXAMPLES)
        ]
        total = sum(len(each.ends) for part in parts for each in part)

        def file_of(part: Sequence[Excerpts]) -> Path:
            """Return the file that holds some stretches, computed if necessary."""
            contents = [(_plan_key(each.plan, bank), each.ends) for each in part]
            file = self.folder / f"{storage.cache_key(samples, size, contents)}.npz"
            if not file.is_file():
                self.compute_excerpts(part, bank, augmenter, samples, size).save(file)
            return file

        if group.size > 1:
            own = group.shard(parts)
            for number, part in enumerate(own, start=1):
                file_of(part)
                if progress:
                    progress("computing features", number, len(own))
            group.barrier()
        frames: Frames = np.zeros(0, dtype=np.float16)
        segments: list[Segments] = []
        for part in parts:
            content = _ExampleFile.load(file_of(part))
            bank.broken |= {Path(name): reason for name, reason in content.broken.items()}
            first = len(segments)
            if first == 0:
                frames = np.zeros((total, *content.frames.shape[1:]), dtype=np.float16)
            frames[first : first + len(content.frames)] = content.frames
            segments += content.segments
            if progress:
                progress("computing features", len(segments), total)
        return frames, segments

    def compute_excerpts(
        self,
        items: Sequence[Excerpts],
        bank: KeywordBank,
        augmenter: Augmenter,
        samples: int,
        size: int,
    ) -> _ExampleFile:
        """Render and encode some stretches; see `excerpts`. Nothing is written."""
        known_broken = set(bank.broken)

        def compute(batch: Sequence[Excerpts]) -> tuple[Tensor, list[Segments]]:
            """Render and encode a batch."""
            audio: list[Samples] = []
            seeds: list[tuple[int, ...]] = []
            segments: list[Segments] = []
            for plan, ends in batch:
                example = render_example(plan, bank, augmenter, samples)
                for number, end in enumerate(ends):
                    audio.append(window_before(example.samples, end, size))
                    seeds.append((*plan.seed, number))
                    shift_s = (size - end) / SAMPLE_RATE
                    segments.append(tuple(each.shifted(shift_s) for each in example.segments))
            stacked = torch.from_numpy(np.stack(audio))
            frames = self._encode_examples(stacked, seeds, augmenter.config.mask_share)
            return frames.half().cpu(), segments

        batches = [items[i : i + _BATCH] for i in range(0, len(items), _BATCH)]
        with single_threaded(), ThreadPoolExecutor(available_cores()) as pool:
            computed = list(pool.map(compute, batches))
        return _ExampleFile(
            torch.cat([frames for frames, _ in computed]).numpy(),
            [in_example for _, batch in computed for in_example in batch],
            {str(p): why for p, why in sorted(bank.broken.items()) if p not in known_broken},
        )

    @torch.inference_mode()
    def _encode_examples(
        self, audio: Tensor, seeds: Sequence[tuple[int, ...]], mask_share: float
    ) -> Tensor:
        """Encode (batch, samples) as streams that began at random positions: (batch, U, dim)."""
        features: Tensor = self.frontend(audio.to(self._device))[0]
        if not self.depth:
            return features
        if self.frontend.has_bands:
            for i, seed in enumerate(seeds):
                rng = np.random.default_rng((*seed, 1))
                features[i] = mask_features(features[i], rng, mask_share)
        positions = [np.random.default_rng((*seed, 2)).integers(1 << 20) for seed in seeds]
        state = self.encoder.initial_state(torch.tensor(positions, device=self._device))
        with autocast(self._device):
            frames: Tensor = self.encoder(features, state, stop=self.depth)[0]
        return frames

    # ------------------------------------------------------------ streams

    def stream(
        self, stream: Stream, loader: ClipLoader, progress: ProgressCallback | None = None
    ) -> EncodedStream:
        """Return an encoded test stream.

        Args:
            stream: the stream.
            loader: loads its clips, and collects those that cannot be read.
            progress: called after each clip.
        """
        file = self.folder / f"{stream.cache_key()}.safetensors"
        if not file.is_file():
            reader = StreamReader(stream, loader, progress)
            frames = self.encode_stream(reader)
            metadata = {
                "segments": [astuple(segment) for segment in reader.segments],
                "hours": reader.hours,
                "broken": {str(c.path): loader.broken.get(c.path) for c in stream.clips},
            }
            with storage.atomic_write(file) as part:
                safetensors.torch.save_file(
                    {"frames": frames}, part, {"stream": json.dumps(metadata)}
                )
        with safetensors.safe_open(file, framework="pt") as opened:
            metadata = json.loads(opened.metadata()["stream"])
            frames = opened.get_tensor("frames")
        loader.broken |= {Path(name): why for name, why in metadata["broken"].items() if why}
        segments = tuple(KeywordSegment(*values) for values in metadata["segments"])
        return EncodedStream(stream.name, self.depth, frames, segments, metadata["hours"])

    def encode(self, windows: npt.NDArray[np.float32]) -> Tensor:
        """Encode (n, samples), each a stream of its own: (n, U, dim) float16. Nothing is kept."""
        if not len(windows):
            return torch.zeros(0, 0, 0, dtype=torch.float16)

        @torch.inference_mode()
        def compute(batch: Tensor) -> Tensor:
            x, _ = self.frontend(batch.to(self._device))
            if self.depth:
                with autocast(self._device):
                    x, _ = self.encoder(x, None, stop=self.depth)
            half: Tensor = x.half().cpu()
            return half

        with single_threaded(), ThreadPoolExecutor(available_cores()) as pool:
            return torch.cat(
                list(pool.map(compute, torch.split(torch.from_numpy(windows), _BATCH)))
            )

    @torch.inference_mode()
    def encode_stream(self, pieces: Iterable[Samples]) -> Tensor:
        """Encode the pieces of a stream one after the other: (1, U, dim) float16."""
        frontend_state = encoder_state = None
        frames: list[Tensor] = []
        for block in join_blocks(pieces):
            samples = torch.from_numpy(block)[None].to(self._device)
            x, frontend_state = self.frontend(samples, frontend_state)
            if self.depth:
                x, encoder_state = self.encoder(x, encoder_state, stop=self.depth)
            frames.append(x.half().cpu())
        return torch.cat(frames, dim=1)


def has_bfloat16() -> bool:
    """Return whether this processor multiplies bfloat16 in hardware.

    Training examples are then encoded in bfloat16: three times as fast, and the frames deviate by a
    hundredth of their standard deviation.
    """
    # get_capabilities is missing in some releases of torch
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def precision(device: torch.device) -> object:
    """Return what distinguishes the frames that a device computes, for cache keys."""
    return has_bfloat16() if device.type == "cpu" else [device.type, _uses_bfloat16(device)]


def autocast(device: torch.device) -> AbstractContextManager[object]:
    """Return the context in which training examples are encoded: bfloat16 where it is fast."""
    if not _uses_bfloat16(device):
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


def _uses_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and has_bfloat16()


def _plan_key(plan: ExamplePlan, bank: KeywordBank) -> list[object]:
    """Return everything that determines one example except what the folder stands for."""
    keyword: list[object] = []
    if plan.keyword_clip is not None:
        clip, _, start_s, end_s = bank.keywords[plan.keyword_clip]
        keyword = [clip.identity(), start_s, end_s, plan.is_partial]
    return [plan.seed, keyword, [clip.identity() for clip in plan.negatives]]
