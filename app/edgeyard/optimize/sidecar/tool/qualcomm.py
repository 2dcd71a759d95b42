"""ONNX → Qualcomm AI Engine Direct by the SDK's `qnn-onnx-converter`. Sidecar `qualcomm`.

What comes out is the converter's model source, weights and description in an uncompressed ZIP: the SDK's library
generator builds it for the device's own system. Settings: `precision` (fp32 or int8), `activation_bits`, `input_name`.
Inputs: `model`, and for int8 `samples` (.npy float32).
"""

from __future__ import annotations

import zipfile
from pathlib import Path

from edgeyard.optimize.sidecar.tool.task import Outcome, RefusedError, Task
from edgeyard.optimize.sidecar.tool.vendor import program_version, run_program

_EPOCH = (1980, 1, 1, 0, 0, 0)
_NEEDED, _WRITTEN = "model.cpp", ("model.cpp", "model.bin", "model_net.json")


def convert(task: Task) -> Outcome:
    """Serve a request."""
    settings, folder = task.settings, task.folder
    arguments = ["--input_network", str(task.inputs["model"]), "--output_path", str(folder / _NEEDED)]
    # Samples stay in the layout of the ONNX model, and so does the input on the device.
    arguments += ["--preserve_io", "layout"]
    if settings["precision"] == "int8":
        listing = _write_samples(task)
        arguments += ["--input_list", str(listing), "--weights_bitwidth", "8"]
        arguments += ["--act_bitwidth", str(settings["activation_bits"]), "--use_per_channel_quantization"]
    task.tell(0.2, "Converting.")
    run_program(task, arguments, what="converting the model")
    written = [folder / name for name in _WRITTEN if (folder / name).is_file()]
    if folder / _NEEDED not in written:
        raise RefusedError("The Qualcomm converter wrote no model.", "Its log says why.")
    with zipfile.ZipFile(task.output, "w", zipfile.ZIP_STORED) as archive:
        for path in written:
            archive.writestr(zipfile.ZipInfo(path.name, _EPOCH), path.read_bytes())
    return Outcome(
        notes=["Build it for the device with qnn-model-lib-generator of the same SDK."],
        versions={"qnn": program_version(task, "--version")},
    )


def _write_samples(task: Task) -> Path:
    """Raw float32 files and the list of them, as the converter reads calibration samples. Standard library only."""
    data = task.inputs["samples"].read_bytes()
    header = 10 + int.from_bytes(data[8:10], "little")
    count = task.settings["samples"]
    size = (len(data) - header) // count
    folder = task.folder / "raw"
    folder.mkdir(exist_ok=True)
    lines = []
    for index in range(count):
        path = folder / f"{index}.raw"
        path.write_bytes(data[header + index * size : header + (index + 1) * size])
        lines.append(f"{task.settings['input_name']}:={path}")
    listing = task.folder / "samples.txt"
    listing.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return listing
