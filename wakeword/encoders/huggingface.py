"""Any speech encoder of Hugging Face that takes in the sound itself: `hf:` and an id or a folder.

    wakeword train recordings/ -o word.wakeword --encoder hf:facebook/wav2vec2-base-960h
    wakeword train recordings/ -o word.wakeword --encoder hf:./my-hubert

The networks are those of transformers (extra `hf`), streamed by window. A model file keeps the
configuration that its encoder is built from, so it opens without a hub. No code of a repository is
run: only architectures that transformers itself brings.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
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
from wakeword.encoders.base import Family, OfflineEncoder
from wakeword.encoders.formats import Tensors
from wakeword.encoders.spec import EncoderSpec, Settings, StripReport
from wakeword.encoders.window import WindowEncoder, windowed
from wakeword.errors import CheckpointError, ConfigError

PREFIX = "hf:"
KINDS = (
    "wav2vec2",
    "wav2vec2-conformer",
    "hubert",
    "wavlm",
    "unispeech",
    "unispeech-sat",
    "data2vec-audio",
    "moonshine",
)
_HERE = {"whisper": "Take whisper-tiny.en and the like instead, with --weights FOLDER."}
_MOST_PARAMETERS = 400_000_000  # a configuration may come out of a hostile file
_MOST_LAYERS = 100
_MOST_SECONDS = 30
_PLAIN = {  # what would change a network's output by drawing, while its layers learn
    "apply_spec_augment": False,
    "mask_time_prob": 0.0,
    "mask_feature_prob": 0.0,
    "layerdrop": 0.0,
}

Result = TypeVar("Result")


@cache
def describe(name: str) -> str:
    """What a network is built from, as JSON: its configuration, licence, and if sound is normed.

    Raises CheckpointError where there is no such repository or folder, ConfigError where it takes
    sound at another rate.
    """
    home = name.removeprefix(PREFIX)
    config = _asked(home, lambda: _transformers().AutoConfig.from_pretrained(home))
    try:
        prepared = _transformers().AutoFeatureExtractor.from_pretrained(home)
    except (OSError, ValueError):
        prepared = None  # nothing is stated
    rate = getattr(prepared, "sampling_rate", SAMPLE_RATE)
    if rate != SAMPLE_RATE:
        raise ConfigError(f"{name}: takes sound at {rate} Hz; here all sound has {SAMPLE_RATE} Hz.")
    values = {key: v for key, v in config.to_diff_dict().items() if not key.startswith("_")}
    normed = bool(getattr(prepared, "do_normalize", False))
    return json.dumps({"config": values, "normed": normed, "licence": _licence(home)})


def spec(name: str, about: str = "") -> EncoderSpec:
    """The constants of a network; `about` as `describe` gives it, which is asked for otherwise.

    Raises ConfigError for a kind of network that does not take in the sound itself, or too large.
    """
    about = about or describe(name)
    config = _config(name, about)
    moonshine = config.model_type == "moonshine"
    return EncoderSpec(
        name=name,
        family="huggingface",
        sources=(),
        licence=str(json.loads(about)["licence"]),
        trained_on="what its model card says",
        hours=0,
        mels=0,
        dim=config.hidden_size,
        layers=config.encoder_num_hidden_layers if moonshine else config.num_hidden_layers,
        heads=config.num_attention_heads,
        frame_rate_hz=SAMPLE_RATE / (384 if moonshine else math.prod(config.conv_stride)),
        front_end="waveform",
    )


def read(name: str) -> tuple[Tensors, StripReport, str]:
    """The encoder's tensors, what was stripped to get them, and the SHA-256 of their file."""
    home = name.removeprefix(PREFIX)
    config = _config(name, describe(name))
    network, found = _asked(
        home,
        lambda: _transformers().AutoModel.from_pretrained(
            home, config=config, output_loading_info=True, use_safetensors=True
        ),
    )
    if found["missing_keys"]:  # transformers would fill them with random numbers
        raise CheckpointError(f"{home}: its weights lack {sorted(found['missing_keys'])[0]}.")
    kept = {key: tensor.float() for key, tensor in _encoder_of(network).state_dict().items()}
    file = Path(import_module("transformers.utils").cached_file(home, "model.safetensors"))
    with safetensors.safe_open(file, framework="pt") as held:
        sizes = [math.prod(held.get_slice(key).get_shape()) for key in held.keys()]  # noqa: SIM118
    size = sum(tensor.numel() for tensor in kept.values())
    report = StripReport(len(kept), size, len(sizes) - len(kept), sum(sizes) - size)
    return kept, report, storage.sha256(file)


