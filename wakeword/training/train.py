"""The one training loop: data set in, model out; can be killed at any time and goes on."""

from __future__ import annotations

import copy
import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import safetensors.torch
import torch
from torch import Tensor

from wakeword import storage
from wakeword.audio.samples import SAMPLE_RATE
from wakeword.data.clip import Clip
from wakeword.data.dataset import Dataset
from wakeword.data.keywords import select_keywords
from wakeword.data.loader import KeywordBank, check_broken
from wakeword.data.splits import assign_splits
from wakeword.encoders.base import Encoder
from wakeword.encoders.frontend import MelFrontEnd
from wakeword.encoders.registry import (
    build_encoder,
    encoder_spec,
    hop_settings,
    load_encoder,
    streaming_modes,
)
from wakeword.encoders.spec import EncoderSpec
from wakeword.errors import ConfigError, ManifestError
from wakeword.evaluation import metrics
from wakeword.evaluation.calibrate import (
    HEARD_SHARE,
    calibrate_scores,
    cap_extrapolated_threshold,
    threshold_provenance,
)
from wakeword.evaluation.conditions import CLEAN, noisy
from wakeword.evaluation.evaluate import det_curve
from wakeword.evaluation.metrics import DetPoint
from wakeword.evaluation.test_streams import negative_stream, positive_stream
from wakeword.heads import ExamplesHead, build_head
from wakeword.model.network import WakeWordModel
from wakeword.model.operating_point import OperatingPoint
from wakeword.model.provenance import Origin
from wakeword.parallel import available_cores, single_threaded
from wakeword.progress import ProgressCallback
from wakeword.training.augmentation import Augmenter, mask_features
from wakeword.training.config import TrainConfig
from wakeword.training.distributed import ProcessGroup
from wakeword.training.examples import plan_examples, plan_extra_examples
from wakeword.training.feature_cache import EncodedStream, FeatureCache, has_bfloat16
from wakeword.training.losses import frame_targets, loss_by_name
from wakeword.training.result import TrainResult
from wakeword.training.strategy import (
    Strategy,
    add_low_rank,
    choose_strategy,
    freeze,
    keep_frozen,
    merge_low_rank,
    parameter_groups,
)

_FEATURES_VERSION = 7  # to be raised with every change to what scenes or features are
_AT_ONCE = 16  # scenes of a batch whose gradients are computed at once: they fit the caches
_VALIDATION_POINTS = (0.5, 1, 2, 4, 8, 16, 32)  # false accepts per hour


def train(
    data: Dataset,
    keywords: Sequence[str],
    config: TrainConfig | None = None,
    *,
    more: Dataset | None = None,
    start: WakeWordModel | None = None,
    weights: Path | str | None = None,
    work: Path | str | None = None,
    progress: ProgressCallback | None = None,
    team: ProcessGroup | None = None,
) -> TrainResult:
    """Fine-tune an encoder with a new head on the "train" split of a data set.

    Args:
        data: from `read_dataset`; where it states no splits, all of it is for training.
        keywords: the words to learn; other words in the data are negatives.
        more: clips to learn from beside these, such as synthetic voices: none of them is held out,
            so the best epoch and the threshold are those for the clips of `data`. Clips of the word
            are heard in half of its scenes at most. Recordings without it are heard in scenes of
            their own, in addition to those of `data`.
        start: a model of these words to go on from: its encoder, head and way to stream instead of
            those of `config`.
        weights: a checkpoint at hand, instead of the encoder's own sources.
        work: where features and checkpoints are kept, so that a killed run goes on; None is a
            folder in the cache that is named after data and settings.
        team: the processes that share this training (`training.team.joined`): each calls this with
            the same arguments, sees the same `work`, and returns the same model.

    Raises:
        ManifestError: data that cannot train a model. ConfigError: unknown names, or other words
            than those of `start`.
        CheckpointError: no encoder weights.
    """
    config = config or TrainConfig()
    if start is not None:
        config = _as_of(start, keywords, config)
    streaming = config.streaming or streaming_modes(config.encoder)[0]
    config = replace(config, streaming=streaming)
    task = select_keywords(data, keywords).subset("train")
    if not task.keywords:
        raise ManifestError(f"{data.root}: no keyword clips in the train split. Check its splits.")
    if start is not None:
        encoder, sha256 = copy.deepcopy(start.encoder), start.origin.encoder_sha256
        told = "goes on from a model"
    else:
        encoder, stripped, sha256 = load_encoder(
            config.encoder,
            path=weights,
            streaming=config.streaming,
            progress=progress,
            output_layers=_layers(config),
            **hop_settings(config.encoder, config.streaming, config.hop_ms),
        )
        told = str(stripped)
    parts = _hold_out(task, config)
    train_part, validation_part = parts.subset("train"), parts.subset("dev")
    beside = replace(train_part, keywords=(), negatives=(), noises=(), rirs=())
    if more:
        beside = select_keywords(more, keywords, allow_missing=True).subset("train")
        train_part = train_part.with_clips_of(replace(beside, negatives=()))
    library = KeywordBank.read(train_part, progress)
    minutes = sum(len(s) for _, s, _, _ in library.keywords) / SAMPLE_RATE / 60
    strategy = choose_strategy(
        config.strategy, encoder, minutes, len(library.keywords) / len(keywords)
    )
    run = _Run(config, keywords, encoder, sha256, strategy, start, team or ProcessGroup())
    folder = Path(work) if work else storage.cache_dir() / "training"
    features = run.features_of([*train_part.noises, *train_part.rirs])
    scenes, validation = run.features(
        folder / f"features-{features}", library, train_part, beside, validation_part, progress
    )
    heard = [
        clip.identity() for clip in (*_all_clips(train_part, validation_part), *beside.negatives)
    ]
    words = [(start_s, end_s) for _, _, start_s, end_s in library.keywords]
    settled = storage.cache_key(
        features, run.keywords, asdict(config), asdict(strategy), heard, words,
        len(beside.keywords), run.begins_from,
    )  # fmt: skip
    history = run.fit(scenes, validation, folder / f"run-{settled}", progress)
    whole = train_part.with_clips_of(validation_part)
    made_of = replace(whole, negatives=(*whole.negatives, *beside.negatives)).count_sources()
    clips = len(library.keywords)
    model = run.finish(validation, minutes, clips, history, made_of)
    held_out = len(validation[0].segments)
    notes = [*parts.notes, *_broken_notes(library), *_small_data_notes(held_out, clips)]
    notes += _source_size_notes(encoder.spec, minutes / 60)
    return TrainResult(model, told, strategy, tuple(notes), tuple(history), held_out)


