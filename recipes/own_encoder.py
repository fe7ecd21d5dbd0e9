"""Use your own recogniser as the encoder: what to write, and how to train with it.

    python recipes/own_encoder.py CORPUS my_recogniser.pt alexa.wakeword --keyword alexa

`MyRecogniser` stands for yours: any PyTorch network that turns audio into letters and was saved
with `torch.save(network.state_dict(), "my_recogniser.pt")`. What follows it is all that wakeword
needs to know: the outputs of its layers, its layer groups from the lowest, which tensors belong to
the encoder, and its constants. It streams by window, as any network can. A program that opens the
model file later imports this file first.

Data: any layout that `wakeword train` reads. Duration: that of `wakeword train`. Prints what was
stripped, and the threshold.
"""

from __future__ import annotations

from pathlib import Path

import click
import torch
from torch import Tensor, nn

from wakeword.cli.console import TeachingCommand, progress_display
from wakeword.cli.options import option
from wakeword.data.readers import read_dataset
from wakeword.encoders.base import Family, OfflineEncoder
from wakeword.encoders.formats import select_tensors
from wakeword.encoders.registry import register_encoder
from wakeword.encoders.spec import EncoderSpec, StripReport
from wakeword.model.file import save_model
from wakeword.training.config import TrainConfig
from wakeword.training.train import train


class MyRecogniser(nn.Module):
    """80 log-mel bands at 100 frames per second → 29 letters at 50 frames per second."""

    def __init__(self, dim: int = 128) -> None:
        super().__init__()
        self.stem = nn.Conv1d(80, dim, 4, stride=2, padding=1)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(dim, 4, 2 * dim, batch_first=True) for _ in range(3)
        )
        self.letters = nn.Linear(dim, 29)


# ---------------------------------------------------------------- what wakeword needs to know


class MyEncoder(OfflineEncoder):
    """The recogniser without its transcription head."""

    max_frames = 1500  # 30 s

    def __init__(self, spec: EncoderSpec, output_layers: tuple[int, ...] = ()) -> None:
        super().__init__(spec, output_layers)
        self.trunk = MyRecogniser(spec.dim)
        del self.trunk.letters  # the transcription head: layer and weights

    def forward_layers(self, features: Tensor, last: int = 0) -> Tensor:
        x = torch.relu(self.trunk.stem(features.mT)).mT
        outputs = [x := layer(x) for layer in self.trunk.layers]
        return torch.cat([outputs[i - 1][:, -last:] for i in self.output_layers], dim=2)

    def layer_groups(self) -> list[list[nn.Module]]:
        return [[self.trunk.stem], *([layer] for layer in self.trunk.layers)]


def strip(
    tensors: dict[str, Tensor], format: str, spec: EncoderSpec, name: str
) -> tuple[dict[str, Tensor], StripReport]:
    """Return the encoder's tensors of a checkpoint, and a report of what was stripped."""
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


# ---------------------------------------------------------------- how to train with it


@click.command(cls=TeachingCommand)
@click.argument("corpus", type=click.Path(path_type=Path))
@click.argument("weights", type=click.Path(path_type=Path))
@click.argument("output", type=click.Path(path_type=Path))
@option("--keyword", aliases=["--word"], required=True)
@click.option("--strategy", default="auto", show_default=True)
@click.option("--epochs", default=TrainConfig.epochs, show_default=True)
@click.option("--hours", default=TrainConfig().examples.hours, show_default=True)
def main(
    corpus: Path,
    weights: Path,
    output: Path,
    keyword: str,
    strategy: str,
    epochs: int,
    hours: float,
) -> None:
    """Train on CORPUS with the recogniser in WEIGHTS; write OUTPUT."""
    examples = TrainConfig().examples.with_hours(hours)
    config = TrainConfig(encoder=SPEC.name, strategy=strategy, epochs=epochs, examples=examples)
    with progress_display() as progress:
        trained = train(read_dataset(corpus), [keyword], config, weights=weights, progress=progress)
    save_model(trained.model, output)
    print(trained.stripped)
    threshold = trained.model.operating_point.thresholds[keyword]
    print(f"{keyword}: threshold {threshold:.4f}; wrote {output}")


if __name__ == "__main__":
    main()