class HuggingFaceOffline(OfflineEncoder):
    """A network of transformers as it was trained: over all the samples that it is given."""

    trunk: Any  # transformers' own network

    def __init__(self, of: EncoderSpec, about: str, output_layers: tuple[int, ...] = ()) -> None:
        super().__init__(of, output_layers)
        self._about, self._normed = about, bool(json.loads(about)["normed"])
        self.most_frames = int(_MOST_SECONDS * self.frame_rate_hz)
        config, models = _config(of.name, about), _transformers().AutoModel
        size = 0
        if self.spec.layers <= _MOST_LAYERS:
            with torch.device("meta"):
                size = sum(p.numel() for p in _encoder_of(models.from_config(config)).parameters())
        if not 0 < size <= _MOST_PARAMETERS:
            raise ConfigError(
                f"{of.name}: too large for a detector. Expected at most {_MOST_LAYERS} layers and "
                f"{_MOST_PARAMETERS / 1e6:.0f} M parameters."
            )
        self.trunk = _encoder_of(models.from_config(config))

    def layers(self, samples: Tensor) -> list[Tensor]:
        """(batch, samples) → (batch, U, dim) of what comes before the layers, and of each."""
        if self._normed:
            samples = F.layer_norm(samples, samples.shape[1:], eps=1e-7)
        return list(self.trunk(samples, output_hidden_states=True).hidden_states)

    def forward_layers(self, features: Tensor, last: int = 0) -> Tensor:
        outputs = self.layers(features.flatten(1))
        return torch.cat([outputs[tap][:, -last:] for tap in self.output_layers], dim=2)

    def layer_groups(self) -> list[list[nn.Module]]:
        """All that is no layer is of the lowest stage, a norm after the last layer too."""
        layers = next(
            module
            for name, module in self.trunk.named_modules()
            if name.split(".")[-1] == "layers" and len(module) == self.spec.layers
        )
        taken = {id(module) for module in layers.modules()}
        below: list[nn.Module] = []
        for module in self.trunk.modules():  # what is within a module comes after it
            if id(module) not in taken and any(True for _ in module.parameters(recurse=False)):
                below.append(module)
                taken |= {id(each) for each in module.modules()}
        return [below, *([layer] for layer in layers)]

    def settings(self) -> Settings:
        return {**super().settings(), "about": self._about}


def _build(of: EncoderSpec, streaming: str, settings: dict[str, Any]) -> WindowEncoder:
    about = settings.pop("about", "") or describe(of.name)
    return windowed(
        lambda of, output_layers: HuggingFaceOffline(of, about, output_layers), of, settings
    )


def _config(name: str, about: str) -> Any:
    """transformers' configuration, of a kind that is known here."""
    values = dict(json.loads(about)["config"])
    kind = values.pop("model_type", None)
    if kind not in KINDS:
        raise ConfigError(
            f"{name}: a network of the kind {kind!r}. Those that take in the sound itself can be "
            f"used: {', '.join(KINDS)}. {_HERE.get(str(kind), '')}".strip()
        )
    try:
        return _transformers().AutoConfig.for_model(kind, **{**values, **_PLAIN})
    except Exception as error:  # whatever transformers makes of a damaged one
        raise ConfigError(f"{name}: a configuration that cannot be used ({error}).") from error


def _encoder_of(network: Any) -> Any:
    """Without a decoder, where it has one."""
    return network.get_encoder() if network.config.is_encoder_decoder else network


def _licence(home: str) -> str:
    """As the model card of a repository or folder states it."""
    try:
        card = import_module("transformers.utils").cached_file(home, "README.md")
        lines = Path(card).read_text(encoding="utf-8").splitlines()
    except (OSError, TypeError, ValueError):
        lines = []
    stated = [line.partition(":")[2].strip() for line in lines if line.startswith("license:")]
    return stated[0] if stated and stated[0] else "not stated"


def _asked(home: str, get: Callable[[], Result]) -> Result:
    try:
        return get()
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{PREFIX}{home}: no such repository of speech networks, or it cannot be reached "
            f"({(str(error).splitlines() or [''])[0][:200]}). Go online once, or give the folder "
            f"that holds its config.json and model.safetensors: {PREFIX}FOLDER."
        ) from error


def _transformers() -> Any:
    try:
        return import_module("transformers")
    except ImportError:
        raise ConfigError(
            'networks of Hugging Face need transformers: pip install "wakeword[hf]".'
        ) from None


FAMILY = Family(
    specs=(),
    ways=("window",),
    build=_build,
    strip=lambda tensors, format, of, name: (tensors, StripReport.of(tensors.values(), ())),
    formats=(),  # `read` takes the weights from the hub or a folder, and strips them
    weights="no file beside it: the folder that holds the weights is its name, hf:FOLDER",
)