def _as_of(start: WakeWordModel, keywords: Sequence[str], config: TrainConfig) -> TrainConfig:
    """The config for going on from a model. Raises ConfigError for other words than its own."""
    if list(keywords) != list(start.keywords):
        raise ConfigError(f"the model to go on from hears {', '.join(start.keywords)}: no others.")
    of = start.origin
    return replace(
        config,
        encoder=of.encoder,
        streaming=of.streaming,
        head=of.head,
        layers=start.encoder.output_layers,
        hop_ms=None,
    )


def _layers(config: TrainConfig) -> tuple[int, ...]:
    """The encoder's layers that the head is given."""
    top = encoder_spec(config.encoder).layers
    return config.layers or tuple(range(max(1, top - 2), top + 1))


def _all_clips(*parts: Dataset) -> list[Clip]:
    return [clip for part in parts for clips in part.by_role().values() for clip in clips]


def _hold_out(task: Dataset, config: TrainConfig) -> Dataset:
    """A part of the training speakers for validation: early stopping and the threshold."""
    blank = task.map(lambda clips: tuple(replace(clip, split=None) for clip in clips))
    return assign_splits(blank, dev_share=config.validation_share, seed=config.seed)


def _broken_notes(library: KeywordBank) -> list[str]:
    if not library.broken:
        return []
    names = ", ".join(path.name for path in list(library.broken)[:5])
    return [f"{len(library.broken)} broken clip(s) skipped: {names}"]


def _source_size_notes(of: EncoderSpec, hours: float) -> list[str]:
    """Where so much of the word is there that the recogniser's knowledge may be worth nothing."""
    if not 0 < of.hours <= hours:
        return []
    return [
        f"{hours:.0f} h of the word are no less than {of.name} learned from ({of.hours} h): the "
        "same network from random weights may do as well (--compare-scratch)."
    ]


def _small_data_notes(held_out: int, clips: int) -> list[str]:
    """What to expect where the clips held out are too few to tell a good model from a bad one, and
    what else to do with as few to learn from as an encoder can compare with."""
    notes = []
    if clips <= ExamplesHead.EXAMPLES:
        notes.append(
            f"{clips} clips to learn from: so few may serve as well or better as examples, without "
            "training (wakeword enroll). Try both."
        )
    possible = metrics.wilson(0, held_out).high
    if possible > 0.1:
        notes.append(
            f"{held_out} clips of the word are held out: were none of them missed, {possible:.0%} "
            "of all words still could be (95 %). Clips by more people would tell."
        )
    return notes


