"""`edgeyard optimize`: from one model file and data to the best proven variant per kind of hardware. Needs no site."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edgeyard.cli.common import add_json_option, print_json, print_line, print_table
from edgeyard.domain.error import UserError

if TYPE_CHECKING:
    from edgeyard.optimize.engine.event import Event
    from edgeyard.optimize.engine.job import OptimizeJob, ProfileBudget
    from edgeyard.optimize.engine.result import JobResult
    from edgeyard.optimize.engine.task import JobOutline

NO_VARIANT = 1
"""Exit code when no variant meets the budget: the original is kept."""

_CACHE_BYTES = 8 << 30
_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_BYTES = {"": 1, "b": 1, "kb": 1 << 10, "kib": 1 << 10, "mb": 1 << 20, "mib": 1 << 20, "gb": 1 << 30, "gib": 1 << 30}
_QUANTITY = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)\s*([a-zA-Z]*)")
_LEAST_MEMORY_BYTES = 512 << 20
_BOUNDS = (
    ("--max-size", "[P=]SIZE", "largest file that will do, on all hardware or on one kind; may be given again"),
    ("--max-latency", "[P=]MS", "longest median time for a sample in milliseconds, likewise"),
    ("--max-memory", "[P=]SIZE", "most memory above the empty process, likewise"),
)


def add_parser(nouns: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = nouns.add_parser("optimize", help="make and prove variants of a model file, and choose per hardware")
    parser.add_argument("model", type=Path, help="ONNX file")
    parser.add_argument(
        "--data", type=Path, required=True, help="NPZ with x and y, folder of class folders, or CSV manifest"
    )
    parser.add_argument(
        "--profile", nargs="+", action="extend", metavar="P", help="hardware to serve (default: host, this machine)"
    )
    parser.add_argument(
        "--recipe", type=Path, metavar="R", help="YAML file with the steps to try (default: usual ones)"
    )
    parser.add_argument("--preprocessing", type=Path, metavar="FILE", help="how samples become the model's input")
    parser.add_argument("--budget", default="120s", metavar="TIME", help="time to spend, such as 60s or 5m")
    parser.add_argument("--memory", default="4GB", metavar="SIZE", help="memory that the work may reserve")
    parser.add_argument("--max-drop", default="1", metavar="POINTS", help="points of accuracy that may be lost")
    for option, name, text in _BOUNDS:
        parser.add_argument(option, action="append", default=[], metavar=name, help=text)
    parser.add_argument("--prune", nargs="+", default=[], metavar="SHARE", help="also remove these shares of channels")
    parser.add_argument("--format", nargs="+", default=[], metavar="F", help="also write ort, openvino or tflite files")
    parser.add_argument("--thorough", action="store_true", help="also try what rarely wins")
    parser.add_argument("--seed", type=int, default=1, help="decides how data is divided and every random draw")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for the result (default: MODEL-variants)")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="where finished work is kept and found again")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="run it on this Dask cluster, such as tcp://host:8786")
    parser.add_argument("--plan", action="store_true", help="only say what would be done and how long it would take")
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Optimize; 0 when done, 1 when no variant meets the budget."""
    from edgeyard.optimize.engine.cache import trim_cache
    from edgeyard.optimize.engine.dask_cluster import run_job_on
    from edgeyard.optimize.engine.report_view import meets_budget, report_view
    from edgeyard.optimize.engine.run_job import plan_job, run_job

    job = _job(options)
    if options.plan:
        outline = plan_job(job)
        print_json(outline) if options.json else _print_plan(outline)
        return 0
    if options.scheduler:
        result = run_job_on(options.scheduler, job, on_event=_tell)
    else:
        result = run_job(job, on_event=_tell)
        trim_cache(job.cache_dir, _CACHE_BYTES, keep=result.summary.sha256)
    if options.json:
        print_json(report_view(result, job.profiles))
    else:
        _print_result(result)
    return 0 if meets_budget(result) else NO_VARIANT


def _job(options: argparse.Namespace) -> OptimizeJob:
    from edgeyard.optimize.data.preprocessing_file import read_preprocessing_file
    from edgeyard.optimize.engine.cache_place import default_cache
    from edgeyard.optimize.engine.job import DataFiles, OptimizeJob
    from edgeyard.optimize.hardware_catalog import find_profiles
    from edgeyard.optimize.host import core_count
    from edgeyard.optimize.recipe.read import load_recipe
    from edgeyard.optimize.recipe.recipe import Wishes

    model: Path = options.model.absolute()
    profiles = find_profiles(name for text in options.profile or ["host"] for name in text.split(",") if name)
    memory_bytes = _size_bytes("--memory", options.memory)
    if memory_bytes < _LEAST_MEMORY_BYTES:
        raise UserError(f"--memory {options.memory} is too little to load the tools.", "Give at least 512MB.")
    return OptimizeJob(
        source=model,
        data=DataFiles(whole=options.data.absolute()),
        out_dir=(options.out or Path(f"{model.stem}-variants")).absolute(),
        cache_dir=(options.cache or default_cache()).absolute(),
        profiles=profiles,
        preprocessing=read_preprocessing_file(options.preprocessing) if options.preprocessing else None,
        recipe=load_recipe(options.recipe) if options.recipe else None,
        wishes=Wishes(tuple(_share(text) for text in options.prune), tuple(options.format), options.thorough),
        budgets=_budgets(options, [profile.id for profile in profiles]),
        max_drop=_number("--max-drop", options.max_drop, 100.0) / 100,
        budget_s=_seconds("--budget", options.budget),
        memory_bytes=memory_bytes,
        seed=options.seed,
        threads=core_count(),
    )


