"""wav2vec 2.0 and its kin (HuBERT, WavLM, VoxPopuli), as torchaudio builds and publishes them.

Convolutions make 50 frames a second of the samples. The first of them is normed over all that is
heard at once, or the samples themselves are, and every frame sees every other: streamed by window.

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
from wakeword.encoders.window import windowed

_CONVOLUTIONS = [(512, 10, 5), *[(512, 3, 2)] * 4, *[(512, 2, 2)] * 2]  # channels, width, stride
_MOST_FRAMES = 1500  # 30 s
_HEAD = "aux."  # the transcription head's tensors begin so
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
    """In what one kind of these networks differs from another."""

    extractor_mode: str = "group_norm"
    extractor_conv_bias: bool = False
    encoder_layer_norm_first: bool = False
    normed: bool = False  # the samples are brought to mean 0 and variance 1
    relative: bool = False  # WavLM: attention is biased by distance


_VARIANTS = {
    "wav2vec2": _Variant(),
    "wav2vec2-large": _Variant("layer_norm", True, True, normed=True),
    "hubert-large": _Variant("layer_norm", False, True, normed=True),
    "wavlm": _Variant(relative=True),
}


def _spec(
    name: str, family: str, size: str, file: str, licence: str, trained_on: str, hours: int
) -> EncoderSpec:
    dim, layers, heads = _SIZES[size]
    address = f"https://download.pytorch.org/torchaudio/models/{file}"
    # the publisher states no hash
    source = Source("url", address, "", "pytorch")
    return EncoderSpec(
        name, family, (source,), licence, trained_on, hours, 0, dim, layers, heads, 50.0, "waveform"
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
        "94,000 h of English without transcripts: not a recogniser, but of the same make",
        0,
    ),
)


def strip(
    tensors: Tensors, format: str, spec: EncoderSpec, name: str
) -> tuple[Tensors, StripReport]:
    """Keep the encoder of a recogniser that torchaudio published; drop its letters.

    Raises CheckpointError where tensors are missing or of another size than the spec says.
    """
    dropped = [tensor for key, tensor in tensors.items() if key.startswith(_HEAD)]
    with torch.device("meta"):
        expected = _trunk(spec).state_dict()
    kept = select_tensors(tensors, expected, spec.name, name)
    return kept, StripReport.of(kept.values(), dropped)


def _trunk(spec: EncoderSpec) -> nn.Module:
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
    if variant.relative:
        distances = {"encoder_max_distance": 800, "encoder_num_buckets": 320}
        built = torchaudio.models.wavlm_model(**parameters, **distances)
    else:
        built = torchaudio.models.wav2vec2_model(**parameters)
    assert isinstance(built, nn.Module)
    return built


class Wav2Vec2Offline(OfflineEncoder):
    """The network as it was trained: over all the samples that it is given."""

    most_frames = _MOST_FRAMES
    trunk: Any  # torchaudio's own network

    def __init__(self, spec: EncoderSpec, output_layers: tuple[int, ...] = ()) -> None:
        super().__init__(spec, output_layers)
        self.trunk = _trunk(spec)

    def layers(self, samples: Tensor, top: int | None = None) -> list[Tensor]:
        """(batch, samples) → (batch, U, dim) of each layer; the first 400 samples make a frame,
        and each further 320 another."""
        if _VARIANTS[self.spec.family].normed:
            samples = F.layer_norm(samples, samples.shape[1:])
        outputs: list[Tensor] = self.trunk.extract_features(samples, num_layers=top)[0]
        return outputs

    def forward_layers(self, features: Tensor, last: int = 0) -> Tensor:
        outputs = self.layers(features.flatten(1), max(self.output_layers))
        return torch.cat([outputs[tap - 1][:, -last:] for tap in self.output_layers], dim=2)

    def layer_groups(self) -> list[list[nn.Module]]:
        encoder = self.trunk.encoder
        around = encoder.transformer
        below = [self.trunk.feature_extractor, encoder.feature_projection]
        layers: list[list[nn.Module]] = [[layer] for layer in around.layers]
        return [[*below, around.pos_conv_embed, around.layer_norm], *layers]


FAMILIES = {
    family: Family(
        tuple(spec for spec in SPECS if spec.family == family),
        ("window",),
        lambda spec, streaming, settings: windowed(Wav2Vec2Offline, spec, settings),
        strip,
        ("pytorch",),
        "the .pth file that torchaudio publishes",
    )
    for family in _VARIANTS
}
