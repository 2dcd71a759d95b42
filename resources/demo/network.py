"""The demo's classifier, a ResNet-8 for 32 x 32 images, and its export to ONNX.

The layout follows the image-classification network of MLPerf Tiny (Banbury et al., 2021): a stem and three
residual stages of 16, 32 and 64 channels, about 78,000 parameters. Batch norm is folded into the convolutions
on export, which leaves Conv, Relu, Add, GlobalAveragePool, Flatten and Gemm: all friendly to int8.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

OPSET = 17


class ConvNorm(nn.Module):
    """A convolution and its batch norm, which :meth:`fold` merges into one convolution."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)
        self.norm: nn.BatchNorm2d | nn.Identity = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, outputs, H / stride, W / stride)."""
        y: Tensor = self.norm(self.conv(x))
        return y

    def fold(self) -> None:
        """Merge the batch norm's running statistics into the convolution, for inference only."""
        if isinstance(self.norm, nn.BatchNorm2d):
            self.conv = fuse_conv_bn_eval(self.conv.eval(), self.norm.eval())
            self.norm = nn.Identity()


class Residual(nn.Module):
    """Two 3 x 3 convolutions and a shortcut, which is 1 x 1 where the shape changes."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = ConvNorm(inputs, outputs, 3, stride)
        self.second = ConvNorm(outputs, outputs, 3)
        same = inputs == outputs and stride == 1
        self.shortcut = nn.Identity() if same else ConvNorm(inputs, outputs, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, outputs, H / stride, W / stride)."""
        y = self.second(functional.relu(self.first(x)))
        return functional.relu(y + self.shortcut(x))


class ResNet8(nn.Module):
    """Classify float32 (N, 3, 32, 32) normalized RGB images into 10 logits."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.stem = ConvNorm(3, 16, 3)
        self.stage1 = Residual(16, 16, 1)
        self.stage2 = Residual(16, 32, 2)
        self.stage3 = Residual(32, 64, 2)
        self.head = nn.Linear(64, classes)

    def forward(self, image: Tensor) -> Tensor:
        """Return logits (N, classes)."""
        x = functional.relu(self.stem(image))
        x = self.stage3(self.stage2(self.stage1(x)))
        logits: Tensor = self.head(functional.adaptive_avg_pool2d(x, 1).flatten(1))
        return logits


def fold_norms(model: ResNet8) -> ResNet8:
    """Return a copy of ``model`` for inference, with every batch norm merged into its convolution."""
    folded = copy.deepcopy(model).eval()
    for module in folded.modules():
        if isinstance(module, ConvNorm):
            module.fold()
    return folded


def load_onnx(path: Path) -> ResNet8:
    """Return the folded network whose weights are in a file written by :func:`export_onnx`."""
    model = fold_norms(ResNet8())
    weights = onnx.load(path).graph.initializer
    model.load_state_dict({w.name: torch.tensor(onnx.numpy_helper.to_array(w)) for w in weights})
    return model


def export_onnx(model: ResNet8, path: Path, properties: Mapping[str, str]) -> None:
    """Write ``model`` as one ONNX file without external data and check it fully.

    The input is ``image`` (N, 3, 32, 32) and the output ``logits`` (N, 10), with ``N`` free. ``properties``
    become the file's ``metadata_props``.

    Raises:
        onnx.checker.ValidationError: the written graph is not valid.
    """
    torch.onnx.export(
        fold_norms(model),
        (torch.zeros(2, 3, 32, 32),),
        path,
        input_names=["image"],
        output_names=["logits"],
        dynamic_axes={"image": {0: "N"}, "logits": {0: "N"}},
        opset_version=OPSET,
        dynamo=False,  # gives the plain static-friendly graph; the other exporter adds its own metadata
    )
    proto = onnx.load(path)
    proto.graph.name = properties["edgeyard.model"]
    onnx.helper.set_model_props(proto, dict(properties))
    onnx.checker.check_model(proto, full_check=True)
    path.write_bytes(proto.SerializeToString())


def model_properties(name: str, version: int, preprocessing: Mapping[str, object]) -> dict[str, str]:
    """Return the ``metadata_props`` of one version; values that are not text are JSON."""
    return {
        "edgeyard.model": name,
        "edgeyard.version": str(version),
        "edgeyard.classes": json.dumps(preprocessing["classes"]),
        "edgeyard.licence": "Apache-2.0",
        "edgeyard.preprocessing": json.dumps(preprocessing),
    }