def _budgets(options: argparse.Namespace, profiles: list[str]) -> dict[str, ProfileBudget]:
    """What a variant may cost, by profile: bounds for all kinds of hardware, then those for one."""
    from edgeyard.optimize.engine.job import ProfileBudget

    sizes = _by_profile("--max-size", options.max_size, profiles)
    latencies = _by_profile("--max-latency", options.max_latency, profiles)
    memories = _by_profile("--max-memory", options.max_memory, profiles)
    return {
        profile: ProfileBudget(
            size_bytes=_size_bytes("--max-size", sizes[profile]) if profile in sizes else None,
            latency_ms=_number("--max-latency", latencies[profile]) if profile in latencies else None,
            memory_bytes=_size_bytes("--max-memory", memories[profile]) if profile in memories else None,
        )
        for profile in profiles
    }


def _by_profile(option: str, texts: list[str], profiles: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    # What is said of one kind of hardware counts more than what is said of all, in whatever order.
    for text in sorted(texts, key=lambda text: "=" in text):
        profile, equals, value = text.rpartition("=")
        if equals and profile not in profiles:
            raise UserError(f"{option} {text}: {profile!r} is not served.", f"Choose from {', '.join(profiles)}.")
        found |= dict.fromkeys([profile] if equals else profiles, value)
    return found


def _tell(event: Event) -> None:
    from edgeyard.optimize.engine.event import StepProgress

    if sys.stderr.isatty() and event.text and not isinstance(event, StepProgress):
        sys.stderr.write(f"{event.at_s:6.1f} s  {event.fraction:4.0%}  {event.text}\n")


def _print_plan(outline: JobOutline) -> None:
    rows = [
        (step.id, step.kind, step.source, f"{step.cost_s:.1f} s", step.obstacle or ("there already" * step.cached))
        for step in outline.plan.steps
    ]
    print_table(("step", "pass", "from", "about", ""), rows)
    print_line(f"About {outline.plan.cost_s:.0f} s in all. Samples: {_counts(outline.samples)}.")
    for note in (*outline.summary.risks, *outline.notes):
        print_line(note)


def _print_result(result: JobResult) -> None:
    rows = []
    for candidate in result.candidates:
        evidence = candidate.evidence
        right = evidence.accuracy if evidence.accuracy is not None else evidence.agreement
        shown = "" if right is None else f"{right:.1%}"
        points = "" if evidence.difference is None else f"{evidence.difference * 100:+.1f}"
        speed = "" if evidence.latency_ratio is None else f"{evidence.latency_ratio:.2f}×"
        served = " ".join(candidate.profiles)
        rows.append((candidate.name, f"{candidate.size_bytes:,}", shown, points, speed, served))
    labelled = any(candidate.evidence.accuracy is not None for candidate in result.candidates)
    judged = "accuracy" if labelled else "agreement"
    print_table(("variant", "bytes", judged, "points", "speed here", "picked for"), rows)
    for choice in result.choices:
        said = choice.reasons.get(choice.picked, "Nothing will do.")
        print_line(f"{choice.profile}: {choice.picked or 'nothing'}. {said}")
        if not choice.picked:
            for name, reason in choice.reasons.items():
                print_line(f"  {name}: {reason}")
    for entry in result.rejected:
        print_line(f"Left out: {entry.name}: {entry.reason}")
    if result.ended == "budget":
        print_line("The budget of time was over before every step had run.")


def _counts(samples: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in samples.items())


def _quantity(option: str, text: str, units: dict[str, float] | dict[str, int], example: str) -> float:
    found = _QUANTITY.fullmatch(text.strip())
    if found is None or found[2].lower() not in units:
        raise UserError(f"{option} {text!r} is not understood.", f"Write it as {example}.")
    return float(found[1]) * units[found[2].lower()]


def _seconds(option: str, text: str) -> float:
    value = _quantity(option, text, _SECONDS, "60s, 5m or 1h")
    if not 0 < value <= 86_400:
        raise UserError(f"{option} {text} is out of range.", "Give up to 24h.")
    return value


def _size_bytes(option: str, text: str) -> int:
    return int(_quantity(option, text, _BYTES, "500kB, 2MB or 2GB"))


def _number(option: str, text: str, most: float = 1e9) -> float:
    value = _quantity(option, text, {"": 1.0}, "a number, such as 0.5")
    if value > most:
        raise UserError(f"{option} {text} is out of range.", f"Give at most {most:g}.")
    return value


def _share(text: str) -> float:
    value = _quantity("--prune", text, {"": 1.0}, "a share, such as 0.25")
    if not 0 < value < 1:
        raise UserError(f"--prune {text} is out of range.", "Give shares between 0 and 1, such as 0.25.")
    return value
