"""Wake-word detection with pretrained speech recognisers.

    import wakeword

    data = wakeword.assign_splits(wakeword.read_dataset("recordings/"))
    result = wakeword.train(data, ["computer"])
    wakeword.save(result.model, "computer.wakeword")

    detector = wakeword.Detector(wakeword.load("computer.wakeword"))
    for detection in detector.feed(samples):  # (n,) at 16 kHz, float32 in [-1, 1] or int16, any n
        print(detection.keyword, detection.score, detection.time)

Every name here is imported when it is first used: `import wakeword` alone loads no torch.
`wakeword.runtime` runs exported models without torch.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wakeword.data.check import check_dataset as check
    from wakeword.data.readers import read_dataset as read_dataset
    from wakeword.data.splits import assign_splits as assign_splits
    from wakeword.detection.detector import Detector as Detector
    from wakeword.detection.trigger import Detection as Detection
    from wakeword.encoders.registry import list_encoders as list_encoders
    from wakeword.encoders.registry import load_encoder as load_encoder
    from wakeword.evaluation.calibrate import calibrate as calibrate
    from wakeword.evaluation.evaluator import evaluate as evaluate
    from wakeword.exporting.onnx import export_onnx as export
    from wakeword.model.file import load_model as load
    from wakeword.model.file import save_model as save
    from wakeword.model.network import WakeWordModel as WakeWordModel
    from wakeword.model.two_stage import TwoStageModel as TwoStageModel
    from wakeword.training.config import TrainConfig as TrainConfig
    from wakeword.training.enroll import enroll as enroll
    from wakeword.training.train import train as train

__version__ = "0.2.0"

_DEFINED_IN = {
    "Detection": "detection.trigger:Detection",
    "Detector": "detection.detector:Detector",
    "TrainConfig": "training.config:TrainConfig",
    "TwoStageModel": "model.two_stage:TwoStageModel",
    "WakeWordModel": "model.network:WakeWordModel",
    "assign_splits": "data.splits:assign_splits",
    "calibrate": "evaluation.calibrate:calibrate",
    "check": "data.check:check_dataset",
    "enroll": "training.enroll:enroll",
    "evaluate": "evaluation.evaluator:evaluate",
    "export": "exporting.onnx:export_onnx",
    "list_encoders": "encoders.registry:list_encoders",
    "load": "model.file:load_model",
    "load_encoder": "encoders.registry:load_encoder",
    "read_dataset": "data.readers:read_dataset",
    "save": "model.file:save_model",
    "train": "training.train:train",
}
"""Public name → the module below `wakeword` that defines it, and its name there."""

__all__ = [
    "Detection",
    "Detector",
    "TrainConfig",
    "TwoStageModel",
    "WakeWordModel",
    "assign_splits",
    "calibrate",
    "check",
    "enroll",
    "evaluate",
    "export",
    "list_encoders",
    "load",
    "load_encoder",
    "read_dataset",
    "save",
    "train",
]


def __getattr__(name: str) -> object:
    if name not in _DEFINED_IN:
        raise AttributeError(f"module 'wakeword' has no attribute '{name}'")
    module, _, attribute = _DEFINED_IN[name].partition(":")
    return getattr(importlib.import_module(f"wakeword.{module}"), attribute)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
