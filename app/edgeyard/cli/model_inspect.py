"""`edgeyard model inspect`: what is in a model file, what it costs, where it fits, and what would cost less."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from edgeyard.cli.common import add_json_option, count_of_at_least_one, print_json, print_line, print_table

if TYPE_CHECKING:
    from edgeyard.optimize.advice.advisory import Advisory
    from edgeyard.optimize.fit import ProfileFit
    from edgeyard.optimize.summary import ModelSummary

_ADVICE_SHOWN = 5
_NAME_CHARACTERS = 44


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    parser = verbs.add_parser("inspect", help="look at an ONNX file without importing it")
    parser.add_argument("file", type=Path)
    parser.add_argument(
        "--profile",
        action="append",
        dest="profiles",
        help="hardware to judge it for, such as pi5 or host; may be given again (default: all)",
    )
    parser.add_argument("--layers", type=count_of_at_least_one, default=10, help="how many of the costliest to list")
    add_json_option(parser)
    parser.set_defaults(run=_inspect)


def _inspect(options: argparse.Namespace) -> int:
    from edgeyard.optimize.advise import advise
    from edgeyard.optimize.correction_store import read_corrections
    from edgeyard.optimize.fit import fit_profiles
    from edgeyard.optimize.graph_layout import lay_out
    from edgeyard.optimize.hardware_catalog import find_profiles, known_profiles
    from edgeyard.optimize.pipeline import inspect_in_worker

    profiles = find_profiles(options.profiles) if options.profiles else tuple(known_profiles().values())
    summary = inspect_in_worker(options.file.absolute())
    fits = fit_profiles(summary, profiles, read_corrections())
    advisory = advise(summary)
    if options.json:
        import msgspec

        document = msgspec.to_builtins(summary)
        document["fits"] = fits
        document["dominance"] = advisory.dominance
        document["advice"] = advisory.advice
        document["layout"] = lay_out(summary.layers)
        print_json(document)
        return 0
    _print_summary(summary)
    _print_layers(summary, options.layers)
    _print_fits(fits)
    _print_advice(advisory)
    for finding in summary.findings:
        print_line(f"{'Note' if finding.severity == 'info' else 'Risk'}: {finding.text}")
    return 0


def _print_summary(summary: ModelSummary) -> None:
    print_line(
        f"opset {summary.opset}, IR {summary.ir_version}, {summary.parameters:,} parameters,"
        f" {summary.multiply_adds:,} multiply-adds a sample"
    )
    print_line(
        f"memory for one sample: weights {_kibibytes(summary.weight_bytes)}, activations"
        f" {_kibibytes(summary.peak_activation_bytes)} at most (at {_short(summary.peak_layer)})"
    )
    rows = [("input", i.name, i.element_type, _shape(i.shape)) for i in summary.inputs]
    rows += [("output", o.name, o.element_type, _shape(o.shape)) for o in summary.outputs]
    print_table(("", "name", "type", "shape"), rows)


def _print_layers(summary: ModelSummary, count: int) -> None:
    costly = sorted(summary.layers, key=lambda layer: (-layer.multiply_adds, -layer.parameters))[:count]
    total = summary.multiply_adds or 1
    print_line("")
    print_table(
        ("costliest layers", "operator", "multiply-adds", "share", "parameters", "output", "memory"),
        [
            (
                _short(layer.name),
                layer.operator,
                f"{layer.multiply_adds:,}",
                f"{layer.multiply_adds / total:.1%}",
                f"{layer.parameters:,}",
                _shape(layer.output_shape),
                _kibibytes(layer.live_bytes),
            )
            for layer in costly
            if layer.multiply_adds or layer.parameters
        ],
    )


def _print_fits(fits: tuple[ProfileFit, ...]) -> None:
    print_line("")
    rows = []
    for fit in fits:
        estimates = ", ".join(f"{name} {milliseconds:.3g} ms" for name, milliseconds in fit.estimates.items())
        said = (*fit.obstacles, *fit.notes)
        rows.append((fit.profile, fit.runtime, fit.verdict, estimates, said[0] if said else ""))
    print_table(("hardware", "runtime", "runs", "estimated, one core", "because"), rows)


def _print_advice(advisory: Advisory) -> None:
    found = advisory.dominance
    print_line("")
    print_line(
        f"Of the time, arithmetic takes {found.compute_share:.0%}, memory traffic {found.memory_share:.0%}, and the"
        f" fixed cost of layers {found.overhead_share:.0%} ({found.source})."
    )
    shown = advisory.advice[:_ADVICE_SHOWN]
    for advice in shown:
        print_line(f"Advice: {advice.title}. {advice.text}")
    for source in dict.fromkeys(advice.source for advice in shown if advice.block_ratio is not None):
        print_line(f"Blocks were {source}.")


def _shape(shape: tuple[int | None, ...]) -> str:
    return " × ".join("N" if size is None else str(size) for size in shape)


def _short(name: str) -> str:
    return name if len(name) <= _NAME_CHARACTERS else f"{name[: _NAME_CHARACTERS - 1]}…"


def _kibibytes(size_bytes: int) -> str:
    return f"{size_bytes / 1024:,.0f} KiB" if size_bytes < 10 << 20 else f"{size_bytes / (1 << 20):,.0f} MiB"
