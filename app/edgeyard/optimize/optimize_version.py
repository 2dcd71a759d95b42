"""From one trained model to proven variants in a folder. Call it in a worker; `pipeline.optimize_in_worker` does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edgeyard.domain.error import UserError
from edgeyard.domain.hardware import PROFILES, HardwareProfile
from edgeyard.domain.model import Preprocessing
from edgeyard.optimize import model_file
from edgeyard.optimize.choose import Candidate, choose_variants
from edgeyard.optimize.dataset import Dataset, check_dataset, load_dataset
from edgeyard.optimize.evaluate import evaluate_variants
from edgeyard.optimize.host import host_facts
from edgeyard.optimize.inspect_model import inspect_model
from edgeyard.optimize.job_message import Progress
from edgeyard.optimize.lineage import lineage
from edgeyard.optimize.passes.declaration import Pass
from edgeyard.optimize.passes.first_cut import passes_for
from edgeyard.optimize.request import OptimizeRequest, OptimizeResult, RejectedVariant, VariantResult
from edgeyard.optimize.result_folder import partial_folder, publish
from edgeyard.optimize.summary import ModelSummary
from edgeyard.optimize.worker_answer import JobCancelledError
from edgeyard.trust.artifact_file import hash_file

_INSPECTED, _MADE, _PROVEN = 0.1, 0.4, 0.9


@dataclass(slots=True)
class _Run:
    """What one call needs everywhere: who listens, whether to stop, and what happened so far."""

    on_progress: Callable[[Progress], None] | None
    cancel: threading.Event | None
    log: list[str]

    def tell(self, fraction: float, text: str, stage: str) -> None:
        if self.cancel is not None and self.cancel.is_set():
            raise JobCancelledError
        self.log.append(text)
        if self.on_progress is not None:
            self.on_progress(Progress(fraction, text, stage))


@dataclass(frozen=True, slots=True)
class _Data:
    evaluation: Dataset
    golden: Dataset | None
    calibration: Dataset | None


def optimize_version(
    request: OptimizeRequest,
    on_progress: Callable[[Progress], None] | None = None,
    cancel: threading.Event | None = None,
) -> OptimizeResult:
    """Inspect the model, run every pass that the profiles ask for, prove each result from its file, and choose.

    A pass that fails is reported and the others go on. Everything is written into a temporary folder that becomes
    `request.out_dir` at the end. `cancel` is looked at between steps. Progress stages are `inspect`, `pass:NAME`,
    `prove:NAME`, `choose` and `done`.

    Raises:
        UserError: the model or a data set cannot be used, or the original itself cannot be run; nothing is written.
        JobCancelledError: `cancel` was set.
    """
    run = _Run(on_progress, cancel, [])
    profiles = _profiles(request.profiles)
    out_dir = request.out_dir.resolve()
    with partial_folder(out_dir) as scratch:
        return _optimize(request, profiles, out_dir, scratch, run)


def _optimize(
    request: OptimizeRequest, profiles: tuple[HardwareProfile, ...], out_dir: Path, scratch: Path, run: _Run
) -> OptimizeResult:
    started = time.monotonic()
    folder = scratch / "result"
    folder.mkdir()
    run.tell(0.0, f"Inspecting {request.source.name}.", "inspect")
    # The copy is what gets inspected and used: nobody changes it in between, and no other file lies beside it.
    source = scratch / "source.onnx"
    source.write_bytes(model_file.read_bytes(request.source))
    summary = inspect_model(source)
    data = _load_data(request, summary)
    passes = {each.id: each for each in passes_for(profiles)}
    paths, rejected = _make_variants(run, passes, source, folder, summary, data.calibration, request.skipped)
    evidence, problems = evaluate_variants(
        paths, data.evaluation, data.golden, request.latency_budget_s, _proof_teller(run, passes, len(paths))
    )
    for name, reason in problems.items():
        paths[name].unlink()
        rejected.append(RejectedVariant(name, passes[name].title, reason))
    run.tell(_PROVEN, "Choosing a variant for each kind of hardware.", "choose")
    sizes = {name: paths[name].stat().st_size for name in evidence}
    candidates = [
        Candidate(name, passes[name].precision, passes[name].form, sizes[name], proof)
        for name, proof in evidence.items()
    ]
    choices = choose_variants(candidates, profiles, host_facts(), request.max_drop)
    variants = tuple(
        VariantResult(
            name=candidate.name,
            precision=candidate.precision,
            path=out_dir / paths[candidate.name].name,
            sha256=hash_file(paths[candidate.name])[0],
            size_bytes=candidate.size_bytes,
            evidence=candidate.evidence,
            profiles=tuple(choice.profile for choice in choices if choice.picked == candidate.name),
            reasons={choice.profile: choice.reasons[candidate.name] for choice in choices},
            lineage=lineage(passes[candidate.name], summary, data.calibration),
        )
        for candidate in candidates
    )
    run.tell(1.0, f"{len(variants)} variants are proven.", "done")
    result = OptimizeResult(
        summary=summary,
        preprocessing=data.evaluation.preprocessing,
        variants=variants,
        rejected=tuple(rejected),
        picked={choice.profile: choice.picked for choice in choices},
        golden_sha256=data.golden.sha256 if data.golden else "",
        golden_size_bytes=request.golden.stat().st_size if request.golden else 0,
        duration_s=time.monotonic() - started,
        log=tuple(run.log),
    )
    publish(folder, out_dir, result)
    return result


def _profiles(ids: tuple[str, ...]) -> tuple[HardwareProfile, ...]:
    unknown = [name for name in ids if name not in PROFILES]
    if unknown or not ids:
        raise UserError(
            f"There is no hardware profile {unknown[0]!r}." if unknown else "No hardware profile is chosen.",
            f"Choose from {', '.join(PROFILES)}.",
        )
    return tuple(PROFILES[name] for name in dict.fromkeys(ids))


def _load_data(request: OptimizeRequest, summary: ModelSummary) -> _Data:
    if summary.input.element_type != "float32":
        raise UserError(
            f"The model's input takes {summary.input.element_type}; samples are prepared as float32.",
            "Export the model with a float32 input.",
        )
    preprocessing = request.preprocessing or summary.preprocessing or Preprocessing()

    def load(path: Path | None, title: str) -> Dataset | None:
        if path is None:
            return None
        dataset = load_dataset(path, preprocessing, title=title)
        check_dataset(dataset, summary)
        return dataset

    evaluation = load(request.evaluation, "evaluation set")
    golden = load(request.golden, "golden set")
    if golden is not None and golden.y is None:
        raise UserError("The golden set has no labels.", "Add the array y: devices compare their answers with it.")
    assert evaluation is not None
    return _Data(evaluation, golden, load(request.calibration, "calibration set"))


def _make_variants(
    run: _Run,
    passes: dict[str, Pass],
    source: Path,
    folder: Path,
    summary: ModelSummary,
    calibration: Dataset | None,
    skipped: dict[str, str],
) -> tuple[dict[str, Path], list[RejectedVariant]]:
    paths: dict[str, Path] = {}
    rejected = []
    for index, each in enumerate(passes.values()):
        obstacle = skipped.get(each.id) or each.obstacle(summary, calibration)
        fraction = _INSPECTED + (_MADE - _INSPECTED) * index / len(passes)
        if obstacle:
            run.tell(fraction, f"{each.title}: not made. {obstacle}", "skip")
            rejected.append(RejectedVariant(each.id, each.title, obstacle))
            continue
        run.tell(fraction, f"{each.title}: making {each.id}.", f"pass:{each.id}")
        out = folder / f"{each.id}.onnx"
        try:
            run.log += each.run(source, out, summary, calibration).notes
            paths[each.id] = out
        except Exception as error:  # whatever a pass dies of, the others go on; the report says what it was
            out.unlink(missing_ok=True)
            reason = _reason(error)
            run.log.append(f"{each.title}: {reason}")
            rejected.append(RejectedVariant(each.id, each.title, reason))
    if "fp32" not in paths:
        raise UserError("The model could not be copied.", "Check the space on the disk.")
    return paths, rejected


def _proof_teller(run: _Run, passes: dict[str, Pass], variants: int) -> Callable[[str], None]:
    seen: list[str] = []

    def tell(name: str) -> None:
        text = f"{passes[name].title}: proving {name}." if name in passes else "Measuring latencies side by side."
        run.tell(_MADE + (_PROVEN - _MADE) * len(seen) / (variants + 1), text, f"prove:{name}")
        seen.append(name)

    return tell


def _reason(error: Exception) -> str:
    if isinstance(error, UserError):
        return error.what
    if isinstance(error, MemoryError):
        return "It ran out of memory."
    lines = str(error).strip().splitlines()
    return f"It failed: {(lines[0] if lines else type(error).__name__)[:300]}"
