"""What a pass is given in tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx

from edgeyard.optimize.dataset import Dataset
from edgeyard.optimize.inspect_model import inspect_model
from edgeyard.optimize.step import Pass, StepInput, StepOutput, Trait


def given_for(model: onnx.ModelProto, data: Dataset | None, folder: Path, **more: Any) -> StepInput:
    """The input of a step: the model on disk, inspected, and calibration samples."""
    source, scratch = folder / "source.onnx", folder / "scratch"
    source.write_bytes(model.SerializeToString())
    scratch.mkdir(exist_ok=True)
    return StepInput(source, inspect_model(source), more.pop("trait", Trait()), data, scratch, **more)


def run_pass(each: Pass, given: StepInput, out: Path, **settings: Any) -> tuple[onnx.ModelProto, StepOutput]:
    """Run it twice, hold it to its promises, and give what it made.

    The bytes are the same both times, the checker takes them, onnxruntime runs them with one and, where the batch is
    free, with three samples, and the figures are JSON.
    """
    chosen = msgspec.convert(settings, each.settings_type)
    assert each.obstacle(chosen, given) == ""
    assert each.cost_s(chosen, given.summary, len(given.calibration or ())) > 0
    done = each.run(chosen, given, out)
    first = out.read_bytes()
    each.run(chosen, given, out)
    assert out.read_bytes() == first
    model = onnx.load(out)
    onnx.checker.check_model(model, full_check=True)
    assert [value.name for value in model.graph.input] == [tensor.name for tensor in given.summary.inputs]
    assert model.graph.output[0].name == given.summary.outputs[0].name
    from tests.unit.optimize.net import run

    for batch in (1,) if given.summary.batch else (1, 3):
        x = np.zeros((batch, *[size or 1 for size in given.summary.input.shape[1:]]), np.float32)
        assert len(run(model, x)) == batch
    msgspec.json.encode(done.figures)
    return model, done
