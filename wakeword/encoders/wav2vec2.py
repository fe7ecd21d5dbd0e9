"""wav2vec 2.0 and its relatives (HuBERT, WavLM, VoxPopuli), as torchaudio publishes them.

Convolutions make 50 frames a second of the samples. The first one's output, or the samples, are
normalised over the whole input, and every frame attends to every other one, so these encoders are
streamed over a sliding window.

Source: Baevski et al. 2020, "wav2vec 2.0"; Hsu et al. 2021, "HuBERT"; Chen et al. 2022, "WavLM".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wakeword.encoders._torchaudio import torchaudio
from wakeword.encoders.base import Family, OfflineEncoder
from wakeword.encoders.formats import Tensors, select_tensors
from wakeword.encoders.spec import EncoderSpec, Source, StripReport

_CONVOLUTIONS = [(512, 10, 5), *[(512, 3, 2)] * 4, *[(512, 2, 2)] * 2]  # channels, width, stride
_MAX_FRAMES = 1500  # 30 s
_HEAD_PREFIX = "aux."  # of the names of the transcription head's tensors
_SIZES = {"base": (768, 12, 12), "large": (1024, 24, 16)}
_PARLIAMENT = (
    ("en", "English", 543),
    ("de", "German", 282),
    ("fr", "French", 211),
    ("es", "Spanish", 166),
    ("it", "Italian", 91),
)


@dataclass(frozen=True)
class _Variant:
    """The differences between the architectures of this family."""

    extractor_mode: str = "group_norm"
    extractor_conv_bias: bool = False
    encoder_layer_norm_first: bool = False
    normalise_samples: bool = False  # to mean 0 and variance 1
    relative_positions: bool = False  # WavLM: attention is biased by distance


_VARIANTS = {
    "wav2vec2": _Variant(),
    "wav2vec2-large": _Variant("layer_norm", True, True, normalise_samples=True),
    "hubert-large": _Variant("layer_norm", False, True, normalise_samples=True),
    "wavlm": _Variant(relative_positions=True),
}


def _spec(
    name: str, family: str, size: str, file: str, licence: str, trained_on: str, hours: int
) -> EncoderSpec:
    dim, layers, heads = _SIZES[size]
    url = f"https://download.pytorch.org/torchaudio/models/{file}"
    source = Source("url", url, "", "pytorch")  # the publisher states no hash
    return EncoderSpec(
        name=name,
        family=family,
        sources=(source,),
        licence=licence,
        trained_on=trained_on,
        hours=hours,
        mels=0,
        dim=dim,
        layers=layers,
        heads=heads,
        frame_rate_hz=50.0,
        front_end="waveform",
    )


SPECS = (
    _spec(
        "wav2vec2-base-960h",
        "wav2vec2",
        "base",
        "wav2vec2_fairseq_base_ls960_asr_ls960.pth",
        "MIT",
        "960 h of read English (LibriSpeech)",
        960,
    ),
    _spec(
        "wav2vec2-large-960h",
        "wav2vec2-large",
        "large",
        "wav2vec2_fairseq_large_lv60k_asr_ls960.pth",
        "MIT",
        "960 h of read English, after 60,000 h without transcripts (Libri-Light)",
        960,
    ),
    _spec(
        "hubert-large-960h",
        "hubert-large",
        "large",
        "hubert_fairseq_large_ll60k_asr_ls960.pth",
        "MIT",
        "960 h of read English, after 60,000 h without transcripts (Libri-Light)",
        960,
    ),
    *(
        _spec(
            f"voxpopuli-base-{code}",
            "wav2vec2",
            "base",
            f"wav2vec2_voxpopuli_base_10k_asr_{code}.pt",
            "CC-BY-NC-4.0",
            f"{hours} h of the European Parliament in {language}, after 10,000 h in 23 languages",
            hours,
        )
        for code, language, hours in _PARLIAMENT
    ),
    _spec(
        "wavlm-base-plus",
        "wavlm",
        "base",
        "wavlm_base_plus.pth",
        "MIT",
        "94,000 h of English without transcripts: no recogniser, but the same architecture",
        0,
    ),
)


def strip(
    tensors: Tensors, format: str, spec: EncoderSpec, name: str
) -> tuple[Tensors, StripReport]:
    """Keep the encoder of a recogniser that torchaudio publishes; drop its output layer.

    Raises:
        CheckpointError: tensors are missing or of another shape than the spec says.
    """
    dropped = [tensor for key, tensor in tensors.items() if key.startswith(_HEAD_PREFIX)]
    with torch.device("meta"):
        expected = _trunk(spec).state_dict()
    kept = select_tensors(tensors, expected, spec.name, name)
    return kept, StripReport.of(kept.values(), dropped)


def _trunk(spec: EncoderSpec) -> nn.Module:
    """Return torchaudio's network without an output layer, with random weights."""
    variant = _VARIANTS[spec.family]
    parameters: dict[str, Any] = {
        "extractor_mode": variant.extractor_mode,
        "extractor_conv_layer_config": _CONVOLUTIONS,
        "extractor_conv_bias": variant.extractor_conv_bias,
        "encoder_embed_dim": spec.dim,
        "encoder_projection_dropout": 0.1,
        "encoder_pos_conv_kernel": 128,
        "encoder_pos_conv_groups": 16,
        "encoder_num_layers": spec.layers,
        "encoder_num_heads": spec.heads,
        "encoder_attention_dropout": 0.1,
        "encoder_ff_interm_features": 4 * spec.dim,
        "encoder_ff_interm_dropout": 0.0,
        "encoder_dropout": 0.1,
        "encoder_layer_norm_first": variant.encoder_layer_norm_first,
        "encoder_layer_drop": 0.0,
        "aux_num_out": None,
    }
    if variant.relative_positions:
        distances = {"encoder_max_distance": 800, "encoder_num_buckets": 320}
        built = torchaudio.models.wavlm_model(**parameters, **distances)
    else:
        built = torchaudio.models.wav2vec2_model(**parameters)
    assert isinstance(built, nn.Module)
    return built


