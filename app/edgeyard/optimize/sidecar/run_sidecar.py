"""Have a sidecar serve a request, and believe its answer only after looking at the file. Not for use inside a jail."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec

from edgeyard.domain.error import UserError
from edgeyard.optimize.sidecar import message
from edgeyard.optimize.sidecar.catalog import Sidecar, find_program, find_sidecar, sidecar_obstacle
from edgeyard.optimize.sidecar.environment import find_environment
from edgeyard.optimize.sidecar.message import SidecarError, SidecarReply, SidecarRequest, ToolReply
from edgeyard.optimize.sidecar.process import ProcessEnd, ProcessLimits, run_limited
from edgeyard.trust.artifact_file import hash_file

_LAUNCH = Path(__file__).parent / "tool" / "launch.py"
_FILE_SLACK_BYTES = 4 << 30
_PASSED = ("PATH", "LANG", "LC_ALL", "SYSTEMROOT")
_PASSED_TO_PROGRAMS = ("LD_LIBRARY_PATH", "CUDA_HOME", "CUDA_VISIBLE_DEVICES", "QNN_SDK_ROOT", "PYTHONPATH")
"""What a vendor's own set-up script sets."""


def run_sidecar(
    request: SidecarRequest,
    folder: Path,
    *,
    cancel: threading.Event | None = None,
    on_progress: Callable[[float, str], None] = lambda _fraction, _text: None,
) -> SidecarReply:
    """Run the sidecar that `request` names on the files in `folder`, where its artifact and `log.txt` then lie.

    Nothing of the tool runs any more when this returns or raises.

    Raises:
        SidecarError: it is not here, refused, hung, crashed, took too much memory, or what it left is not what it says.
        JobCancelledError: `cancel` was set.
    """
    sidecar = find_sidecar(request.sidecar)
    obstacle = sidecar_obstacle(sidecar.name)
    if obstacle:
        raise SidecarError("missing", obstacle)
    program = find_program(sidecar) if sidecar.program else None
    python = find_environment(sidecar.name) if sidecar.python_versions else Path(sys.executable)
    command = [str(python), "-P", "-s", str(_LAUNCH), sidecar.module]
    return serve_request(
        sidecar, command, msgspec.structs.replace(request, program=str(program or "")), folder, cancel, on_progress
    )


def serve_request(
    sidecar: Sidecar,
    command: list[str],
    request: SidecarRequest,
    folder: Path,
    cancel: threading.Event | None,
    on_progress: Callable[[float, str], None],
) -> SidecarReply:
    """As `run_sidecar`, with the `command` that serves requests; what `tool.launch` takes is added to it."""
    folder = folder.resolve()
    _check_folder(request, folder)
    for name in (message.REPLY_FILE, message.PROGRESS_FILE, request.output):
        (folder / name).unlink(missing_ok=True)
    message.write_request(request, folder)
    told: list[message.ToolProgress] = []

    def poll() -> None:
        progress = message.read_progress(folder)
        if progress is not None and told[-1:] != [progress]:
            told[:] = [progress]
            on_progress(progress.fraction, progress.text)

    file_bytes = request.output_limit_bytes + _FILE_SLACK_BYTES
    try:
        end = run_limited(
            [
                *command,
                str(folder),
                str(os.getpid()),
                str(request.memory_bytes),
                str(file_bytes),
                "jailed" if sidecar.jailed else "free",
            ],
            folder,
            _environment(sidecar, folder, request.threads),
            ProcessLimits(request.time_limit_s, request.memory_bytes),
            cancel,
            poll,
        )
    except SidecarError as error:
        _keep_log(folder, error.log)
        raise
    _keep_log(folder, end.log)
    return _verified(sidecar, request, folder, end)


def _verified(sidecar: Sidecar, request: SidecarRequest, folder: Path, end: ProcessEnd) -> SidecarReply:
    if end.code != 0:
        raise SidecarError(
            "crash",
            f"{sidecar.title} crashed ({'signal' if end.code < 0 else 'exit code'} {abs(end.code)}).",
            "See its log.",
            end.log,
        )
    try:
        reply = message.read_reply(folder)
    except SidecarError as error:
        raise SidecarError(error.kind, f"{sidecar.title}: {error.what}", error.todo, end.log) from error
    if reply.status == "refused":
        raise SidecarError("refused", f"{sidecar.title}: {reply.what or 'no reason given'}", reply.todo, end.log)
    _check_output(sidecar, request, reply, folder / request.output, end.log)
    return SidecarReply(
        output=request.output,
        size_bytes=reply.size_bytes,
        sha256=reply.sha256,
        versions=dict(reply.versions),
        notes=tuple(reply.notes),
        figures=dict(reply.figures),
        log=end.log,
        duration_s=end.duration_s,
        peak_bytes=end.peak_bytes,
    )


def _check_output(sidecar: Sidecar, request: SidecarRequest, reply: ToolReply, path: Path, log: str) -> None:
    problem = ""
    if reply.output != request.output:
        problem = "it names another file"
    elif path.is_symlink() or not path.is_file():
        problem = "the file is not there"
    elif not 0 < path.stat().st_size <= request.output_limit_bytes:
        problem = f"the file has {path.stat().st_size} bytes; up to {request.output_limit_bytes} are allowed"
    elif hash_file(path) != (reply.sha256, reply.size_bytes):
        problem = "the file is not the one that it reported"
    if problem:
        path.unlink(missing_ok=True)
        raise SidecarError(
            "output", f"What {sidecar.title} left does not count: {problem}.", "See its log, and try again.", log
        )


def _check_folder(request: SidecarRequest, folder: Path) -> None:
    """A request may come from a jailed worker: it names files in its folder, and no links out of it."""
    reserved = {message.REQUEST_FILE, message.REPLY_FILE, message.PROGRESS_FILE, message.LOG_FILE}
    names = [request.output, *request.inputs.values()]
    if request.contract != message.CONTRACT or reserved & set(names) or request.output in request.inputs.values():
        raise UserError("The sidecar's request contradicts itself.", "Make the step again.")
    if any(path.is_symlink() for path in folder.rglob("*")):
        raise UserError("There are links among the sidecar's input files.", "Copy the files instead.")
    missing = [name for name in request.inputs.values() if not (folder / name).is_file()]
    if missing:
        raise UserError(f"The sidecar's input {missing[0]} is not there.", "Make the step again.")


def _environment(sidecar: Sidecar, folder: Path, threads: int) -> dict[str, str]:
    passed = _PASSED + (_PASSED_TO_PROGRAMS if sidecar.program else ())
    return {
        **{name: os.environ[name] for name in passed if name in os.environ},
        "HOME": str(folder),
        **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder)),
        "PYTHONHASHSEED": "0",
        "PYTHONUTF8": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "ORT_DISABLE_TELEMETRY": "1",
        **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads)),
        # Threads that wait for each other by spinning slow a busy machine down many times over.
        "OMP_WAIT_POLICY": "PASSIVE",
    }


def _keep_log(folder: Path, log: str) -> None:
    (folder / message.LOG_FILE).write_text(log, encoding="utf-8")
