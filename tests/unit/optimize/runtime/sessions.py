"""The toy model as a file for each runtime, and what tests need to compare their answers."""

from pathlib import Path

import numpy as np
import pytest

from edgeyard.domain.model import Preprocessing
from edgeyard.optimize.dataset import Dataset
from edgeyard.optimize.runtime.openvino_archive import pack_openvino
from edgeyard.optimize.step import Trait
from tests.unit.optimize import toy_model

DATA = Path(__file__).parent / "data"
PREPROCESSING = Preprocessing("NCHW", 255.0, (0.5,), (0.25,))
ONNX = Trait()
ORT = Trait(file_format="ort")
OPENVINO = Trait(file_format="openvino", runtime="openvino")
LITERT = Trait(file_format="tflite", runtime="litert")


def dataset(count: int = 10) -> Dataset:
    return Dataset(toy_model.images(count), None, PREPROCESSING, "")


def write_toy(trait: Trait, folder: Path) -> Path:
    """The toy classifier in the file format of `trait`; skips the test where that needs a package that is not here."""
    source = toy_model.save(toy_model.classifier(), folder / "toy.onnx")
    if trait.file_format == "tflite":
        pytest.importorskip("ai_edge_litert")
        return DATA / ("toy_int8.tflite" if trait.precision == "int8" else "toy_float32.tflite")
    if trait.file_format == "openvino":
        openvino = pytest.importorskip("openvino")
        openvino.save_model(openvino.Core().read_model(source), folder / "model.xml", compress_to_fp16=False)
        pack_openvino(folder / "model.xml", folder / "model.bin", folder / "toy.zip")
        return folder / "toy.zip"
    if trait.file_format == "ort":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.optimized_model_filepath = str(folder / "toy.ort")
        options.add_session_config_entry("session.save_model_format", "ORT")
        onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
        return folder / "toy.ort"
    return source


def answer(path: Path, trait: Trait) -> np.ndarray:
    """The scores of ten images; at the top level, for workers."""
    from edgeyard.optimize.runtime.open_session import open_session

    return open_session(path, trait).scores(dataset())


def answer_in_worker(path: Path, runtime: str, file_format: str) -> list[list[float]]:
    """As `answer`, with plain types."""
    return answer(path, Trait(file_format=file_format, runtime=runtime)).tolist()  # type: ignore[no-any-return]
