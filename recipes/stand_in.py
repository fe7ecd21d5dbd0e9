"""Encoder families whose weights are not at hand: a tiny stand-in of each runs end to end.

    python recipes/stand_in.py CORPUS OUT --keyword computer

Writes two checkpoints in the layout of their publishers, of much smaller networks with random
weights: torchaudio's Emformer transducer, and a wav2vec 2.0 folder of Hugging Face's (extra
`offline`). Each is read, stripped, trained with, measured on the dev split and timed like any
other encoder. This shows that the family works; it says nothing about the pretrained recognisers.

Data: any layout that `wakeword train` reads. Duration: that of two training runs. Prints one row
per family, as in the encoder table of README.md.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import click
import torch

from wakeword.cli.console import TeachingCommand, progress_display
from wakeword.cli.options import option
from wakeword.data.readers import read_dataset
from wakeword.data.splits import assign_splits
from wakeword.encoders.families import FAMILIES
from wakeword.encoders.registry import build_encoder, encoder_spec, register_encoder
from wakeword.evaluation import benchmark
from wakeword.evaluation.evaluator import evaluate
from wakeword.model.file import save_model
from wakeword.training.config import TrainConfig
from wakeword.training.train import train

EMFORMER = "stand-in-emformer"


def emformer(folder: Path) -> tuple[str, Path]:
    """Write an Emformer with its feature statistics; return its name and its checkpoint."""
    real = encoder_spec("emformer-base-960h")
    small = replace(real, name=EMFORMER, sources=(), hours=0, dim=64, layers=3, heads=2)
    register_encoder(small, FAMILIES["emformer"])
    torch.manual_seed(0)
    tensors = {
        f"transcriber.{name}": t for name, t in build_encoder(EMFORMER).trunk.state_dict().items()
    }
    statistics = {"mean": [0.0] * small.mels, "invstddev": [1.0] * small.mels}
    (folder / Path(real.sources[0].companion).name).write_text(json.dumps(statistics), "utf-8")
    joiner = {"joiner.linear.weight": torch.randn(29, small.dim)}
    torch.save(tensors | joiner, folder / "emformer.pt")
    return EMFORMER, folder / "emformer.pt"


def wav2vec2(folder: Path) -> tuple[str, None]:
    """Write a wav2vec 2.0 folder; return its name, which is its path."""
    import transformers

    config = transformers.Wav2Vec2Config(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        conv_dim=[16] * 7,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=2,
        vocab_size=29,
    )
    torch.manual_seed(0)
    transformers.Wav2Vec2ForCTC(config).save_pretrained(folder / "wav2vec2")
    transformers.Wav2Vec2FeatureExtractor().save_pretrained(folder / "wav2vec2")
    return f"hf:{folder / 'wav2vec2'}", None


@click.command(cls=TeachingCommand)
@click.argument("corpus", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@option("--keyword", aliases=["--word"], required=True)
@click.option("--strategy", default="auto", show_default=True)
@click.option("--epochs", default=TrainConfig.epochs, show_default=True)
@click.option("--hours", default=TrainConfig().examples.hours, show_default=True)
def main(corpus: Path, out: Path, keyword: str, strategy: str, epochs: int, hours: float) -> None:
    """Train and measure with a tiny stand-in of each family."""
    data = assign_splits(read_dataset(corpus))
    examples = TrainConfig().examples.with_hours(hours)
    out.mkdir(parents=True, exist_ok=True)
    for write in (emformer, wav2vec2):
        name, weights = write(out)
        config = TrainConfig(encoder=name, strategy=strategy, epochs=epochs, examples=examples)
        with progress_display() as progress:
            trained = train(data, [keyword], config, weights=weights, progress=progress)
            save_model(trained.model, out / f"{write.__name__}.wakeword")
            evaluation = evaluate(trained.model, data, progress=progress)
        print(trained.stripped)
        cost = benchmark.measure_encoder(trained.model.encoder)
        points = [result.operating_points[0.5] for result in evaluation.results]
        misses = [f"{p.misses} of {p.spoken}" if p else "no threshold" for p in points]
        print(
            f"| {write.__name__}, random weights | 0 | {cost.parameters / 1e6:.2f} M "
            f"| {trained.model.origin.streaming} | {' | '.join(misses)} "
            f"| {cost.real_time_factor:.3f} |"
        )


if __name__ == "__main__":
    main()
