"""A model, its versions, and the variants that were made and measured of each."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class TensorContract:
    """One input or output: name, ONNX element type word (`float32`), shape with `None` for a free axis."""

    name: str
    element_type: str
    shape: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Resize:
    """The size that raw images are brought to first. `mode` is `bilinear` (stretch) or `center-crop` (the middle with
    the aspect of the target, then bilinear). Images of exactly this size are left as they are."""

    height: int
    width: int
    mode: str = "bilinear"


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How raw samples become the model's input: resize, colour order, `(x / scale - mean) / std`, then the layout.

    `layout` is `NCHW` or `NHWC` for images (raw samples are uint8 N×H×W×C, RGB or one channel), or `RAW` for tensors
    that are already the input. `color` is what the model takes: `RGB`, `BGR` or `GRAY`; `mean` and `std` are in that
    order.
    """

    layout: str = "RAW"
    scale: float = 1.0
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    classes: tuple[str, ...] = ()
    color: str = "RGB"
    resize: Resize | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was measured of one artifact, from the file on disk, and where.

    `accuracy` is a fraction 0..1 over `samples` labelled samples, with a 95 % Wilson interval. Latencies are per sample
    at batch 1, in milliseconds, interleaved with the original in the same run; `measured_on` names host and
    instruction set.

    `difference` is accuracy less the original's on the same samples, with a 95 % interval for paired proportions;
    `p_value` the exact two-sided McNemar test that there is none. `sqnr_db` compares the outputs with the original's.
    `memory_bytes` is the peak of running it above the process before it was loaded. `label` says who measured latency
    and memory: `device`, `host` or `estimated`.
    """

    accuracy: float | None = None
    accuracy_low: float | None = None
    accuracy_high: float | None = None
    samples: int = 0
    agreement: float | None = None
    latency_p50_ms: float | None = None
    latency_p95_ms: float | None = None
    latency_ratio: float | None = None
    measured_on: str = ""
    golden_accuracy: float | None = None
    golden_samples: int = 0
    difference: float | None = None
    difference_low: float | None = None
    difference_high: float | None = None
    p_value: float | None = None
    sqnr_db: float | None = None
    latency_ratio_low: float | None = None
    latency_ratio_high: float | None = None
    memory_bytes: int | None = None
    label: str = ""


@dataclass(frozen=True, slots=True)
class Variant:
    """One optimized artifact of a version; `digest` is the SHA-256 of its file, `profiles` those it was chosen for."""

    id: int
    version_id: int
    name: str
    precision: str
    digest: str
    size_bytes: int
    profiles: tuple[str, ...] = ()
    evidence: Evidence = field(default_factory=Evidence)
    reasons: dict[str, str] = field(default_factory=dict)
    """Per hardware profile id, why this variant was or was not chosen, in one sentence."""
    lineage: dict[str, str] = field(default_factory=dict)
    """What it was made of and with: digests of source, calibration set and recipe, and versions of the tools."""


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One trained revision of a model, and how far it has come (`imported`, `optimized`, `released`)."""

    id: int
    model: str
    version: int
    source_digest: str
    source_size_bytes: int
    stage: str
    created_at: float
    parameters: int = 0
    multiply_adds: int = 0
    opset: int = 0
    inputs: tuple[TensorContract, ...] = ()
    outputs: tuple[TensorContract, ...] = ()
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    golden_digest: str = ""
    golden_size_bytes: int = 0
    release_counter: int = 0
    note: str = ""
    variants: tuple[Variant, ...] = ()

    @property
    def label(self) -> str:
        """How people call it: `yard-vision 2`."""
        return f"{self.model} {self.version}"
