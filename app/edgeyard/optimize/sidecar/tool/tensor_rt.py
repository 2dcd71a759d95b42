"""ONNX → TensorRT engine by NVIDIA's `trtexec`. Runs in the sidecar `tensorrt`.

Settings: `precision` (fp32, fp16 or int8 for a QDQ model), `shape` (`input:1x3x32x32` for a free batch axis, else
empty), `workspace_mib`. An engine runs only on the kind of GPU and the version of TensorRT that it was built with.
"""

from __future__ import annotations

from edgeyard.optimize.sidecar.tool.task import Outcome, Task
from edgeyard.optimize.sidecar.tool.vendor import program_version, run_program, take_output


def convert(task: Task) -> Outcome:
    """Serve a request."""
    settings = task.settings
    engine = task.folder / "model.engine"
    arguments = [
        f"--onnx={task.inputs['model']}",
        f"--saveEngine={engine}",
        f"--memPoolSize=workspace:{settings['workspace_mib']}",
        "--skipInference",
    ]
    if settings["shape"]:
        arguments += [f"--{which}Shapes={settings['shape']}" for which in ("min", "opt", "max")]
    # int8 takes its ranges from the QDQ operators; what they leave open may be computed in fp16.
    arguments += {"fp32": ["--noTF32"], "fp16": ["--fp16"], "int8": ["--int8", "--fp16"]}[settings["precision"]]
    task.tell(0.1, "Building the engine; TensorRT times its kernels.")
    run_program(task, arguments, what="building the engine")
    take_output(task, engine)
    version = program_version(task, "--help", pattern=r"TensorRT v(\d+)")
    return Outcome(
        notes=["The engine runs only on GPUs of this machine's kind, with this version of TensorRT."],
        versions={"tensorrt": version},
    )
