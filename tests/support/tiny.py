"""A tiny member of the Whisper family: its constants, its weights in three formats, its audio."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from torch import Tensor

from wakeword.audio.samples import Samples
from wakeword.detection.detector import Detector
from wakeword.detection.trigger import Detection
from wakeword.encoders.registry import build_encoder
from wakeword.encoders.spec import EncoderSpec, Source
from wakeword.encoders.whisper import _Trunk
from wakeword.heads import build_head
from wakeword.model.network import WakeWordModel
from wakeword.model.operating_point import OperatingPoint
from wakeword.model.provenance import Origin

DECODER_TENSORS = 4


def spec(*sources: Source, name: str = "tiny", dim: int = 32, layers: int = 2) -> EncoderSpec:
    return EncoderSpec(name, "whisper", sources, "MIT", "nothing", 0, 80, dim, layers, 2, 50.0)


def weights(of: EncoderSpec, seed: int = 0) -> dict[str, Tensor]:
    """Random encoder tensors that float16 holds without loss; norms near the identity."""
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for name, like in _Trunk(of, "meta").state_dict().items():
        value = torch.randn(like.shape, generator=generator)
        if name.endswith("ln.weight") or name == "ln_post.weight":
            value = 1 + 0.1 * value
        elif like.dim() > 1 and name != "positional_embedding":
            value = value / like[0].numel() ** 0.5
        else:
            value = 0.3 * value
        tensors[name] = value.half().float()
    return tensors


def decoder(of: EncoderSpec) -> dict[str, Tensor]:
    """The transcription head that loading removes, under OpenAI's names."""
    named = {
        "token_embedding.weight": torch.zeros(7, of.dim),
        "positional_embedding": torch.zeros(5, of.dim),
        "blocks.0.attn.query.weight": torch.zeros(of.dim, of.dim),
        "ln.weight": torch.zeros(of.dim),
    }
    assert len(named) == DECODER_TENSORS
    return named


def write_openai(path: Path, of: EncoderSpec, tensors: dict[str, Tensor]) -> Path:
    state = {f"encoder.{name}": tensor.half() for name, tensor in tensors.items()}
    state |= {f"decoder.{name}": tensor for name, tensor in decoder(of).items()}
    dims = {"n_mels": of.mels, "n_audio_state": of.dim, "n_audio_layer": of.layers}
    torch.save({"dims": dims, "model_state_dict": state}, path)
    return path


