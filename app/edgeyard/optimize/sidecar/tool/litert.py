"""ONNX → .tflite by onnx2tf's direct writer; int8 by ai-edge-quantizer. Runs in the sidecar `litert`.

Settings: `precision` (fp32, fp16 or int8), `input_name`, and for int8 `calibration` (min-max, moving-average) and
`float_io`. Inputs: `model` (ONNX) and for int8 `samples` (.npy, prepared float32, N×…).
"""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgeyard.optimize.sidecar.tool.task import Outcome, RefusedError, Task

_WRITTEN = {"fp32": "model_float32.tflite", "fp16": "model_float16.tflite", "int8": "model_float32.tflite"}


def convert(task: Task) -> Outcome:
    """Serve a request."""
    precision = task.settings["precision"]
    task.tell(0.05, "Loading the converter.")
    floating = _write_floating(task, precision)
    packages: tuple[str, ...] = ("onnx2tf", "onnx")
    notes = []
    if precision == "int8":
        samples = _quantize(task, floating)
        packages += ("ai-edge-quantizer", "ai-edge-litert")
        notes.append(f"Calibrated on {samples} samples.")
    else:
        shutil.copyfile(floating, task.output)
    task.tell(1.0, "Written.")
    return Outcome(notes=notes, packages=packages)


def _write_floating(task: Task, precision: str) -> Path:
    import onnx2tf

    folder = task.folder / "written"
    task.tell(0.2, "Writing the LiteRT model.")
    try:
        with contextlib.redirect_stdout(sys.stderr):
            onnx2tf.convert(
                input_onnx_file_path=str(task.inputs["model"]),
                output_folder_path=str(folder),
                tflite_backend="flatbuffer_direct",
                batch_size=1,
                # The artifact takes the same samples as the original: no change from NCHW to NHWC at the border.
                keep_shape_absolutely_input_names=[task.settings["input_name"]],
                non_verbose=True,
            )
    except SystemExit as error:
        raise RefusedError("onnx2tf cannot convert the model; its log says which operator it stopped at.") from error
    path = folder / _WRITTEN[precision]
    if not path.is_file():
        raise RefusedError("onnx2tf wrote no model; its log says why.")
    return path


def _quantize(task: Task, source: Path) -> int:
    import numpy as np
    from ai_edge_quantizer import calibrator, qtyping, quantizer, recipe_manager
    from ai_edge_quantizer.utils import calibration_utils

    # Its own default forgets: a moving average of each sample's extremes, which cuts off what is rare.
    update = {
        "min-max": calibration_utils.min_max_update,
        "moving-average": calibration_utils.moving_average_update,
    }[task.settings["calibration"]]
    recipe = recipe_manager.RecipeManager()
    everything = qtyping.TFLOperationName.ALL_SUPPORTED
    recipe.add_static_config(regex=".*", operation_name=everything, activation_num_bits=8, weight_num_bits=8)
    if task.settings["float_io"]:
        for border in (qtyping.TFLOperationName.INPUT, qtyping.TFLOperationName.OUTPUT):
            recipe.add_quantization_config(regex=".*", operation_name=border, algorithm_key="no_quantize")
    samples: Any = np.load(task.inputs["samples"], mmap_mode="r", allow_pickle=False)
    name = task.settings["input_name"]

    def feeds() -> Iterator[dict[str, Any]]:
        for index, sample in enumerate(samples):
            task.tell(0.3 + 0.6 * index / len(samples), f"Calibrating: {index} of {len(samples)} samples.")
            yield {name: np.ascontiguousarray(sample[None])}

    calibration = calibrator.Calibrator(str(source), qsv_update_func=update)
    calibration.calibrate({_signature(calibration): list(feeds())}, recipe)
    task.tell(0.92, "Quantizing.")
    work = quantizer.Quantizer(str(source))
    work.load_quantization_recipe(recipe.get_quantization_recipe())
    work.quantize(calibration.get_model_qsvs()).export_model(str(task.output), overwrite=True)
    return len(samples)


def _signature(calibration: Any) -> str:
    signatures = list(calibration.get_signature_list())
    if not signatures:
        raise RefusedError("The LiteRT model has no signature to calibrate.")
    return str(signatures[0])
