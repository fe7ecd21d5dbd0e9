"""Mistakes with models, exported files and weights."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path

import safetensors.torch
import torch
import training

from mistakes.workspace import Workspace, mistake
from wakeword.exporting.onnx import export_onnx
from wakeword.model.file import load_model


def exported(workspace: Workspace) -> Path:
    path = workspace.place / "tiny.onnx"
    export_onnx(load_model(workspace.model), path)
    return path


@mistake("no.wakeword: no such model file", "wakeword train")
def model_missing(workspace: Workspace) -> list[object]:
    return ["detect", workspace.place / "no.wakeword", workspace.wav()]


@mistake("tiny.wakeword: not a complete safetensors file", "wakeword train")
def model_truncated(workspace: Workspace) -> list[object]:
    whole = workspace.model.read_bytes()
    workspace.model.write_bytes(whole[: len(whole) // 2])
    return workspace.detect(workspace.wav())


@mistake("tiny.wakeword: 0 bytes, not a model", "wakeword train")
def model_empty(workspace: Workspace) -> list[object]:
    workspace.model.write_bytes(b"")
    return workspace.detect(workspace.wav())


@mistake("notes.txt: not a complete safetensors file", "wakeword train")
def text_as_model(workspace: Workspace) -> list[object]:
    return ["info", workspace.text("notes.txt", "a text about models")]


@mistake("models: no such model file: it is a folder", "Name a file in it")
def folder_as_model(workspace: Workspace) -> list[object]:
    (workspace.place / "models").mkdir()
    return ["detect", workspace.place / "models", workspace.wav()]


@mistake("tiny.wakeword: not a complete safetensors file", "wakeword train")
def model_is_a_pickle(workspace: Workspace) -> list[object]:
    class Hostile:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(workspace.place / "pwned"),)

    workspace.model.write_bytes(pickle.dumps(Hostile()))
    return workspace.detect(workspace.wav())


@mistake("tiny.wakeword: a wakeword file with inconsistent content", "Train it again")
def model_with_changed_metadata(workspace: Workspace) -> list[object]:
    with safetensors.safe_open(workspace.model, framework="pt") as file:
        about = json.loads(file.metadata()["wakeword"])
    about["encoder_settings"]["chunk"] = 10**9
    tensors = safetensors.torch.load_file(workspace.model)
    safetensors.torch.save_file(tensors, workspace.model, {"wakeword": json.dumps(about)})
    return workspace.detect(workspace.wav())


@mistake("tiny.wakeword: a safetensors file of another program", "wakeword train")
def weights_as_model(workspace: Workspace) -> list[object]:
    safetensors.torch.save_file({"x": torch.zeros(3)}, workspace.model)
    return workspace.detect(workspace.wav())


@mistake("tiny.wakeword: written in format 'wakeword/99'", "Update wakeword")
def model_from_the_future(workspace: Workspace) -> list[object]:
    about = {"wakeword": json.dumps({"format": "wakeword/99"})}
    safetensors.torch.save_file({"x": torch.zeros(3)}, workspace.model, about)
    return workspace.detect(workspace.wav())


@mistake("tiny.onnx: an exported model", "Give the model that it was exported from")
def exporting_an_exported_file(workspace: Workspace) -> list[object]:
    return ["export", exported(workspace), "-o", workspace.place / "again.onnx"]


@mistake("tiny.onnx: an exported model", "Give the model that it was exported from")
def calibrating_an_exported_file(workspace: Workspace) -> list[object]:
    return ["calibrate", exported(workspace), "--negatives", workspace.wav()]


@mistake("renamed.onnx: cannot be opened as ONNX", "wakeword export")
def model_renamed_onnx(workspace: Workspace) -> list[object]:
    renamed = workspace.model.rename(workspace.place / "renamed.onnx")
    return ["detect", renamed, workspace.wav()]


@mistake("tiny.onnx: an exported model", "Give the model that it was exported from")
def exported_file_before_the_model(workspace: Workspace) -> list[object]:
    return ["verify-export", exported(workspace), workspace.model]


@mistake("tiny.wakeword: cannot be opened as ONNX", "wakeword export")
def model_as_exported_file(workspace: Workspace) -> list[object]:
    return ["verify-export", workspace.model, workspace.model]


@mistake("no.pt: no such checkpoint", "Check the path")
def weights_missing(workspace: Workspace) -> list[object]:
    return workspace.train(workspace.manifest(), "--weights", workspace.place / "no.pt")


@mistake("model.safetensors: not a complete safetensors file", "Fetch it again")
def weights_truncated(workspace: Workspace) -> list[object]:
    arguments = workspace.train(workspace.manifest())
    file = workspace.place / "weights" / "model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    return arguments


@mistake("model.safetensors: not the encoder of whisper-tiny", "Name the encoder")
def weights_of_another_encoder(workspace: Workspace) -> list[object]:
    return workspace.train(workspace.manifest(), "--encoder", "whisper-tiny")


@mistake("empty: holds neither model.bin", "Give the folder that holds one of them")
def weights_folder_empty(workspace: Workspace) -> list[object]:
    (workspace.place / "empty").mkdir()
    return workspace.train(workspace.manifest(), "--weights", workspace.place / "empty")


@mistake("tiny.wakeword: not a known checkpoint format", "Expected an OpenAI .pt")
def model_as_weights(workspace: Workspace) -> list[object]:
    return workspace.train(workspace.manifest(), "--weights", workspace.model)


@mistake("is the model itself", "a name of its own")
def improving_a_model_in_place(workspace: Workspace) -> list[object]:
    data = training.write_data(workspace.place / "data", label="alexa")
    return ["improve", workspace.model, data, "--data", data, "-o", workspace.model]


@mistake("twin.wakeword: detects 'alexa', and so does", "Serve one of the two")
def two_models_of_one_keyword(workspace: Workspace) -> list[object]:
    twin = workspace.place / "twin.wakeword"
    twin.write_bytes(workspace.model.read_bytes())
    return ["serve", workspace.model, twin, "--port", 0]
