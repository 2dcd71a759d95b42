"""What is known of a model after looking at it. Plain data, so that the desktop can show it without importing onnx."""

from __future__ import annotations

from dataclasses import dataclass, field

from edgeyard.domain.model import Preprocessing, TensorContract


@dataclass(frozen=True, slots=True)
class LayerRow:
    """One node of the graph at batch 1. `output_shape` has `None` where it is not known; such axes count as 1.

    `moved_bytes` are weights, inputs and outputs together: what crosses memory once when nothing stays in a cache.
    `live_bytes` are all tensors that exist while the node runs, weights left out (`liveness`).
    """

    name: str
    operator: str
    parameters: int
    multiply_adds: int
    output_shape: tuple[int | None, ...]
    weight_bytes: int = 0
    output_bytes: int = 0
    moved_bytes: int = 0
    live_bytes: int = 0
    sources: tuple[int, ...] = ()
    """Positions in `ModelSummary.layers` of the nodes whose outputs it reads, ascending."""
    kernel: tuple[int, ...] = ()
    """Shape of its main weight: C_out × C_in ÷ groups × K_h × K_w of a convolution, inputs × outputs of a product."""
    groups: int = 1
    constant: bool = False
    """It only computes weights, once; such nodes have no part in cost, memory or the drawn graph."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to know about the model. `code` is stable; `severity` is `info`, `warning` or `error`."""

    code: str
    severity: str
    text: str
    layers: tuple[str, ...] = ()
    """Names of the nodes or tensors it is about, the first few."""


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """What `inspect_model` found. Counts are exact; `multiply_adds` are of one sample (formulas in `cost`)."""

    sha256: str
    size_bytes: int
    ir_version: int
    opset: int
    producer: str
    inputs: tuple[TensorContract, ...]
    outputs: tuple[TensorContract, ...]
    parameters: int
    multiply_adds: int
    operators: dict[str, int] = field(default_factory=dict)
    """How often each operator occurs, subgraphs and functions included; the most frequent first."""
    layers: tuple[LayerRow, ...] = ()
    dynamic_axes: tuple[str, ...] = ()
    """Axes without a fixed size, besides the batch: `input[2]`."""
    largest_tensor_bytes: int = 0
    """The largest intermediate tensor at batch 1, where shapes are known."""
    already_quantized: bool = False
    preprocessing: Preprocessing | None = None
    """Declared inside the file (`metadata_props`, key `edgeyard.preprocessing`)."""
    risks: tuple[str, ...] = ()
    """What may go wrong later, a sentence each: the texts of `findings` that are no mere information."""
    weight_bytes: int = 0
    """Bytes of all stored weights and constants as they are in the file."""
    moved_bytes: int = 0
    peak_activation_bytes: int = 0
    """The most bytes of tensors that exist at one time at batch 1, weights left out, nodes run in the file's order."""
    peak_layer: str = ""
    """The node at which that is."""
    findings: tuple[Finding, ...] = ()

    @property
    def input(self) -> TensorContract:
        """The one input."""
        return self.inputs[0]

    @property
    def batch(self) -> int | None:
        """The size of the batch axis: `None` when it is free, else 1."""
        return self.input.shape[0]

    @property
    def classes(self) -> int | None:
        """How many classes the first output tells apart, if its shape says so (N×classes)."""
        shape = self.outputs[0].shape
        return shape[1] if len(shape) == 2 else None
