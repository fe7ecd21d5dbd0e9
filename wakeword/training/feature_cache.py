"""What the frozen part of an encoder makes of the training audio: computed once, kept on disk."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors.torch
import torch
from torch import Tensor

from wakeword import storage
from wakeword.audio.samples import Samples
from wakeword.data.clip import KeywordSegment
from wakeword.data.loader import KeywordBank
from wakeword.encoders.base import Encoder
from wakeword.encoders.frontend import FrontEnd, MelFrontEnd
from wakeword.evaluation.results import ScoredStream
from wakeword.evaluation.test_streams import Stream, StreamReader, join_blocks
from wakeword.model.network import WakeWordModel
from wakeword.parallel import available_cores, single_threaded
from wakeword.progress import ProgressCallback
from wakeword.training.augmentation import Augmenter, mask_features
from wakeword.training.distributed import ProcessGroup
from wakeword.training.examples import ExamplePlan, render_example

_SHARD = 64  # scenes in a file
_BATCH = 4  # scenes that a worker makes and the encoder takes at once


@dataclass(frozen=True)
class EncodedStream:
    """A stream at one depth of an encoder."""

    name: str
    depth: int
    frames: Tensor  # (1, U, dim) float16
    segments: tuple[KeywordSegment, ...]
    hours: float

    @torch.inference_mode()
    def track(self, model: WakeWordModel) -> ScoredStream:
        """The whole stream through the rest of a model with the same encoder below that depth."""
        encoder_state = head_state = None
        logits: list[Tensor] = []
        for frames in torch.split(self.frames, 50_000, dim=1):
            x = frames.float()
            if self.depth < model.encoder.depth:
                x, encoder_state = model.encoder(x, encoder_state, start=self.depth)
            x, head_state = model.head(x, head_state)
            logits.append(x[0])
        return ScoredStream(
            self.name, torch.cat(logits).double().numpy(), self.segments, self.hours
        )


class FeatureCache:
    """Frames of scenes and streams at one depth of an encoder, in files that a killed run leaves
    whole. A file's name tells what is in it, so that trainings share what they have in common.

    Args:
        folder: one for everything else that features depend on: encoder, front end, augmentation.
    """

    def __init__(self, folder: Path, frontend: FrontEnd, encoder: Encoder, depth: int) -> None:
        self.folder = folder
        self.frontend, self.encoder, self.depth = frontend, encoder, depth

    def scenes(
        self,
        groups: Sequence[Sequence[ExamplePlan]],
        library: KeywordBank,
        augmenter: Augmenter,
        samples: int,
        progress: ProgressCallback | None = None,
        team: ProcessGroup | None = None,
    ) -> tuple[npt.NDArray[np.float16], list[tuple[KeywordSegment, ...]]]:
        """All scenes as (scenes, U, dim) float16, and what is spoken in each.

        No file holds scenes of two groups, so that a group is shared whatever comes beside it.
        Clips that could not be read are remembered in the shards too, and so by a resumed run. A
        team makes the files together, each process every so many-th.
        """
        team = team or ProcessGroup()
        frames = np.zeros(0, dtype=np.float16)
        segments: list[tuple[KeywordSegment, ...]] = []
        shards = [group[i : i + _SHARD] for group in groups for i in range(0, len(group), _SHARD)]
        total = sum(map(len, groups))

        def made(part_of: Sequence[ExamplePlan]) -> Path:
            name = storage.cache_key(samples, [_made_of(p, library) for p in part_of])
            file = self.folder / f"{name}.npz"
            if not file.is_file():
                frames_and_all = self._shard(part_of, library, augmenter, samples)
                with storage.atomic_write(file) as part, part.open("wb") as out:
                    np.savez(out, allow_pickle=False, **frames_and_all)
            return file

        if team.size > 1:
            own = team.shard(shards)
            for number, part_of in enumerate(own, start=1):
                made(part_of)
                if progress:
                    progress("computing features", number, len(own))
            team.barrier()
        first = 0
        for part_of in shards:
            file = made(part_of)
            with np.load(file) as held:
                shard = held["frames"]
                segments += _segments_from_json(str(held["segments"]))
                broken = json.loads(str(held["broken"]))
            library.broken |= {Path(name): reason for name, reason in broken.items()}
            if first == 0:
                frames = np.zeros((total, *shard.shape[1:]), dtype=np.float16)
            frames[first : first + len(shard)] = shard
            first += len(shard)
            if progress:
                progress("computing features", first, total)
        return frames, segments

    def _shard(
        self,
        plans: Sequence[ExamplePlan],
        library: KeywordBank,
        augmenter: Augmenter,
        samples: int,
    ) -> dict[str, npt.NDArray[Any]]:
        known = set(library.broken)

        def make(batch: Sequence[ExamplePlan]) -> tuple[Tensor, list[tuple[KeywordSegment, ...]]]:
            scenes = [render_example(plan, library, augmenter, samples) for plan in batch]
            audio = torch.from_numpy(np.stack([scene.samples for scene in scenes]))
            masks = [(plan, augmenter.config.mask_share) for plan in batch]
            return self._encode(audio, masks).half(), [scene.segments for scene in scenes]

        batches = [plans[i : i + _BATCH] for i in range(0, len(plans), _BATCH)]
        with single_threaded(), ThreadPoolExecutor(available_cores()) as pool:
            made = list(pool.map(make, batches))
        frames = [encoded for encoded, _ in made]
        segments = [each for _, batch in made for each in batch]
        broken = {str(p): why for p, why in sorted(library.broken.items()) if p not in known}
        return {
            "frames": torch.cat(frames).numpy(),
            "segments": np.array(_segments_to_json(segments)),
            "broken": np.array(json.dumps(broken)),
        }

    @torch.inference_mode()
    def _encode(self, audio: Tensor, masks: Sequence[tuple[ExamplePlan, float]]) -> Tensor:
        features, _ = self.frontend(audio)
        for i, (plan, share) in enumerate(masks):
            rng = np.random.default_rng((*plan.seed, 1))
            if self.depth and isinstance(self.frontend, MelFrontEnd):  # samples have no bands
                features[i] = mask_features(features[i], rng, share)
        firsts = [np.random.default_rng((*plan.seed, 2)).integers(1 << 20) for plan, _ in masks]
        frames: Tensor = features
        if self.depth:
            state = self.encoder.begin(torch.tensor(firsts))
            with torch.autocast("cpu", enabled=has_bfloat16()):
                frames, _ = self.encoder(features, state, stop=self.depth)
        return frames

    def stream(
        self, stream: Stream, library: KeywordBank, progress: ProgressCallback | None = None
    ) -> EncodedStream:
        """A whole stream, computed once."""
        file = self.folder / f"{stream.made_of()}.safetensors"
        if not file.is_file():
            heard = StreamReader(stream, library, progress)
            frames = self._encode_stream(heard)
            broken = {str(c.path): library.broken.get(c.path) for c in stream.clips}
            segments = [astuple(segment) for segment in heard.segments]
            about = {"segments": segments, "hours": heard.hours, "broken": broken}
            with storage.atomic_write(file) as part:
                safetensors.torch.save_file({"frames": frames}, part, {"about": json.dumps(about)})
        with safetensors.safe_open(file, framework="pt") as held:
            about = json.loads(held.metadata()["about"])
            frames = held.get_tensor("frames")
        library.broken |= {Path(name): why for name, why in about["broken"].items() if why}
        spoken = tuple(KeywordSegment(*values) for values in about["segments"])
        return EncodedStream(stream.name, self.depth, frames, spoken, about["hours"])

    @torch.inference_mode()
    def _encode_stream(self, pieces: Iterable[Samples]) -> Tensor:
        """(1, U, dim) float16."""
        frontend_state = encoder_state = None
        frames: list[Tensor] = []
        for piece in join_blocks(pieces):
            features, frontend_state = self.frontend(torch.from_numpy(piece)[None], frontend_state)
            if self.depth:
                features, encoder_state = self.encoder(features, encoder_state, stop=self.depth)
            frames.append(features.half())
        return torch.cat(frames, dim=1)


def has_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 itself: scenes are then encoded in it, three times
    as fast, and their frames differ by a hundredth of their deviation."""
    known: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # not in every release
    return bool(known.get("avx512_bf16") or known.get("amx_bf16"))


def _made_of(plan: ExamplePlan, library: KeywordBank) -> list[object]:
    """What a scene is made of, apart from what holds for all."""
    word: list[object] = []
    if plan.keyword_clip is not None:
        clip, _, start_s, end_s = library.keywords[plan.keyword_clip]
        word = [clip.identity(), clip.label, start_s, end_s, plan.half_word]
    return [plan.seed, word, [clip.identity() for clip in plan.fill]]


def _segments_to_json(segments: Sequence[Sequence[KeywordSegment]]) -> str:
    return json.dumps([[astuple(segment) for segment in spoken] for spoken in segments])


def _segments_from_json(text: str) -> list[tuple[KeywordSegment, ...]]:
    return [tuple(KeywordSegment(*values) for values in spoken) for spoken in json.loads(text)]
