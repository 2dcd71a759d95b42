"""Passes: each makes one artifact of another. A new one is a module here and a line below, and nothing else."""

from __future__ import annotations

from edgeyard.optimize.passes.channel_pruning import ChannelPruning
from edgeyard.optimize.passes.clean_up import CleanUp
from edgeyard.optimize.passes.early_exit import EarlyExit
from edgeyard.optimize.passes.fp16 import Float16
from edgeyard.optimize.passes.int8_dynamic import DynamicInt8
from edgeyard.optimize.passes.int8_static import StaticInt8
from edgeyard.optimize.passes.int16_static import StaticInt16
from edgeyard.optimize.passes.low_rank import LowRank
from edgeyard.optimize.passes.mixed_precision import MixedPrecision
from edgeyard.optimize.passes.opset import Opset
from edgeyard.optimize.passes.weight_only import WeightOnly
from edgeyard.optimize.passes.weight_pruning import WeightPruning
from edgeyard.optimize.step import Pass
from edgeyard.optimize.target.core_ml import CoreMl
from edgeyard.optimize.target.fine_tune import FineTune
from edgeyard.optimize.target.hailo import Hailo
from edgeyard.optimize.target.litert import LiteRt
from edgeyard.optimize.target.openvino_ir import OpenVinoIr
from edgeyard.optimize.target.ort_format import OrtFormat
from edgeyard.optimize.target.qualcomm import Qualcomm
from edgeyard.optimize.target.tensor_rt import TensorRt

PASSES: dict[str, Pass] = {
    each.kind: each
    for each in (
        CleanUp(),
        Opset(),
        Float16(),
        StaticInt8(),
        MixedPrecision(),
        DynamicInt8(),
        StaticInt16(),
        WeightOnly(),
        ChannelPruning(),
        WeightPruning(),
        LowRank(),
        EarlyExit(),
        FineTune(),
        OrtFormat(),
        OpenVinoIr(),
        LiteRt(),
        CoreMl(),
        TensorRt(),
        Hailo(),
        Qualcomm(),
    )
}
"""By kind, in the order in which the documentation shows them. Nothing here imports onnx before it runs."""
