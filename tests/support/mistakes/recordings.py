"""Mistakes with recordings."""

from __future__ import annotations

import numpy as np
import soundfile
import training

from mistakes.scene import Scene, mistake


@mistake("nowhere.wav: no such file", "Check the path")
def recording_missing(scene: Scene) -> list[object]:
    return scene.detect(scene.place / "nowhere.wav")


@mistake("a.wav: the file is empty (0 bytes)", "Record it again or remove it")
def recording_of_0_bytes(scene: Scene) -> list[object]:
    return scene.detect(scene.text("a.wav", ""))


@mistake("a.wav: contains no samples", "Record it again or remove it")
def recording_without_samples(scene: Scene) -> list[object]:
    return scene.detect(scene.wav(samples=[]))


@mistake("a.wav: cannot be read as audio", "convert it")
def text_renamed_wav(scene: Scene) -> list[object]:
    return scene.detect(scene.text("a.wav", "not audio"))


@mistake("song.m4a: cannot be read as audio", "ffmpeg -i")
def recording_of_a_phone(scene: Scene) -> list[object]:
    (scene.place / "song.m4a").write_bytes(b"\0\0\0\x20ftypM4A " + bytes(500))
    return scene.detect(scene.place / "song.m4a")


@mistake("a.flac: cannot be read as audio", "convert it")
def broken_flac(scene: Scene) -> list[object]:
    soundfile.write(scene.place / "a.flac", training.word(0), 16_000)
    whole = (scene.place / "a.flac").read_bytes()
    (scene.place / "a.flac").write_bytes(b"fLaX" + whole[4:60])
    return scene.detect(scene.place / "a.flac")


@mistake("a.wav: contains samples that are not numbers", "16-bit PCM")
def nan_samples(scene: Scene) -> list[object]:
    return scene.detect(scene.wav(samples=np.full(16_000, np.nan)))


@mistake("Missing argument 'RECORDINGS...'", "detect --help")
def no_recording_named(scene: Scene) -> list[object]:
    return ["detect", scene.model]


@mistake("a.wav: not a complete safetensors file", "Expected a file written by `wakeword train`")
def recording_before_the_model(scene: Scene) -> list[object]:
    return ["detect", scene.wav(), scene.model]


@mistake("a.wav': expected '-'", "For recordings: wakeword detect")
def listening_to_a_recording(scene: Scene) -> list[object]:
    return ["listen", scene.model, scene.wav()]


@mistake("received a WAV file", "arecord -t raw")
def wav_on_stdin(scene: Scene) -> list[object]:
    scene.stdin = scene.wav().read_bytes()
    return ["listen", scene.model, "-"]


@mistake("at 0 Hz", "Use the numbers of the program that sends the audio")
def rate_of_0_on_stdin(scene: Scene) -> list[object]:
    return ["listen", scene.model, "-", "--rate", 0]


@mistake("channel 2 is out of range", "Choose 0 to 1")
def channel_that_a_stereo_stream_lacks(scene: Scene) -> list[object]:
    return ["listen", scene.model, "-", "--channels", 2, "--channel", 2]


@mistake("a.wav: 1.0 s", "expected 3 s or more")
def recording_too_short_to_measure_on(scene: Scene) -> list[object]:
    return ["bench", scene.model, "--audio", scene.wav()]


@mistake("1 clips", "expected 2 to")
def enrolment_with_one_clip(scene: Scene) -> list[object]:
    return ["enroll", "ping", scene.wav(samples=training.word(0)), "-o", scene.output]


@mistake("empty: no recordings", "an audio file or a folder of audio files")
def mining_in_an_empty_folder(scene: Scene) -> list[object]:
    (scene.place / "empty").mkdir()
    return ["mine", scene.model, scene.place / "empty", "-o", scene.place / "mined"]
