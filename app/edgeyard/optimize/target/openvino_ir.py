"""OpenVINO's intermediate representation from ONNX, in one file; a QDQ model becomes an int8 one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta

from edgeyard.optimize.runtime.open_session import runtime_obstacle
from edgeyard.optimize.runtime.openvino_archive import pack_openvino
from edgeyard.optimize.step import Settings, StepInput, StepOutput, Trait
from edgeyard.optimize.summary import ModelSummary

_NUMBERED = re.compile(r"[A-Za-z0-9]+_\d+")
_BUILD = re.compile(r'(<info name="OpenVINO Runtime" value=")[^"]*')


class OpenVinoSettings(Settings, frozen=True, kw_only=True):
    """What the OpenVINO pass can be told."""

    precision: Annotated[
        Literal["keep", "fp16", "bf16"],
        Meta(
            description="`keep` leaves types as they are; `fp16` halves the weights; `bf16` lets processors that have"
            " it compute in bfloat16, with weights in 32 bits."
        ),
    ] = "keep"
    single: Annotated[
        bool, Meta(description="Fix the batch at one sample, which saves working out shapes at run time.")
    ] = True


class OpenVinoIr:
    """See `text`."""

    kind: ClassVar[str] = "openvino"
    title: ClassVar[str] = "OpenVINO"
    text: ClassVar[str] = (
        "Writes OpenVINO's own format, for Intel processors, GPUs and NPUs, and for Arm. A statically quantized ONNX"
        " model (QDQ) stays int8."
    )
    settings_type: ClassVar[type[Settings]] = OpenVinoSettings

    def trait(self, settings: OpenVinoSettings, source: Trait) -> Trait:
        """int8 stays int8."""
        precision = source.precision if settings.precision == "keep" else settings.precision
        return Trait(precision, source.form, "openvino", "openvino")

    def obstacle(self, settings: OpenVinoSettings, given: StepInput) -> str:
        """Needs the package, and an ONNX model that OpenVINO's arithmetic fits."""
        if given.trait.file_format != "onnx":
            return f"It starts from ONNX, not from {given.trait.file_format}."
        if settings.precision != "keep" and given.trait.precision != "fp32":
            return f"A model in {given.trait.precision} is not turned into {settings.precision}."
        return runtime_obstacle(self.trait(settings, given.trait))

    def cost_s(self, settings: OpenVinoSettings, summary: ModelSummary, samples: int) -> float:
        """Importing, reading and writing."""
        return 0.8 + summary.parameters * 3e-8

    def run(self, settings: OpenVinoSettings, given: StepInput, out: Path) -> StepOutput:
        """Read the ONNX file and save it: nothing of OpenVINO's converter, which reports home, takes part."""
        import openvino

        model = openvino.Core().read_model(str(given.source))
        if settings.single and given.summary.batch is None:
            shape = model.inputs[0].get_partial_shape()
            shape[0] = 1
            model.reshape(shape)
        _name_layers(model, given.source)
        # Said in the file: one to be computed in bfloat16 would otherwise be the same bytes as the fp32 one.
        model.set_rt_info(self.trait(settings, given.trait).precision, ["edgeyard", "precision"])
        graph, weights = given.scratch / "model.xml", given.scratch / "model.bin"
        openvino.save_model(model, str(graph), compress_to_fp16=settings.precision == "fp16")
        # The build's own number would make the same model another artifact after each update; indentation is a third of
        # the text, and the text more than half of a small model.
        text = _BUILD.sub(r"\1", graph.read_text(encoding="utf-8"))
        graph.write_text(re.sub(r">\s+<", "><", text), encoding="utf-8")
        pack_openvino(graph, weights, out)
        return StepOutput((f"Written by OpenVINO {openvino.__version__.partition('-')[0]}.",))


def _name_layers(model: Any, source: Path) -> None:
    """Layers that have no name in the source get one by their place: OpenVINO numbers them by the process's history."""
    import onnx

    graph = onnx.load(source, load_external_data=False).graph
    given = {node.name for node in graph.node} | {name for node in graph.node for name in (*node.input, *node.output)}
    for index, layer in enumerate(model.get_ordered_ops()):
        name = layer.get_friendly_name()
        if name not in given and _NUMBERED.fullmatch(name):
            layer.set_friendly_name(f"{layer.get_type_name()}-{index}")
