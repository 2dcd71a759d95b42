"""ONNX → HEF by the Hailo Dataflow Compiler's own steps: parse, optimize (quantize), compile. Sidecar `hailo`.

Settings: `architecture` (hailo8, hailo8l, …). Inputs: `model`, and `samples` (.npy float32, N×H×W×C).
"""

from __future__ import annotations

from edgeyard.optimize.sidecar.tool.task import Outcome, RefusedError, Task
from edgeyard.optimize.sidecar.tool.vendor import program_version, run_program, take_output


def convert(task: Task) -> Outcome:
    """Serve a request."""
    folder, architecture = task.folder, task.settings["architecture"]
    parsed, optimized, compiled = folder / "parsed.har", folder / "optimized.har", folder / "compiled"
    compiled.mkdir(exist_ok=True)
    chip = ["--hw-arch", architecture]
    task.tell(0.05, "Reading the model.")
    run_program(
        task,
        ["parser", "onnx", str(task.inputs["model"]), "--har-path", str(parsed), *chip, "-y"],
        what="reading the model",
    )
    task.tell(0.2, "Quantizing.")
    samples = str(task.inputs["samples"])
    run_program(
        task,
        ["optimize", str(parsed), "--calib-set-path", samples, "--output-har-path", str(optimized), *chip],
        what="quantizing the model",
    )
    task.tell(0.5, "Compiling.")
    run_program(task, ["compiler", str(optimized), *chip, "--output-dir", str(compiled)], what="compiling the model")
    made = sorted(compiled.glob("*.hef"))
    if len(made) != 1:
        raise RefusedError(f"The Hailo compiler wrote {len(made)} .hef files instead of one.", "Its log says why.")
    take_output(task, made[0])
    return Outcome(
        notes=[f"Compiled for {architecture}; files for one Hailo chip do not run on another."],
        versions={"hailo-dataflow-compiler": program_version(task, "--version")},
    )
