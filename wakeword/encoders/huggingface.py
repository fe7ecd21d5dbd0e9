"""Speech encoders of the Hugging Face hub that take samples: `hf:` and an id or a folder.

    wakeword train recordings/ -o word.wakeword --encoder hf:facebook/wav2vec2-base-960h
    wakeword train recordings/ -o word.wakeword --encoder hf:./my-hubert

The networks are those of transformers (extra `hf`), streamed over a sliding window. A model file
holds the configuration that its encoder is built from, so it loads without the hub. No code of a
repository is run: only architectures that are part of transformers are accepted.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import safetensors
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wakeword import storage
from wakeword.audio.samples import SAMPLE_RATE
from wakeword.encoders.base import MAX_FRAMES, Family, Hub, OfflineEncoder
from wakeword.encoders.formats import Tensors
from wakeword.encoders.moonshine import MoonshineOffline
from wakeword.encoders.spec import EncoderSpec, Settings, StripReport
from wakeword.errors import CheckpointError, ConfigError

PREFIX = "hf:"
ARCHITECTURES = (
    "wav2vec2",
    "wav2vec2-conformer",
    "hubert",
    "wavlm",
    "unispeech",
    "unispeech-sat",
    "data2vec-audio",
    "moonshine",
)
_ALTERNATIVES = {"whisper": "Take whisper-tiny.en and the like instead, with --weights FOLDER."}
_MAX_PARAMETERS = 400_000_000  # a configuration may come from an untrusted file
_MAX_LAYERS = 100
_MAX_SECONDS = 30
_MAX_DESCRIPTION = 100_000  # characters
_DETERMINISTIC = {  # switches off what makes a network's output random while its layers learn
    "apply_spec_augment": False,
    "mask_time_prob": 0.0,
    "mask_feature_prob": 0.0,
    "layerdrop": 0.0,
}

Result = TypeVar("Result")


@cache
def describe(name: str) -> str:
    """Return what a network is built from, as JSON.

    Its keys are "config" (transformers' configuration), "normed" (whether samples are normalised)
    and "licence".

    Args:
        name: "hf:" and an id or folder.

    Raises:
        CheckpointError: no such repository or folder.
        ConfigError: the network takes samples at another rate than 16 kHz.
    """
    home = name.removeprefix(PREFIX)
    config = _request(home, lambda: _transformers().AutoConfig.from_pretrained(home))
    try:
        extractor = _transformers().AutoFeatureExtractor.from_pretrained(home)
    except (OSError, ValueError):
        extractor = None  # the repository has none
    rate = getattr(extractor, "sampling_rate", SAMPLE_RATE)
    if rate != SAMPLE_RATE:
        raise ConfigError(f"{name}: takes samples at {rate} Hz; expected {SAMPLE_RATE} Hz.")
    values = {key: v for key, v in config.to_diff_dict().items() if not key.startswith("_")}
    normalise = bool(getattr(extractor, "do_normalize", False))
    return json.dumps({"config": values, "normed": normalise, "licence": _licence(home)})


def resolve(name: str, settings: Mapping[str, Any]) -> EncoderSpec:
    """Return the constants of a network.

    Args:
        name: "hf:" and an id or folder.
        settings: of a model file, whose `description` is what `describe` returned when the model
            was made; without it the hub is asked.

    Raises:
        CheckpointError: no such repository or folder.
        ConfigError: an architecture that does not take samples, or a damaged description.
    """
    description = settings.get("description") or describe(name)
    config = _config(name, description)
    moonshine = config.model_type == "moonshine"
    return EncoderSpec(
        name=name,
        family="huggingface",
        sources=(),
        licence=str(_parse(name, description)["licence"]),
        trained_on="what its model card says",
        hours=0,
        mels=0,
        dim=config.hidden_size,
        layers=config.encoder_num_hidden_layers if moonshine else config.num_hidden_layers,
        heads=config.num_attention_heads,
        frame_rate_hz=SAMPLE_RATE / (384 if moonshine else math.prod(config.conv_stride)),
        front_end="waveform",
    )


def read_weights(name: str) -> tuple[Tensors, StripReport, str]:
    """Read an encoder's weights from the hub or a folder.

    Returns:
        The encoder's tensors, what was stripped, and the SHA-256 of the file that held them.

    Raises:
        CheckpointError: no such repository or folder, or weights are missing.
    """
    home = name.removeprefix(PREFIX)
    config = _config(name, describe(name))
    network, info = _request(
        home,
        lambda: _transformers().AutoModel.from_pretrained(
            home, config=config, output_loading_info=True, use_safetensors=True
        ),
    )
    if info["missing_keys"]:  # transformers would fill them with random numbers
        raise CheckpointError(f"{home}: its weights lack {sorted(info['missing_keys'])[0]}.")
    kept = {key: tensor.float() for key, tensor in _encoder_of(network).state_dict().items()}
    path = Path(import_module("transformers.utils").cached_file(home, "model.safetensors"))
    with safetensors.safe_open(path, framework="pt") as file:
        sizes = [math.prod(file.get_slice(key).get_shape()) for key in file.keys()]  # noqa: SIM118
    size = sum(tensor.numel() for tensor in kept.values())
    report = StripReport(len(kept), size, len(sizes) - len(kept), sum(sizes) - size)
    return kept, report, storage.sha256(path)


class HuggingFaceOffline(OfflineEncoder):
    """A network of transformers as it was trained: over all of its samples at once.

    Args:
        spec: constants of the network.
        description: what `describe` returned; without it the hub is asked.
        output_layers: layers whose outputs are concatenated.

    Raises:
        ConfigError: the network is too large, or the description is damaged.
    """

    trunk: Any  # transformers' own network

    def __init__(
        self, spec: EncoderSpec, description: str = "", output_layers: tuple[int, ...] = ()
    ) -> None:
        super().__init__(spec, output_layers)
        self._description = description or describe(spec.name)
        self._normalise = bool(_parse(spec.name, self._description)["normed"])
        self.max_frames = min(MAX_FRAMES, int(_MAX_SECONDS * self.frame_rate_hz))
        config, models = _config(spec.name, self._description), _transformers().AutoModel
        self.trailing_frames_lost = _trailing_frames_lost(config)
        size = 0
        if self.spec.layers <= _MAX_LAYERS:
            with torch.device("meta"):
                size = sum(p.numel() for p in _encoder_of(models.from_config(config)).parameters())
        if not 0 < size <= _MAX_PARAMETERS:
            raise ConfigError(
                f"{spec.name}: too large for a detector. Expected at most {_MAX_LAYERS} layers and "
                f"{_MAX_PARAMETERS / 1e6:.0f} M parameters."
            )
        self.trunk = _encoder_of(models.from_config(config))

    def layers(self, samples: Tensor) -> list[Tensor]:
        """Compute the input of the layers and each layer's frames.

        Args:
            samples: (batch, samples).

        Returns:
            One (batch, U, dim) before the layers and one for each layer.
        """
        if self._normalise:
            samples = F.layer_norm(samples, samples.shape[1:], eps=1e-7)
        return list(self.trunk(samples, output_hidden_states=True).hidden_states)

    def forward_layers(self, features: Tensor, last: int = 0) -> Tensor:
        """Encode (batch, T, 160) samples; see `OfflineEncoder.forward_layers`."""
        outputs = self.layers(features.flatten(1))
        return torch.cat([outputs[layer][:, -last:] for layer in self.output_layers], dim=2)

    def layer_groups(self) -> list[list[nn.Module]]:
        """Everything but the layers, a norm after the last of them included, and each layer."""
        layers = next(
            module
            for name, module in self.trunk.named_modules()
            if name.split(".")[-1] == "layers" and len(module) == self.spec.layers
        )
        grouped = {id(module) for module in layers.modules()}
        below: list[nn.Module] = []
        for module in self.trunk.modules():  # a module comes before those within it
            if id(module) not in grouped and any(True for _ in module.parameters(recurse=False)):
                below.append(module)
                grouped |= {id(each) for each in module.modules()}
        return [below, *([layer] for layer in layers)]

    def settings(self) -> Settings:
        """The output layers, and the description that the network is built from."""
        return {**super().settings(), "description": self._description}


def _parse(name: str, description: str) -> dict[str, Any]:
    """Return the description of a network, which may come from an untrusted file, as a dict."""
    try:
        if len(description) > _MAX_DESCRIPTION:
            raise ValueError("too long")
        parsed = json.loads(description)
        return {key: parsed[key] for key in ("config", "normed", "licence")}
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ConfigError(f"{name}: a description that cannot be read ({error}).") from error


def _config(name: str, description: str) -> Any:
    """Return transformers' configuration. Raises ConfigError for other architectures."""
    try:
        values = dict(_parse(name, description)["config"])
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{name}: a configuration that cannot be used ({error}).") from error
    architecture = values.pop("model_type", None)
    if architecture not in ARCHITECTURES:
        message = (
            f"{name}: a network of the architecture {architecture!r}. Expected one that takes "
            f"samples: {', '.join(ARCHITECTURES)}. {_ALTERNATIVES.get(str(architecture), '')}"
        )
        raise ConfigError(message.strip())
    try:
        return _transformers().AutoConfig.for_model(architecture, **{**values, **_DETERMINISTIC})
    except Exception as error:  # transformers raises anything for a damaged configuration
        raise ConfigError(f"{name}: a configuration that cannot be used ({error}).") from error


def _trailing_frames_lost(config: Any) -> int:
    """Return how many frames depend on samples after the end of the input."""
    if config.model_type == "moonshine":
        return MoonshineOffline.trailing_frames_lost
    covered, stride = 1, 1  # samples of a frame, and from one frame to the next
    for kernel, step in zip(config.conv_kernel, config.conv_stride, strict=True):
        covered, stride = covered + (kernel - 1) * stride, stride * step
    return max(0, -(-(covered - stride) // stride))


def _encoder_of(network: Any) -> Any:
    """Return the network without its decoder, where it has one."""
    return network.get_encoder() if network.config.is_encoder_decoder else network


def _licence(home: str) -> str:
    """Return the licence that the model card of a repository or folder states."""
    try:
        card = import_module("transformers.utils").cached_file(home, "README.md")
        lines = Path(card).read_text(encoding="utf-8").splitlines()
    except (OSError, TypeError, ValueError):
        lines = []
    stated = [line.partition(":")[2].strip() for line in lines if line.startswith("license:")]
    return stated[0] if stated and stated[0] else "not stated"


def _request(home: str, get: Callable[[], Result]) -> Result:
    """Return what `get` reads from the hub or a folder. Raises CheckpointError."""
    try:
        return get()
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{PREFIX}{home}: no such repository of speech networks, or it cannot be reached "
            f"({(str(error).splitlines() or [''])[0][:200]}). Go online once, or give the folder "
            f"that holds its config.json and model.safetensors: {PREFIX}FOLDER."
        ) from error


def _transformers() -> Any:
    """Import transformers. Raises ConfigError where it is not installed."""
    try:
        return import_module("transformers")
    except ImportError:
        raise ConfigError(
            'networks of Hugging Face need transformers: pip install "wakeword[hf]".'
        ) from None


FAMILY = Family(
    offline=HuggingFaceOffline,
    hub=Hub(prefix=PREFIX, resolve=resolve, read_weights=read_weights),
    weights="no file: the folder that holds the weights is part of the name, hf:FOLDER",
)
