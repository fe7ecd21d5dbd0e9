"""Speaker verification as a second stage: keeps a detection if an enrolled speaker spoke it."""

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

Embedding = npt.NDArray[np.float32]
"""Speaker embeddings of unit length, (..., 256)."""

SIMILARITY_THRESHOLD = 0.7
"""Cosine similarity from which a voice is an enrolled speaker's.

`recipes/speaker_verification.py` measures other values.
"""
SPAN_S = 1.6
"""Seconds of audio in the network's training examples."""
_MIN_CLIPS = 3  # of a speaker
_SNRS_DB = (15.0, 5.0)  # a noisy voice is more similar to itself in other noise than in quiet
_SHA256 = "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e"
_REMEDY = (
    "Speaker verification needs a network whose weights are not part of wakeword (Apache-2.0, "
    "16 MB). Install them: pip install --no-deps resemblyzer==0.1.4"
)


class SpeakerVerifier:
    """Accepts a detection if the voice is an enrolled speaker's; `verify` of a `Detector`.

    A network that was trained to tell speakers apart (GE2E, https://arxiv.org/abs/1710.10467) maps
    the word before a detection to an embedding. It is compared with each speaker's mean embeddings
    of their clips, in quiet and in noise; the highest cosine similarity counts.

    Args:
        speakers: by name, three or more (samples,) at 16 kHz of the keyword.
        threshold: cosine similarity from which a voice is a speaker's.

    Raises:
        ConfigError: no speakers, or too few clips of one.
        CheckpointError: the network's weights are not installed.
    """

    def __init__(
        self,
        speakers: Mapping[str, Sequence[Samples]],
        threshold: float = SIMILARITY_THRESHOLD,
    ) -> None:
        if not speakers:
            raise ConfigError("no speakers: expected clips of the keyword by each of them.")
        for name, clips in speakers.items():
            if len(clips) < _MIN_CLIPS:
                raise ConfigError(
                    f"{len(clips)} clips by {name or 'an unnamed speaker'}: expected {_MIN_CLIPS} "
                    "or more of the keyword. wakeword record makes them."
                )
        self.threshold = threshold
        self._network = _load()
        self._references = {name: self._reference(clips) for name, clips in speakers.items()}

    def __call__(self, samples: Samples) -> bool:
        """Return whether to keep a detection, from (samples,) at 16 kHz that end with it."""
        return self.identify(samples)[1] >= self.threshold

    def identify(self, samples: Samples) -> tuple[str, float]:
        """Return the most similar speaker, and the cosine similarity.

        Args:
            samples: (samples,) at 16 kHz that end with the keyword.
        """
        embedding = self._embed(_loudest_word(samples[-round(SPAN_S * SAMPLE_RATE) :]))
        similarities = {
            name: float((reference @ embedding).max())
            for name, reference in self._references.items()
        }
        best = max(similarities, key=lambda name: similarities[name])
        return best, similarities[best]

    def _reference(self, clips: Iterable[Samples]) -> Embedding:
        """Return a speaker's mean embeddings, (1 + noises, 256): in quiet and in each noise."""
        rng = np.random.default_rng(0)
        embeddings = []
        for word in map(_loudest_word, clips):
            noisy = [
                add_noise(word, coloured_noise(len(word), rng), snr_db, rms(word))
                for snr_db in _SNRS_DB
            ]
            embeddings.append([self._embed(each) for each in (word, *noisy)])
        mean = np.mean(embeddings, axis=0)
        reference: Embedding = mean / np.linalg.norm(mean, axis=1, keepdims=True)
        return reference

    def _embed(self, word: Samples) -> Embedding:
        """Return the embedding of a word, (256,)."""
        with torch.inference_mode():
            embedding: Embedding = self._network(_features(word))[0].numpy()
        return embedding


class _Network(nn.Module):
    """Mel features (batch, T, 40) → embeddings (batch, 256): layers and names of Resemblyzer."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(40, 256, 3, batch_first=True)
        self.linear = nn.Linear(256, 256)

    def forward(self, x: Tensor) -> Tensor:
        """Embed the last state of the top layer."""
        _, (last, _) = self.lstm(x)
        return F.normalize(F.relu(self.linear(last[-1])), dim=1)


def _loudest_word(samples: Samples) -> Samples:
    """Return the loudest word in (samples,), by energy."""
    first_s, last_s = word_bounds(samples)
    return samples[round(first_s * SAMPLE_RATE) : round(last_s * SAMPLE_RATE)]


def _features(word: Samples) -> Tensor:
    """Return mel features (1, 160, 40) of a word at -30 dB, repeated until the span is full."""
    import librosa  # slow to import, and only this module needs it

    level = max(rms(word), 1e-6)
    samples = np.resize(word, round(SPAN_S * SAMPLE_RATE)) * np.float32(10 ** (-30 / 20) / level)
    mels = librosa.feature.melspectrogram(
        y=samples, sr=SAMPLE_RATE, n_fft=400, hop_length=160, n_mels=40
    )
    return torch.from_numpy(mels.T[None, :-1].astype(np.float32))


def _load() -> _Network:
    """Load the network from the package that holds its weights. Raises CheckpointError."""
    path = storage.find_in_package("resemblyzer", "pretrained.pt")
    if path is None:
        raise CheckpointError(_REMEDY)
    if storage.sha256(path) != _SHA256:
        raise CheckpointError(f"{path}: damaged, or of another version. {_REMEDY}")
    tensors = torch.load(path, map_location="cpu", weights_only=True)["model_state"]
    network = _Network()
    network.load_state_dict({name: tensors[name] for name in network.state_dict()})
    return network.eval()
