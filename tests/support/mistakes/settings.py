"""Mistakes with names of commands and options, and with their values."""

from __future__ import annotations

from mistakes.workspace import Workspace, mistake


@mistake("'trian'", "--help")
def command_mistyped(workspace: Workspace) -> list[object]:
    return ["trian", workspace.place]


@mistake("--keywrd", "--keyword")
def option_mistyped(workspace: Workspace) -> list[object]:
    return workspace.train(workspace.place, "--keywrd", "ping")


@mistake("Missing option '-o' / '--output'", "train --help")
def no_output(workspace: Workspace) -> list[object]:
    return ["train", workspace.place]


@mistake("unknown encoder 'tny'", "Did you mean 'tiny'?")
def unknown_encoder(workspace: Workspace) -> list[object]:
    return workspace.train(workspace.manifest(), "--encoder", "tny")


@mistake("'cnv'", "Did you mean 'conv'?")
def unknown_head(workspace: Workspace) -> list[object]:
    return workspace.train(workspace.manifest(), "--head", "cnv")


@mistake("'deep'", "layerwise")
def unknown_strategy(workspace: Workspace) -> list[object]:
    return workspace.train(workspace.manifest(), "--strategy", "deep")


@mistake("'mse'", "max-pooling")
def unknown_loss(workspace: Workspace) -> list[object]:
    return workspace.train(workspace.manifest(), "--loss", "mse")


@mistake("'windows'", "Did you mean 'window'?")
def unknown_streaming(workspace: Workspace) -> list[object]:
    return workspace.train(workspace.manifest(), "--streaming", "windows")


@mistake("'whisper-tny'", "Did you mean 'whisper-tiny")
def unknown_verifier(workspace: Workspace) -> list[object]:
    return workspace.train(workspace.manifest(), "--verifier", "whisper-tny")


@mistake("strategy top:9: tiny has 3 layer groups", "Choose top:1 to top:3")
def too_many_layers(workspace: Workspace) -> list[object]:
    return workspace.train(workspace.manifest(), "--strategy", "top:9")


@mistake("--layers top", "numbers such as 2,3,4")
def layers_not_numbers(workspace: Workspace) -> list[object]:
    return workspace.train(workspace.manifest(), "--layers", "top")


@mistake("output layers (1, 7)", "expected numbers from 1 to 2")
def layers_that_are_not_there(workspace: Workspace) -> list[object]:
    return workspace.train(workspace.manifest(), "--layers", "1,7")


@mistake("'--hours': 0", "0.05<=x<=1000")
def hours_of_0(workspace: Workspace) -> list[object]:
    return workspace.train(workspace.manifest(), "--hours", 0)


@mistake("'--epochs': 'many'", "integer")
def epochs_in_words(workspace: Workspace) -> list[object]:
    return workspace.train(workspace.manifest(), "--epochs", "many")


@mistake("'--threshold': -0.5", "0.0<=x<=1.0")
def threshold_negative(workspace: Workspace) -> list[object]:
    return [*workspace.detect(workspace.wav()), "--threshold", -0.5]


@mistake("'--threshold': 50", "0.0<=x<=1.0")
def threshold_in_percent(workspace: Workspace) -> list[object]:
    return [*workspace.detect(workspace.wav()), "--threshold", 50]


@mistake("'--false-accepts-per-hour': 0", "x>0.0")
def no_false_accepts_at_all(workspace: Workspace) -> list[object]:
    return ["calibrate", workspace.model, "--false-accepts-per-hour", 0]


@mistake("a hop of 7 ms", "a multiple of 40")
def hop_that_is_no_frame(workspace: Workspace) -> list[object]:
    return workspace.train(workspace.manifest(), "--hop-ms", 7)


@mistake("there is no second stage", "Leave it out")
def verifier_option_without_a_verifier(workspace: Workspace) -> list[object]:
    return workspace.train(workspace.manifest(), "--candidates-per-hour", 5)
