"""A tiny recogniser in the layout of the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path

import torch

SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 48,
    "conv_dim": [16] * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
    "vocab_size": 11,
}


def write(folder: Path, kind: str = "wav2vec2", normed: bool = False, **more: object) -> str:
    """A recogniser as the hub holds it, with its transcription head; returns its name here."""
    import transformers

    torch.manual_seed(0)
    if kind == "moonshine":
        parts = {f"{p}_num_{n}": 2 for p in ("encoder", "decoder") for n in ("hidden_layers",)}
        heads = {f"{p}_num_attention_heads": 2 for p in ("encoder", "decoder")}
        keys = {f"{p}_num_key_value_heads": 2 for p in ("encoder", "decoder")}
        sizes = {"hidden_size": 32, "intermediate_size": 48, "vocab_size": 11}
        config = transformers.AutoConfig.for_model(kind, **sizes, **parts, **heads, **keys)
        recogniser = transformers.AutoModelForSpeechSeq2Seq.from_config(config)
    else:
        config = transformers.AutoConfig.for_model(kind, **{**SMALL, **more})
        recogniser = transformers.AutoModelForCTC.from_config(config)
    recogniser.save_pretrained(folder)
    prepared = transformers.Wav2Vec2FeatureExtractor(do_normalize=normed)
    prepared.save_pretrained(folder)
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n", encoding="utf-8")
    return f"hf:{folder}"