@dataclass(frozen=True)
class _Scenes:
    frames: npt.NDArray[np.float16]  # (scenes, U, dim) at the depth below which nothing learns
    targets: Tensor  # (scenes, U / 2, keywords)


class _Run:
    """One training: its network and the steps that lead to a model."""

    def __init__(
        self,
        config: TrainConfig,
        keywords: Sequence[str],
        encoder: Encoder,
        sha256: str,
        strategy: Strategy,
        start: WakeWordModel | None,
        team: ProcessGroup,
    ) -> None:
        self.config, self.keywords, self.strategy = config, list(keywords), strategy
        self.team = team
        self.begins_from = "" if start is None else _weights_of(start)
        self.loss = loss_by_name(config.loss)
        torch.manual_seed(config.seed)
        if not strategy.pretrained:
            encoder = build_encoder(config.encoder, config.streaming, **encoder.settings())
        head = build_head(
            config.head,
            encoder.dim,
            len(self.keywords),
            len(encoder.output_layers),
            encoder.frame_rate_hz,
        )
        if start is not None:
            head.load_state_dict(start.head.state_dict())
        origin = Origin(
            config.encoder,
            config.streaming,
            sha256 if strategy.pretrained else "",
            encoder.spec.licence,
            config.head,
        )
        point = OperatingPoint(dict.fromkeys(self.keywords, 0.5))
        self.model = WakeWordModel(encoder, head, self.keywords, origin, point)
        self.depth = max(d for d in encoder.splits() if d <= strategy.frozen)
        freeze(encoder, strategy.frozen)
        if strategy.rank:
            add_low_rank(encoder, strategy.rank)

    def features_of(self, around: Sequence[Clip]) -> str:
        """A name for what features depend on beside the clips of each: `around` is in all."""
        model = self.model
        return storage.cache_key(
            _FEATURES_VERSION,
            asdict(self.config.scenes.augment),
            [clip.identity() for clip in around],
            model.origin.encoder,
            model.origin.streaming,
            (self.begins_from or model.origin.encoder_sha256) if self.depth else "",
            model.encoder.settings(),
            model.frontend.level,
            self.depth,
            has_bfloat16(),
        )

    def features(
        self,
        folder: Path,
        library: KeywordBank,
        data: Dataset,
        beside: Dataset,
        held_out: Dataset,
        progress: ProgressCallback | None,
    ) -> tuple[_Scenes, list[EncodedStream]]:
        config = self.config.scenes
        store = FeatureCache(folder, self.model.frontend, self.model.encoder.eval(), self.depth)
        hops = round(config.length_s * SAMPLE_RATE / self.model.block)
        samples = self.model.first_block + (hops - 1) * self.model.block
        seed = self.config.seed
        plans = [
            plan_examples(library, data, config, seed, beside.keywords),
            plan_extra_examples(beside.negatives, config, seed),
        ]
        augmenter = Augmenter(config.augment, library.noises, library.rirs)
        frames, segments = store.scenes(plans, library, augmenter, samples, progress, self.team)
        negatives = len({clip.path for clip in (*data.negatives, *beside.negatives)})
        check_broken(len(set(library.broken)), negatives + len(data.keywords), library.broken)
        logits = hops * self.model.encoder.hop_frames // self.model.head.pool
        targets = frame_targets(segments, logits, self.keywords, self.model.frame_s)
        heard = self._validation(store, library, held_out, progress)
        return _Scenes(frames, targets), heard

    def _validation(
        self,
        store: FeatureCache,
        library: KeywordBank,
        data: Dataset,
        progress: ProgressCallback | None,
    ) -> list[EncodedStream]:
        """The held-out clips as streams: clean, at 10 and 0 dB, and last the negatives."""
        wanted = [
            *(positive_stream(data, c) for c in (CLEAN, noisy(10.0), noisy(0.0))),
            negative_stream(data),
        ]
        with single_threaded(), ThreadPoolExecutor(available_cores()) as pool:
            for part in (self.team.shard(wanted), wanted):  # the second time all of them are there
                heard = list(pool.map(lambda each: store.stream(each, library, progress), part))
                self.team.barrier()
        return heard

    # ------------------------------------------------------------ learning

    def fit(
        self,
        scenes: _Scenes,
        validation: list[EncodedStream],
        folder: Path,
        progress: ProgressCallback | None,
    ) -> list[dict[str, float]]:
        """Train to the end, from the last checkpoint if there is one; keeps the best weights."""
        config, model = self.config, self.model
        groups = parameter_groups(model.encoder, model.head, self.strategy, config.learning_rate)
        optimiser = torch.optim.AdamW(groups, weight_decay=config.weight_decay)
        base_rates = [group["lr"] for group in optimiser.param_groups]
        checkpoint = _Checkpoint(folder / "checkpoint.safetensors", model, optimiser)
        history = checkpoint.restore()
        batch = config.batch if self.depth == model.encoder.depth else max(1, config.batch // 4)
        steps = -(-len(scenes.frames) // batch)
        for epoch in range(len(history), config.epochs):
            if _has_stopped(history, config.patience):
                break
            order = torch.randperm(len(scenes.frames), generator=_generator(config.seed, epoch))
            torch.manual_seed(config.seed * 10_007 + epoch + 7919 * self.team.rank)  # dropout
            model.train()
            keep_frozen(model)
            total = 0.0
            for step in range(steps):
                at = (epoch + step / steps) / config.epochs
                for i, group in enumerate(optimiser.param_groups):
                    group["lr"] = base_rates[i] * self._rate(at, i)
                pick = order[step * batch : (step + 1) * batch]
                optimiser.zero_grad(set_to_none=True)
                own = self.team.shard(pick)
                for part in torch.split(own, _AT_ONCE) if len(own) else ():
                    frames = self._frames(scenes, part, epoch)
                    loss = self.loss(self._logits(frames), scenes.targets[part])
                    loss = loss * (len(part) / len(pick))
                    loss.backward()  # type: ignore[no-untyped-call]
                    total += float(loss.detach())
                self.team.all_reduce_gradients(model.parameters())
                torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimiser.step()
                checkpoint.average(max(1 - config.averaging, 1 / (epoch * steps + step + 1)))
                if progress:
                    progress("training", epoch * steps + step + 1, config.epochs * steps)
            model.eval()
            with checkpoint.averaged():
                miss = self._validate(validation)
            loss_of_all = self.team.all_reduce_sum(total) / steps
            history.append({"epoch": epoch, "loss": loss_of_all, "miss": miss})
            checkpoint.keep_if_best(history)
            if self.team.is_main:
                checkpoint.write(history)
        checkpoint.take_best()
        return history

    def _rate(self, at: float, group: int) -> float:
        """Share of a group's rate at this part of the training: warm-up, then half a cosine.

        With `gradual`, group g (stages from the top) joins after g · 8 % of the training.
        """
        begin = 0.08 * group if self.strategy.gradual else 0.0
        if at < begin:
            return 0.0
        warm = min(1.0, (at - begin) / 0.03 + 1e-3)
        return warm * 0.5 * (1.0 + math.cos(math.pi * at))

    def _frames(self, scenes: _Scenes, part: Tensor, epoch: int) -> Tensor:
        """Of some scenes. Where all layers learn, masks are drawn anew in every epoch: such a
        network would learn fixed ones by heart."""
        frames = torch.from_numpy(scenes.frames[part.numpy()]).float()
        if self.depth or not isinstance(self.model.frontend, MelFrontEnd):
            return frames
        share, seed = self.config.scenes.augment.mask_share, self.config.seed
        drawn = [np.random.default_rng((seed, epoch, int(number))) for number in part]
        return torch.stack(
            [mask_features(each, rng, share) for each, rng in zip(frames, drawn, strict=True)]
        )

    def _logits(self, frames: Tensor) -> Tensor:
        if self.depth < self.model.encoder.depth:
            state = self.model.encoder.begin(torch.randint(1 << 20, (len(frames),)))
            with torch.autocast("cpu", enabled=has_bfloat16()):
                frames, _ = self.model.encoder(frames, state, start=self.depth)
            frames = frames.float()
        logits: Tensor = self.model.head(frames)[0]
        return logits

    def _curves(self, validation: list[EncodedStream]) -> list[list[DetPoint]]:
        """By keyword: clean and noisy clips together against the negatives."""
        *positives, negatives = [heard.track(self.model) for heard in validation]
        return [
            metrics.merge_curves(
                [det_curve(self.model, k, track, negatives) for track in positives]
            )
            for k in range(len(self.keywords))
        ]

    def _validate(self, validation: list[EncodedStream]) -> float:
        """Mean miss rate on the held-out streams over several rates of false accepts."""
        values = [
            point.miss_rate if point else 1.0
            for points in self._curves(validation)
            for per_hour in _VALIDATION_POINTS
            for point in [metrics.at_false_accepts(points, per_hour)]
        ]
        return sum(values) / len(values)

    # ------------------------------------------------------------ the end

    def finish(
        self,
        validation: list[EncodedStream],
        minutes: float,
        clips: int,
        history: list[dict[str, float]],
        data: list[dict[str, str | int]],
    ) -> WakeWordModel:
        """The model with its operating point and what is known of its training."""
        model, config = self.model.eval(), self.config
        trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
        merge_low_rank(model.encoder)
        clean, noisy_, *_, held_out = [heard.track(model) for heard in validation]
        asked = config.false_accepts_per_hour
        point, found = calibrate_scores(model, held_out, per_hour=asked)
        told = threshold_provenance(asked, held_out.hours, "held out of the training data")
        reached = cap_extrapolated_threshold(model, found, [clean, noisy_])
        if reached != point.thresholds:
            told += f", lowered until at least {HEARD_SHARE:.0%} of the words held out are heard"
        model.operating_point = replace(point, thresholds=reached, provenance=told)
        best = min(history, key=lambda row: (row["miss"], -row["epoch"]))
        model.origin = replace(
            model.origin,
            training={
                "strategy": self.strategy.name,
                "reason": self.strategy.reason,
                "keyword_minutes": round(minutes, 2),
                "keyword_clips": clips,
                "seed": config.seed,
                "epochs": len(history),
                "best_epoch": int(best["epoch"]),
                "parameters": sum(p.numel() for p in model.parameters()),
                "trainable": trainable,
                "data": data,
            },
        )
        return model


def _weights_of(model: WakeWordModel) -> str:
    """A name for them."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()


def _generator(seed: int, epoch: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed * 1_000_003 + epoch)


def _has_stopped(history: Sequence[dict[str, float]], patience: int) -> bool:
    best = min(range(len(history)), key=lambda i: (history[i]["miss"], -i), default=0)
    return len(history) - 1 - best >= patience


class _Checkpoint:
    """Weights, their running mean, optimiser and history after every epoch, in safetensors; and
    the best mean."""

    def __init__(self, path: Path, model: WakeWordModel, optimiser: torch.optim.Optimizer) -> None:
        self.path, self.model, self.optimiser = path, model, optimiser
        self.mean = {name: tensor.clone() for name, tensor in self._learning().items()}
        self.best: dict[str, Tensor] = {}

    def _learning(self) -> dict[str, Tensor]:
        return {n: p.detach() for n, p in self.model.named_parameters() if p.requires_grad}

    def average(self, share: float) -> None:
        """Move the mean towards the weights of now."""
        for name, tensor in self._learning().items():
            self.mean[name].lerp_(tensor, share)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Within, the model has the mean of its weights."""
        now = {name: tensor.clone() for name, tensor in self._learning().items()}
        self._take(self.mean)
        yield
        self._take(now)

    def _take(self, weights: Mapping[str, Tensor]) -> None:
        for name, tensor in self._learning().items():
            tensor.copy_(weights[name])

    def keep_if_best(self, history: list[dict[str, float]]) -> None:
        if history[-1]["miss"] <= min(row["miss"] for row in history):
            self.best = {name: tensor.clone() for name, tensor in self.mean.items()}

    def write(self, history: list[dict[str, float]]) -> None:
        kept = {"now": self._learning(), "mean": self.mean, "best": self.best}
        tensors = {f"{kind}.{name}": t for kind, each in kept.items() for name, t in each.items()}
        for number, state in self.optimiser.state_dict()["state"].items():
            tensors |= {f"adam.{number}.{key}": value for key, value in state.items()}
        tensors["history"] = torch.tensor(
            [list(row.values()) for row in history], dtype=torch.float64
        )
        with storage.atomic_write(self.path) as part:
            safetensors.torch.save_file(tensors, part)

    def restore(self) -> list[dict[str, float]]:
        """Go on where a killed run stopped; [] when there is nothing to go on from."""
        if not self.path.is_file():
            return []
        tensors = safetensors.torch.load_file(self.path)
        history = [
            dict(zip(("epoch", "loss", "miss"), row, strict=True))
            for row in tensors.pop("history").tolist()
        ]
        kept: dict[str, dict[str, Tensor]] = {"now": {}, "mean": {}, "best": {}}
        states: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            kind, rest = name.split(".", 1)
            if kind == "adam":
                number, key = rest.split(".")
                states.setdefault(int(number), {})[key] = tensor
            else:
                kept[kind][rest] = tensor
        self._take(kept["now"])
        self.mean, self.best = kept["mean"], kept["best"]
        held = self.optimiser.state_dict()
        self.optimiser.load_state_dict({**held, "state": states})
        return history

    def take_best(self) -> None:
        self._take(self.best)
        self.model.eval()
