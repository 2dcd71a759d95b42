"""ONNX Runtime's own ORT format: smaller to load and needs no ONNX parser, for reduced builds on small devices."""

from __future__ import annotations

import logging
import re
import warnings
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from edgeyard.optimize.step import Settings, StepInput, StepOutput, Trait
from edgeyard.optimize.summary import ModelSummary

_LEVELS = {
    "none": "ORT_DISABLE_ALL",
    "basic": "ORT_ENABLE_BASIC",
    "extended": "ORT_ENABLE_EXTENDED",
    "all": "ORT_ENABLE_ALL",
}


class OrtFormatSettings(Settings, frozen=True, kw_only=True):
    """What the ORT format pass can be told."""

    optimization: Annotated[
        Literal["none", "basic", "extended", "all"],
        Meta(
            description="What ONNX Runtime does to the graph before it is written, for nothing is done when it is"
            " loaded. `extended` fuses into its own operators, which a reduced build must then hold. `all` also lays"
            " out tensors for the vectors of this machine's processor: fast there, and for no other kind."
        ),
    ] = "all"


class OrtFormat:
    """See `text`."""

    kind: ClassVar[str] = "ort-format"
    title: ClassVar[str] = "ORT format"
    text: ClassVar[str] = (
        "Writes ONNX Runtime's own file format, which loads without the ONNX parser, and lists the operators and types"
        " that a reduced build of ONNX Runtime must hold to run it."
    )
    settings_type: ClassVar[type[Settings]] = OrtFormatSettings

    def trait(self, settings: OrtFormatSettings, source: Trait) -> Trait:
        """Nothing changes but the format of the file."""
        return Trait(source.precision, source.form, "ort", "onnxruntime")

    def obstacle(self, settings: OrtFormatSettings, given: StepInput) -> str:
        """Only ONNX goes in."""
        return "" if given.trait.file_format == "onnx" else f"It starts from ONNX, not from {given.trait.file_format}."

    def cost_s(self, settings: OrtFormatSettings, summary: ModelSummary, samples: int) -> float:
        """Loading and writing once, and once more to list the operators."""
        return 0.3 + summary.parameters * 1e-8

    def run(self, settings: OrtFormatSettings, given: StepInput, out: Path) -> StepOutput:
        """Save the session's graph. Bytes differ by run: ONNX Runtime writes some lists in a hash table's order."""
        import onnxruntime

        written = given.scratch / "model.ort"
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, _LEVELS[settings.optimization])
        options.optimized_model_filepath = str(written)
        options.add_session_config_entry("session.save_model_format", "ORT")
        onnxruntime.InferenceSession(str(given.source), options, providers=["CPUExecutionProvider"])
        config = operator_config(written)
        written.replace(out)
        return StepOutput(
            (f"A reduced build needs {_count(config)} operators.",),
            {"operator_config": config},
        )


def _count(config: list[str]) -> int:
    """The operators in an operator configuration: types stand in braces after a name, with commas of their own."""
    return sum(len(re.sub(r"\{.*?\}+", "", line).split(",")) for line in config)


def operator_config(model: Path) -> list[str]:
    """The lines of the operator configuration for a reduced build of ONNX Runtime (`--include_ops_by_config`).

    The format is that of ONNX Runtime's documentation: `domain;opset;Operator{types},…`, one line per domain and opset.
    """
    from onnxruntime.tools.ort_format_model import create_config_from_models

    logging.getLogger("ort_format_model.utils").setLevel(logging.WARNING)
    lines = model.with_name("operators.config")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it leaves the closing of its files to Python
        create_config_from_models([model], lines, enable_type_reduction=True)
    text = lines.read_text(encoding="utf-8").splitlines()
    return [line for line in text if line and not line.startswith("#")]
