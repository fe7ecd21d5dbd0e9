"""Whose voice it was: a second stage that lets a detection stand for people it knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wakeword import storage
from wakeword.audio.activity import word_bounds
from wakeword.audio.levels import rms
from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.errors import CheckpointError, ConfigError
from wakeword.simulate.effects import add_noise, coloured_noise

Direction = npt.NDArray[np.float32]

SIMILARITY_THRESHOLD = 0.7
"""Cosine from which on a voice is taken for a known one: see `recipes/only_voices.py`."""
SPAN_S = 1.6  # of sound, on which the network was trained
_LEAST = 3  # clips of a person
_NOISES_DB = (15.0, 5.0)  # a voice in noise is less like itself than like itself in other noise
_SHA256 = "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e"
_REMEDY = (
    "Voices are told apart by a network whose weights are no part of wakeword (Apache-2.0, 16 MB). "
    "Install them: pip install --no-deps resemblyzer==0.1.4"
)


class SpeakerVerifier:
    """People, by a few clips of each; called with sound, it says whether one of them spoke it.

    A detector takes it as `verify`. What it goes by is the cosine between what a network that was
    trained to tell speakers apart (GE2E, https://arxiv.org/abs/1710.10467) makes of the word before
    a detection, and the mean of what it makes of a person's clips, in quiet or in noise.

    Args:
        people: by name, three or more (samples,) at 16 kHz: the keyword, as they say it.
        like: the cosine from which on it is them.

    Raises:
        ConfigError: nobody, or too few clips of somebody.
        CheckpointError: the network's weights are not installed.
    """

    def __init__(
        self, people: Mapping[str, Sequence[Samples]], like: float = SIMILARITY_THRESHOLD
    ) -> None:
        if not people:
            raise ConfigError("no voice to know: expected clips of the keyword by those who may.")
        for name, clips in people.items():
            if len(clips) < _LEAST:
                raise ConfigError(
                    f"{len(clips)} clips by {name or 'nobody named'}: expected {_LEAST} or more of "
                    "the keyword. wakeword record makes them."
                )
        self.like = like
        self._network = _load()
        self._people = {name: self._known(clips) for name, clips in people.items()}

    def __call__(self, samples: Samples) -> bool:
        """(samples,) at 16 kHz, as a detector gives them → does its detection stand?"""
        return self.who(samples)[1] >= self.like

    def who(self, samples: Samples) -> tuple[str, float]:
        """(samples,) at 16 kHz that end with a word → the known voice nearest to it, the cosine."""
        heard = self._heard(_word(samples[-round(SPAN_S * SAMPLE_RATE) :]))
        near = {name: float((known @ heard).max()) for name, known in self._people.items()}
        best = max(near, key=lambda name: near[name])
        return best, near[best]

    def _known(self, clips: Iterable[Samples]) -> Direction:
        """Where a person lies: in quiet and in each noise, (1 + noises, 256)."""
        rng = np.random.default_rng(0)
        heard = []
        for word in map(_word, clips):
            noisy = [
                add_noise(word, coloured_noise(len(word), rng), db, rms(word)) for db in _NOISES_DB
            ]
            heard.append([self._heard(each) for each in (word, *noisy)])
        mean = np.mean(heard, axis=0)
        known: Direction = mean / np.linalg.norm(mean, axis=1, keepdims=True)
        return known

    def _heard(self, word: Samples) -> Direction:
        """Where a voice lies, (256,)."""
        with torch.inference_mode():
            heard: Direction = self._network(_features(word))[0].numpy()
        return heard


class _Network(nn.Module):
    """Mel features (batch, T, 40) → of length 1, (batch, 256): layers and names of Resemblyzer."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(40, 256, 3, batch_first=True)
        self.linear = nn.Linear(256, 256)

    def forward(self, x: Tensor) -> Tensor:
        _, (last, _) = self.lstm(x)
        return F.normalize(F.relu(self.linear(last[-1])), dim=1)


def _word(samples: Samples) -> Samples:
    """The loudest word, by energy."""
    first_s, last_s = word_bounds(samples)
    return samples[round(first_s * SAMPLE_RATE) : round(last_s * SAMPLE_RATE)]


def _features(word: Samples) -> Tensor:
    """A word at one level, again and again until the span is full → (1, 160, 40)."""
    import librosa  # slow to import, and only this needs it

    level = max(rms(word), 1e-6)
    sound = np.resize(word, round(SPAN_S * SAMPLE_RATE)) * np.float32(10 ** (-30 / 20) / level)
    mels = librosa.feature.melspectrogram(
        y=sound, sr=SAMPLE_RATE, n_fft=400, hop_length=160, n_mels=40
    )
    return torch.from_numpy(mels.T[None, :-1].astype(np.float32))


def _load() -> _Network:
    path = storage.find_in_package("resemblyzer", "pretrained.pt")
    if path is None:
        raise CheckpointError(_REMEDY)
    if storage.sha256(path) != _SHA256:
        raise CheckpointError(f"{path}: damaged, or of another version. {_REMEDY}")
    tensors = torch.load(path, map_location="cpu", weights_only=True)["model_state"]
    network = _Network()
    network.load_state_dict({name: tensors[name] for name in network.state_dict()})
    return network.eval()
