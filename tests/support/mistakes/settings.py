"""Mistakes with names of commands and options, and with their values."""

from __future__ import annotations

from mistakes.scene import Scene, mistake


@mistake("'trian'", "--help")
def command_mistyped(scene: Scene) -> list[object]:
    return ["trian", scene.place]


@mistake("--keywrd", "--keyword")
def option_mistyped(scene: Scene) -> list[object]:
    return scene.train(scene.place, "--keywrd", "ping")


@mistake("Missing option '-o' / '--output'", "train --help")
def no_output(scene: Scene) -> list[object]:
    return ["train", scene.place]


@mistake("unknown encoder 'tny'", "Did you mean 'tiny'?")
def unknown_encoder(scene: Scene) -> list[object]:
    return scene.train(scene.manifest(), "--encoder", "tny")


@mistake("'cnv'", "Did you mean 'conv'?")
def unknown_head(scene: Scene) -> list[object]:
    return scene.train(scene.manifest(), "--head", "cnv")


@mistake("'deep'", "layerwise")
def unknown_strategy(scene: Scene) -> list[object]:
    return scene.train(scene.manifest(), "--strategy", "deep")


@mistake("'mse'", "max-pooling")
def unknown_loss(scene: Scene) -> list[object]:
    return scene.train(scene.manifest(), "--loss", "mse")


@mistake("'windows'", "Did you mean 'window'?")
def unknown_streaming(scene: Scene) -> list[object]:
    return scene.train(scene.manifest(), "--streaming", "windows")


@mistake("'whisper-tny'", "Did you mean 'whisper-tiny")
def unknown_verifier(scene: Scene) -> list[object]:
    return scene.train(scene.manifest(), "--verifier", "whisper-tny")


@mistake("strategy top:9: tiny has 3 layer groups", "Choose top:1 to top:3")
def too_many_layers(scene: Scene) -> list[object]:
    return scene.train(scene.manifest(), "--strategy", "top:9")


@mistake("--layers top", "numbers such as 2,3,4")
def layers_not_numbers(scene: Scene) -> list[object]:
    return scene.train(scene.manifest(), "--layers", "top")


@mistake("output layers (1, 7)", "expected numbers from 1 to 2")
def layers_that_are_not_there(scene: Scene) -> list[object]:
    return scene.train(scene.manifest(), "--layers", "1,7")


@mistake("'--hours': 0", "0.05<=x<=1000")
def hours_of_0(scene: Scene) -> list[object]:
    return scene.train(scene.manifest(), "--hours", 0)


@mistake("'--epochs': 'many'", "integer")
def epochs_in_words(scene: Scene) -> list[object]:
    return scene.train(scene.manifest(), "--epochs", "many")


@mistake("'--threshold': -0.5", "0.0<=x<=1.0")
def threshold_negative(scene: Scene) -> list[object]:
    return [*scene.detect(scene.wav()), "--threshold", -0.5]


@mistake("'--threshold': 50", "0.0<=x<=1.0")
def threshold_in_percent(scene: Scene) -> list[object]:
    return [*scene.detect(scene.wav()), "--threshold", 50]


@mistake("'--false-accepts-per-hour': 0", "x>0.0")
def no_false_accepts_at_all(scene: Scene) -> list[object]:
    return ["calibrate", scene.model, "--false-accepts-per-hour", 0]


@mistake("a hop of 7 ms", "a multiple of 40")
def hop_that_is_no_frame(scene: Scene) -> list[object]:
    return scene.train(scene.manifest(), "--hop-ms", 7)


@mistake("there is no second stage", "Leave it out")
def verifier_option_without_a_verifier(scene: Scene) -> list[object]:
    return scene.train(scene.manifest(), "--candidates-per-hour", 5)
