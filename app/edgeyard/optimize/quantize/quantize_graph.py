"""From a float graph to a finished scheme: calibrate, place, choose ranges, equalize, correct biases."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from edgeyard.domain.error import UserError
from edgeyard.optimize.dataset import Dataset
from edgeyard.optimize.graph.onnx_graph import OnnxGraph
from edgeyard.optimize.proof.numerics import sqnr_db
from edgeyard.optimize.quantize.calibrate import Calibration, calibrate
from edgeyard.optimize.quantize.correct_bias import Means, correct_bias, float_means
from edgeyard.optimize.quantize.emit_qdq import emit_qdq
from edgeyard.optimize.quantize.equalize import equalize
from edgeyard.optimize.quantize.layer_noise import scores_of
from edgeyard.optimize.quantize.placement import Placement, place, slow_in_integers
from edgeyard.optimize.quantize.range_choice import METHODS, Range
from edgeyard.optimize.quantize.scheme import Form, Scheme, make_scheme, tensors_to_calibrate
from edgeyard.optimize.quantize.unit import Role, find_units

BIAS_SAMPLES = 64
"""Settle the means: 32 give the last tenth of a decibel less, 300 no more (ResNet-20, keyword spotting)."""
_JUDGED_SAMPLES = 64
BEST = "best"
"""Try all methods and keep the one with the least output noise."""


@dataclass(frozen=True, slots=True)
class QuantizeOptions:
    """What decides a scheme besides the graph and the samples."""

    form: Form
    method: str = "mse"
    fast_edges: bool = False
    """Leave layers in floats that onnxruntime's integer kernels for x86 are slow at."""
    keep_float: Collection[str] = ()
    bias_samples: int = BIAS_SAMPLES
    """0 corrects no biases."""
    equalize: bool = False


@dataclass
class Quantizer:
    """A graph with what calibration saw of it: any number of schemes can be made of that."""

    graph: OnnxGraph
    samples: Dataset
    batch: int
    memory_bytes: int
    options: QuantizeOptions
    calibration: Calibration
    ranges: Mapping[str, Range]
    method: str
    """One of `METHODS`; the one that was best, when the best was asked for."""
    threads: int = 1
    noise_db: dict[str, float] = field(default_factory=dict)
    """Output SQNR by method, when all were tried, before biases were corrected."""
    _means: dict[int, Means] = field(default_factory=dict)
    """By the number of samples: those of two sets must not be compared."""

    def placement(self, keep_float: Collection[str] = (), *, edges: bool = True) -> Placement:
        """Integers everywhere but in these units and those that the options name; `edges=False` forgets the rule about
        slow first layers."""
        units = find_units(self.graph)
        kept = {*self.options.keep_float, *keep_float}
        if self.options.fast_edges and edges:
            kept |= set(slow_in_integers(self.graph, units))
        return place(self.graph, kept, units)

    def scheme(self, placement: Placement, bias_samples: int | None = None) -> Scheme:
        """With corrected biases, unless no samples are to be used for them."""
        scheme = make_scheme(self.graph, placement, self.ranges, self.options.form)
        count = self.options.bias_samples if bias_samples is None else bias_samples
        if not count:
            return scheme
        used = self.samples.first(count)
        if count not in self._means:
            everywhere = [unit for unit in find_units(self.graph) if unit.role is Role.WEIGHTS]
            self._means[count] = float_means(self.graph, everywhere, used, self.batch, self.threads)
        biases = correct_bias(scheme, used, self.batch, self.memory_bytes, self._means[count], self.threads)
        return make_scheme(self.graph, placement, self.ranges, self.options.form, biases)


def quantizer(
    graph: OnnxGraph,
    samples: Dataset,
    options: QuantizeOptions,
    fixed_batch: int | None,
    batch: int,
    memory_bytes: int,
    tell: Callable[[float], None] = lambda _fraction: None,
    threads: int = 1,
) -> Quantizer:
    """Calibrate `graph` (which is equalized first, when the options say so).

    Raises:
        UserError: a unit that is to stay in floats does not exist, or the model does not run.
    """
    if options.equalize:
        equalize(graph)
    units = find_units(graph)
    unknown = sorted(set(options.keep_float) - {unit.name for unit in units})
    if unknown:
        raise UserError(
            f"There is no layer {', '.join(unknown[:3])} to keep in 32 bits.", "Use the names that inspection shows."
        )
    calibration = calibrate(graph, tensors_to_calibrate(units), samples, fixed_batch, tell, threads)
    levels = 1 << (16 if "16" in options.form.activation else 8)
    first = "minmax" if options.method == BEST else options.method
    made = Quantizer(
        graph, samples, batch, memory_bytes, options, calibration, calibration.ranges(first, levels), first, threads
    )
    if options.method == BEST:
        _choose_method(made, levels)
    return made


def _choose_method(made: Quantizer, levels: int) -> None:
    placement = made.placement()
    judged = made.samples.first(_JUDGED_SAMPLES)
    real = scores_of(made.graph, judged, made.batch, made.threads)
    ranges = {}
    for method in METHODS:
        ranges[method] = made.calibration.ranges(method, levels)
        scheme = make_scheme(made.graph, placement, ranges[method], made.options.form)
        made.noise_db[method] = sqnr_db(real, scores_of(OnnxGraph(emit_qdq(scheme)), judged, made.batch, made.threads))
    made.method = max(made.noise_db, key=lambda method: made.noise_db[method])
    made.ranges = ranges[made.method]