def write_hugging_face(folder: Path, of: EncoderSpec, tensors: dict[str, Tensor]) -> Path:
    names = {
        "blocks.": "layers.",
        "positional_embedding": "embed_positions.weight",
        "ln_post.": "layer_norm.",
        ".attn_ln.": ".self_attn_layer_norm.",
        ".mlp_ln.": ".final_layer_norm.",
        ".attn.query.": ".self_attn.q_proj.",
        ".attn.key.": ".self_attn.k_proj.",
        ".attn.value.": ".self_attn.v_proj.",
        ".attn.out.": ".self_attn.out_proj.",
        ".mlp.0.": ".fc1.",
        ".mlp.2.": ".fc2.",
    }
    state = {f"model.decoder.{name}": tensor for name, tensor in decoder(of).items()}
    for name, tensor in tensors.items():
        for ours, theirs in names.items():
            name = name.replace(ours, theirs)
        state[f"model.encoder.{name}"] = tensor
    folder.mkdir(parents=True, exist_ok=True)
    safetensors.torch.save_file(state, folder / "model.safetensors")
    config = {"model_type": "whisper", "d_model": of.dim, "encoder_layers": of.layers}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def ctranslate2_names(of: EncoderSpec, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors in CTranslate2's layout: queries, keys and values as one."""
    norm = {"weight": "layer_norm/gamma", "bias": "layer_norm/beta"}
    named = {"encoder/position_encodings/encodings": tensors["positional_embedding"]}
    for kind in ("weight", "bias"):
        for conv in ("conv1", "conv2"):
            named[f"encoder/{conv}/{kind}"] = tensors[f"{conv}.{kind}"]
        named[f"encoder/{norm[kind]}"] = tensors[f"ln_post.{kind}"]
        for i in range(of.layers):
            block, layer = f"blocks.{i}", f"encoder/layer_{i}"
            no_bias = torch.zeros(of.dim)
            qkv = [
                tensors.get(f"{block}.attn.{part}.{kind}", no_bias)
                for part in ("query", "key", "value")
            ]
            named |= {
                f"{layer}/self_attention/{norm[kind]}": tensors[f"{block}.attn_ln.{kind}"],
                f"{layer}/self_attention/linear_0/{kind}": torch.cat(qkv),
                f"{layer}/self_attention/linear_1/{kind}": tensors[f"{block}.attn.out.{kind}"],
                f"{layer}/ffn/{norm[kind]}": tensors[f"{block}.mlp_ln.{kind}"],
                f"{layer}/ffn/linear_0/{kind}": tensors[f"{block}.mlp.0.{kind}"],
                f"{layer}/ffn/linear_1/{kind}": tensors[f"{block}.mlp.2.{kind}"],
            }
    named |= {f"decoder/{name}".replace(".", "/"): t for name, t in decoder(of).items()}
    named["encoder/num_heads"] = torch.tensor(of.heads, dtype=torch.int16)
    return named


def write_ctranslate2(folder: Path, tensors: dict[str, Tensor], version: int = 6) -> Path:
    """Write a model.bin byte by byte: float32 as float16, everything else as it is."""
    codes = {np.dtype("f4"): 0, np.dtype("i1"): 1, np.dtype("i2"): 2, np.dtype("f2"): 4}

    def text(value: str) -> bytes:
        return struct.pack("<H", len(value) + 1) + value.encode() + b"\0"

    parts = [struct.pack("<I", version), text("WhisperSpec"), struct.pack("<II", 3, len(tensors))]
    for name, tensor in tensors.items():
        array = (tensor.half() if tensor.dtype == torch.float32 else tensor).numpy()
        data = array.tobytes()
        parts += [text(name), struct.pack(f"<B{array.ndim}I", array.ndim, *array.shape)]
        parts += [struct.pack("<BI", codes[array.dtype], len(data)), data]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.bin").write_bytes(b"".join(parts))
    return folder


FORMATS = ("pytorch", "ctranslate2", "safetensors")


def write(kind: str, folder: Path, of: EncoderSpec, tensors: dict[str, Tensor]) -> Path:
    """A checkpoint of one of the FORMATS: the path that a user would give."""
    folder.mkdir(parents=True, exist_ok=True)
    if kind == "pytorch":
        return write_openai(folder / "tiny.pt", of, tensors)
    if kind == "ctranslate2":
        return write_ctranslate2(folder, ctranslate2_names(of, tensors))
    return write_hugging_face(folder, of, tensors)


def model(
    streaming: str = "chunked",
    head: str = "conv",
    keywords: tuple[str, ...] = ("alexa", "computer"),
    seed: int = 0,
    threshold: float = 0.5,
    **settings: object,
) -> WakeWordModel:
    """A model with random weights whose scores move enough to cross a threshold."""
    torch.manual_seed(seed)
    if not settings and streaming == "chunked":
        settings = {"chunk": 4, "left": 12}
    elif not settings:
        settings = {"window": 20, "hop": 4}
    encoder = build_encoder("tiny", streaming, **settings)
    encoder.trunk.load_state_dict(weights(encoder.spec, seed))
    built = build_head(head, encoder.dim, len(keywords), len(encoder.output_layers))
    torch.nn.init.normal_(built.out.weight, std=2.0)
    origin = Origin("tiny", streaming, "0" * 64, "MIT", head, {"strategy": "head"})
    point = OperatingPoint(dict.fromkeys(keywords, threshold), 0.08, 0.2, "made up")
    return WakeWordModel(encoder, built, keywords, origin, point).eval()


def synthetic_audio(seconds: float = 2.0, seed: int = 0, rate: int = 16_000) -> Samples:
    """Synthetic audio with syllables, pauses and a changing spectrum."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(round(rate * seconds)) / rate
    wave = np.zeros(time_s.size)
    for band in range(5):
        carrier = np.sin(2 * np.pi * rng.uniform(150, 500) * (band + 1) * time_s)
        wave += carrier * np.clip(np.sin(2 * np.pi * rng.uniform(1, 5) * time_s + band), 0, 1)
    wave += 0.02 * rng.normal(size=time_s.size)
    return (0.3 * wave / max(np.abs(wave).max(initial=0), 1e-9)).astype(np.float32)


def pieces(total: int, sizes: list[int]) -> list[int]:
    """Sizes repeated, the last cut short, until they add up to `total`."""
    found: list[int] = []
    at = 0
    while at < total:
        found.append(min(sizes[len(found) % len(sizes)], total - at))
        at += found[-1]
    return found


def stream(module: object, x: Tensor, sizes: list[int], state: object = None) -> Tensor:
    """`module` fed piece by piece along dimension 1; its outputs, joined."""
    out = []
    for part in torch.split(x, pieces(x.shape[1], sizes), dim=1):
        y, state = module(part, state)  # type: ignore[operator]
        out.append(y)
    return torch.cat(out, dim=1)


def detections(detector: Detector, samples: Samples, sizes: list[int]) -> list[Detection]:
    """All detections of a stream that is fed in pieces, its end included."""
    ends = np.cumsum(pieces(len(samples), sizes))[:-1]
    found = [each for piece in np.split(samples, ends) for each in detector.feed(piece)]
    return found + detector.flush()
