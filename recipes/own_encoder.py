"""A recogniser of your own as the encoder: what to write, and a training with it.

    python recipes/own_encoder.py CORPUS my_recogniser.pt alexa.wakeword --word alexa

`MyRecogniser` stands for yours: any PyTorch network that makes letters out of sound and was saved
by `torch.save(network.state_dict(), "my_recogniser.pt")`. Below it is all that wakeword must know:
what it gives layer by layer, its stages from the lowest, which tensors are the encoder's, and its
constants. It is streamed by window, as any network can be. A program that opens the model file
later imports this file first.

Data: any layout that `wakeword train` reads. Prints what was stripped and where the threshold lies.
"""

from __future__ import annotations

from pathlib import Path

import click
import torch
from torch import Tensor, nn

from wakeword.cli.console import TeachingCommand, progress_display
from wakeword.data.readers import read_dataset
from wakeword.encoders.base import Family, OfflineEncoder
from wakeword.encoders.formats import select_tensors
from wakeword.encoders.registry import register_encoder
from wakeword.encoders.spec import EncoderSpec, StripReport
from wakeword.model.file import save_model
from wakeword.training.config import TrainConfig
from wakeword.training.train import train


class MyRecogniser(nn.Module):
    """80 log-mels at 100 frames a second → 29 letters at 50 frames a second."""

    def __init__(self, dim: int = 128) -> None:
        super().__init__()
        self.stem = nn.Conv1d(80, dim, 4, stride=2, padding=1)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(dim, 4, 2 * dim, batch_first=True) for _ in range(3)
        )
        self.letters = nn.Linear(dim, 29)


# ---------------------------------------------------------------- what wakeword must know


class MyEncoder(OfflineEncoder):
    most_frames = 1500  # 30 s

    def __init__(self, spec: EncoderSpec, output_layers: tuple[int, ...] = ()) -> None:
        super().__init__(spec, output_layers)
        self.trunk = MyRecogniser(spec.dim)
        del self.trunk.letters  # the transcription head: layer and weights

    def forward_layers(self, features: Tensor, last: int = 0) -> Tensor:
        x = torch.relu(self.trunk.stem(features.mT)).mT
        outputs = [x := layer(x) for layer in self.trunk.layers]
        return torch.cat([outputs[tap - 1][:, -last:] for tap in self.output_layers], dim=2)

    def layer_groups(self) -> list[list[nn.Module]]:
        return [[self.trunk.stem], *([layer] for layer in self.trunk.layers)]


def strip(
    tensors: dict[str, Tensor], format: str, spec: EncoderSpec, name: str
) -> tuple[dict[str, Tensor], StripReport]:
    kept = select_tensors(tensors, MyEncoder(spec).trunk.state_dict(), spec.name, name)
    return kept, StripReport.of(kept.values(), [t for key, t in tensors.items() if key not in kept])


SPEC = EncoderSpec(
    name="my-recogniser",
    family="my-family",
    sources=(),  # its weights are given by path
    licence="yours",
    trained_on="what you trained it on",
    hours=100,
    mels=80,
    dim=128,
    layers=3,
    heads=4,
    frame_rate_hz=50.0,
)
FAMILY = Family(
    specs=(SPEC,),
    offline=MyEncoder,
    formats=("pytorch",),
    strip=strip,
    weights="the .pt that you saved",
)
register_encoder(SPEC, FAMILY)


# ---------------------------------------------------------------- a training with it


@click.command(cls=TeachingCommand)
@click.argument("corpus", type=click.Path(path_type=Path))
@click.argument("weights", type=click.Path(path_type=Path))
@click.argument("output", type=click.Path(path_type=Path))
@click.option("--word", required=True)
@click.option("--strategy", default="auto", show_default=True)
@click.option("--epochs", default=TrainConfig.epochs, show_default=True)
@click.option("--hours", default=TrainConfig().examples.hours, show_default=True)
def main(
    corpus: Path, weights: Path, output: Path, word: str, strategy: str, epochs: int, hours: float
) -> None:
    """Train on CORPUS with the recogniser in WEIGHTS; write OUTPUT."""
    examples = TrainConfig().examples.with_hours(hours)
    config = TrainConfig(encoder=SPEC.name, strategy=strategy, epochs=epochs, examples=examples)
    with progress_display() as progress:
        trained = train(read_dataset(corpus), [word], config, weights=weights, progress=progress)
    save_model(trained.model, output)
    print(trained.stripped)
    print(
        f"{word}: fires from {trained.model.operating_point.thresholds[word]:.4f}; wrote {output}"
    )


if __name__ == "__main__":
    main()
