"""Mistakes with models, exported files and weights."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path

import safetensors.torch
import torch
import training

from mistakes.scene import Scene, mistake
from wakeword.exporting.onnx import export_onnx
from wakeword.model.file import load_model


def exported(scene: Scene) -> Path:
    path = scene.place / "tiny.onnx"
    export_onnx(load_model(scene.model), path)
    return path


@mistake("no.wakeword: no such model file", "wakeword train")
def model_missing(scene: Scene) -> list[object]:
    return ["detect", scene.place / "no.wakeword", scene.wav()]


@mistake("tiny.wakeword: not a complete safetensors file", "wakeword train")
def model_truncated(scene: Scene) -> list[object]:
    whole = scene.model.read_bytes()
    scene.model.write_bytes(whole[: len(whole) // 2])
    return scene.detect(scene.wav())


@mistake("tiny.wakeword: 0 bytes, not a model", "wakeword train")
def model_empty(scene: Scene) -> list[object]:
    scene.model.write_bytes(b"")
    return scene.detect(scene.wav())


@mistake("notes.txt: not a complete safetensors file", "wakeword train")
def text_as_model(scene: Scene) -> list[object]:
    return ["info", scene.text("notes.txt", "a text about models")]


@mistake("models: no such model file: it is a folder", "Name a file in it")
def folder_as_model(scene: Scene) -> list[object]:
    (scene.place / "models").mkdir()
    return ["detect", scene.place / "models", scene.wav()]


@mistake("tiny.wakeword: not a complete safetensors file", "wakeword train")
def model_is_a_pickle(scene: Scene) -> list[object]:
    class Hostile:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(scene.place / "pwned"),)

    scene.model.write_bytes(pickle.dumps(Hostile()))
    return scene.detect(scene.wav())


@mistake("tiny.wakeword: a wakeword file with inconsistent content", "Train it again")
def model_with_changed_metadata(scene: Scene) -> list[object]:
    with safetensors.safe_open(scene.model, framework="pt") as file:
        about = json.loads(file.metadata()["wakeword"])
    about["encoder_settings"]["chunk"] = 10**9
    tensors = safetensors.torch.load_file(scene.model)
    safetensors.torch.save_file(tensors, scene.model, {"wakeword": json.dumps(about)})
    return scene.detect(scene.wav())


@mistake("tiny.wakeword: a safetensors file of another program", "wakeword train")
def weights_as_model(scene: Scene) -> list[object]:
    safetensors.torch.save_file({"x": torch.zeros(3)}, scene.model)
    return scene.detect(scene.wav())


@mistake("tiny.wakeword: written in format 'wakeword/99'", "Update wakeword")
def model_from_the_future(scene: Scene) -> list[object]:
    about = {"wakeword": json.dumps({"format": "wakeword/99"})}
    safetensors.torch.save_file({"x": torch.zeros(3)}, scene.model, about)
    return scene.detect(scene.wav())


@mistake("tiny.onnx: an exported model", "Give the model that it was exported from")
def exporting_an_exported_file(scene: Scene) -> list[object]:
    return ["export", exported(scene), "-o", scene.place / "again.onnx"]


@mistake("tiny.onnx: an exported model", "Give the model that it was exported from")
def calibrating_an_exported_file(scene: Scene) -> list[object]:
    return ["calibrate", exported(scene), "--negatives", scene.wav()]


@mistake("renamed.onnx: cannot be opened as ONNX", "wakeword export")
def model_renamed_onnx(scene: Scene) -> list[object]:
    renamed = scene.model.rename(scene.place / "renamed.onnx")
    return ["detect", renamed, scene.wav()]


@mistake("tiny.onnx: an exported model", "Give the model that it was exported from")
def exported_file_before_the_model(scene: Scene) -> list[object]:
    return ["verify-export", exported(scene), scene.model]


@mistake("tiny.wakeword: cannot be opened as ONNX", "wakeword export")
def model_as_exported_file(scene: Scene) -> list[object]:
    return ["verify-export", scene.model, scene.model]


@mistake("no.pt: no such checkpoint", "Check the path")
def weights_missing(scene: Scene) -> list[object]:
    return scene.train(scene.manifest(), "--weights", scene.place / "no.pt")


@mistake("model.safetensors: not a complete safetensors file", "Fetch it again")
def weights_truncated(scene: Scene) -> list[object]:
    arguments = scene.train(scene.manifest())
    file = scene.place / "weights" / "model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    return arguments


@mistake("model.safetensors: not the encoder of whisper-tiny", "Name the encoder")
def weights_of_another_encoder(scene: Scene) -> list[object]:
    return scene.train(scene.manifest(), "--encoder", "whisper-tiny")


@mistake("empty: holds neither model.bin", "Give the folder that holds one of them")
def weights_folder_empty(scene: Scene) -> list[object]:
    (scene.place / "empty").mkdir()
    return scene.train(scene.manifest(), "--weights", scene.place / "empty")


@mistake("tiny.wakeword: not a known checkpoint format", "Expected an OpenAI .pt")
def model_as_weights(scene: Scene) -> list[object]:
    return scene.train(scene.manifest(), "--weights", scene.model)


@mistake("is the model itself", "a name of its own")
def improving_a_model_in_place(scene: Scene) -> list[object]:
    data = training.write_data(scene.place / "data", label="alexa")
    return ["improve", scene.model, data, "--data", data, "-o", scene.model]


@mistake("twin.wakeword: detects 'alexa', and so does", "Serve one of the two")
def two_models_of_one_keyword(scene: Scene) -> list[object]:
    twin = scene.place / "twin.wakeword"
    twin.write_bytes(scene.model.read_bytes())
    return ["serve", scene.model, twin, "--port", 0]
