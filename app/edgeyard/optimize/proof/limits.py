"""What of a written ONNX file the runtimes of a kind of hardware do not take: opset, IR version, operators."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgeyard.domain.hardware import RUNTIMES, HardwareProfile, Runtime
from edgeyard.optimize.engine.suitability import HOST
from edgeyard.optimize.model_file import STANDARD_DOMAINS, all_nodes, opset_of
from edgeyard.optimize.step import Trait

if TYPE_CHECKING:
    import onnx

_ORT_DOMAIN = "com.microsoft"
_THROUGH_ORT = ("onnxruntime", "qnn", "coreml")
"""Runtimes that read ONNX by ONNX Runtime, and know its own operators."""
_NAMED = 3


def file_limits(path: Path, trait: Trait, profiles: Sequence[HardwareProfile]) -> dict[str, str]:
    """By profile id, why none of its runtimes that read ONNX takes the file, as the rest of a sentence.

    Profiles that take it are left out, those that read no ONNX too, and this machine, where it was loaded.
    """
    if trait.file_format != "onnx":
        return {}
    import onnx

    model = onnx.load(path, load_external_data=False)
    limits = {}
    for profile in profiles:
        readers = [RUNTIMES[name] for name in profile.runtimes if "onnx" in RUNTIMES[name].file_formats]
        problems = [_problem(model, runtime) for runtime in readers]
        if profile.id != HOST and problems and all(problems):
            limits[profile.id] = problems[0]
    return limits


def _problem(model: onnx.ModelProto, runtime: Runtime) -> str:
    opset = opset_of(model)
    if not runtime.min_opset <= opset <= runtime.max_opset:
        return f"{runtime.title} takes opset {runtime.min_opset} to {runtime.max_opset}, and it has {opset}."
    if model.ir_version > runtime.max_ir_version:
        return f"{runtime.title} reads up to IR version {runtime.max_ir_version}, and it has {model.ir_version}."
    nodes = list(all_nodes(model))
    lacking = {node.op_type for node in nodes if node.domain in STANDARD_DOMAINS and runtime.lacks(node.op_type)}
    if runtime.name not in _THROUGH_ORT:
        lacking |= {node.op_type for node in nodes if node.domain == _ORT_DOMAIN}
    if not lacking or (runtime.falls_back and not any(node.domain == _ORT_DOMAIN for node in nodes)):
        return ""
    more = f" and {len(lacking) - _NAMED} more" if len(lacking) > _NAMED else ""
    return f"{runtime.title} lacks {', '.join(sorted(lacking)[:_NAMED])}{more}."