class Wav2Vec2Offline(OfflineEncoder):
    """The network as it was trained: over all of its samples at once."""

    max_frames = _MAX_FRAMES
    trailing_frames_lost = 1  # a frame covers 400 samples, and the next one begins after 320
    trunk: Any  # torchaudio's own network

    def __init__(self, spec: EncoderSpec, output_layers: tuple[int, ...] = ()) -> None:
        super().__init__(spec, output_layers)
        self.trunk = _trunk(spec)

    def layers(self, samples: Tensor, top: int | None = None) -> list[Tensor]:
        """Compute each layer's frames: (batch, samples) → (batch, U, dim).

        The first 400 samples make a frame, and each further 320 another.

        Args:
            samples: the whole input.
            top: highest layer to compute; None computes all.
        """
        if _VARIANTS[self.spec.family].normalise_samples:
            samples = F.layer_norm(samples, samples.shape[1:])
        outputs: list[Tensor] = self.trunk.extract_features(samples, num_layers=top)[0]
        return outputs

    def forward_layers(self, features: Tensor, last: int = 0) -> Tensor:
        """Encode (batch, T, 160) samples; see `OfflineEncoder.forward_layers`."""
        outputs = self.layers(features.flatten(1), max(self.output_layers))
        return torch.cat([outputs[layer - 1][:, -last:] for layer in self.output_layers], dim=2)

    def layer_groups(self) -> list[list[nn.Module]]:
        """Everything below the layers, and each layer."""
        encoder = self.trunk.encoder
        transformer = encoder.transformer
        below = [self.trunk.feature_extractor, encoder.feature_projection]
        layers: list[list[nn.Module]] = [[layer] for layer in transformer.layers]
        return [[*below, transformer.pos_conv_embed, transformer.layer_norm], *layers]


FAMILIES = {
    family: Family(
        specs=tuple(spec for spec in SPECS if spec.family == family),
        offline=Wav2Vec2Offline,
        formats=("pytorch",),
        strip=strip,
        weights="the .pth file that torchaudio publishes",
    )
    for family in _VARIANTS
}
