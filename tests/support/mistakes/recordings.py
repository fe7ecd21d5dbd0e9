"""Mistakes with recordings."""

from __future__ import annotations

import numpy as np
import soundfile
import training

from mistakes.workspace import Workspace, mistake


@mistake("nowhere.wav: no such file", "Check the path")
def recording_missing(workspace: Workspace) -> list[object]:
    return workspace.detect(workspace.place / "nowhere.wav")


@mistake("a.wav: the file is empty (0 bytes)", "Record it again or remove it")
def recording_of_0_bytes(workspace: Workspace) -> list[object]:
    return workspace.detect(workspace.text("a.wav", ""))


@mistake("a.wav: contains no samples", "Record it again or remove it")
def recording_without_samples(workspace: Workspace) -> list[object]:
    return workspace.detect(workspace.wav(samples=[]))


@mistake("a.wav: cannot be read as audio", "convert it")
def text_renamed_wav(workspace: Workspace) -> list[object]:
    return workspace.detect(workspace.text("a.wav", "not audio"))


@mistake("song.m4a: cannot be read as audio", "ffmpeg -i")
def recording_of_a_phone(workspace: Workspace) -> list[object]:
    (workspace.place / "song.m4a").write_bytes(b"\0\0\0\x20ftypM4A " + bytes(500))
    return workspace.detect(workspace.place / "song.m4a")


@mistake("a.flac: cannot be read as audio", "convert it")
def broken_flac(workspace: Workspace) -> list[object]:
    soundfile.write(workspace.place / "a.flac", training.word(0), 16_000)
    whole = (workspace.place / "a.flac").read_bytes()
    (workspace.place / "a.flac").write_bytes(b"fLaX" + whole[4:60])
    return workspace.detect(workspace.place / "a.flac")


@mistake("a.wav: contains samples that are not numbers", "16-bit PCM")
def nan_samples(workspace: Workspace) -> list[object]:
    return workspace.detect(workspace.wav(samples=np.full(16_000, np.nan)))


@mistake("Missing argument 'RECORDINGS...'", "detect --help")
def no_recording_named(workspace: Workspace) -> list[object]:
    return ["detect", workspace.model]


@mistake("a.wav: not a complete safetensors file", "Expected a file written by `wakeword train`")
def recording_before_the_model(workspace: Workspace) -> list[object]:
    return ["detect", workspace.wav(), workspace.model]


@mistake("a.wav': expected '-'", "For recordings: wakeword detect")
def listening_to_a_recording(workspace: Workspace) -> list[object]:
    return ["listen", workspace.model, workspace.wav()]


@mistake("received a WAV file", "arecord -t raw")
def wav_on_stdin(workspace: Workspace) -> list[object]:
    workspace.stdin = workspace.wav().read_bytes()
    return ["listen", workspace.model, "-"]


@mistake("at 0 Hz", "Use the numbers of the program that sends the audio")
def rate_of_0_on_stdin(workspace: Workspace) -> list[object]:
    return ["listen", workspace.model, "-", "--rate", 0]


@mistake("channel 2 is out of range", "Choose 0 to 1")
def channel_that_a_stereo_stream_lacks(workspace: Workspace) -> list[object]:
    return ["listen", workspace.model, "-", "--channels", 2, "--channel", 2]


@mistake("a.wav: 1.0 s", "expected 3 s or more")
def recording_too_short_to_measure_on(workspace: Workspace) -> list[object]:
    return ["bench", workspace.model, "--audio", workspace.wav()]


@mistake("1 clip(s)", "expected 2 or more")
def enrolment_with_one_clip(workspace: Workspace) -> list[object]:
    return ["enroll", "ping", workspace.wav(samples=training.word(0)), "-o", workspace.output]


@mistake("empty: no recordings", "an audio file or a folder of audio files")
def mining_in_an_empty_folder(workspace: Workspace) -> list[object]:
    (workspace.place / "empty").mkdir()
    return ["mine", workspace.model, workspace.place / "empty", "-o", workspace.place / "mined"]
