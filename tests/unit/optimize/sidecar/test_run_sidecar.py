"""The contract with tools that are not ours: what they leave counts only when it is what they say."""

import sys
import threading
import time
from pathlib import Path

import msgspec
import psutil
import pytest

from edgeyard.domain.error import UserError
from edgeyard.optimize.sidecar import message
from edgeyard.optimize.sidecar.catalog import SIDECARS
from edgeyard.optimize.sidecar.message import SidecarError, SidecarReply, SidecarRequest
from edgeyard.optimize.sidecar.run_sidecar import run_sidecar, serve_request
from edgeyard.optimize.worker_answer import JobCancelledError

FAKE = Path(__file__).with_name("fake_tool.py")
REQUEST = SidecarRequest(
    sidecar="tensorrt", inputs={"model": "model.onnx"}, output="artifact.bin", output_limit_bytes=1000, time_limit_s=30
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "work"
    path.mkdir()
    (path / "model.onnx").write_bytes(b"123")
    return path


def serve(
    behaviour: str, folder: Path, request: SidecarRequest = REQUEST, cancel: threading.Event | None = None
) -> tuple[SidecarReply, list[tuple[float, str]]]:
    told: list[tuple[float, str]] = []
    command = [sys.executable, str(FAKE), behaviour]
    reply = serve_request(
        SIDECARS[request.sidecar],
        command,
        request,
        folder,
        cancel,
        lambda fraction, text: told.append((fraction, text)),
    )
    return reply, told


def gone(pid: int) -> bool:
    for _ in range(100):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


def test_a_tool_that_keeps_the_contract_is_believed(folder: Path) -> None:
    reply, told = serve("success", folder)
    assert (folder / reply.output).read_bytes() == b"artifact"
    assert reply.versions == {"fake": "1.2"}
    assert reply.figures == {"model_bytes": 3}
    assert "working" in reply.log
    assert reply.peak_bytes > 0
    assert told == [(0.5, "half")]


@pytest.mark.parametrize(
    ("behaviour", "kind", "words"),
    [
        ("refuses", "refused", "The layer Foo is unknown. Leave it out."),
        ("no output", "output", "not there"),
        ("empty output", "output", "0 bytes"),
        ("other bytes", "output", "not the one that it reported"),
        ("output too large", "output", "up to 1000 are allowed"),
        ("link", "output", "not there"),
        ("another file", "output", "names another file"),
        ("garbage", "answer", "no valid answer"),
        ("wrong types", "answer", "no valid answer"),
        ("endless reply", "answer", "too long"),
        ("linked reply", "answer", "link"),
        ("no reply", "answer", "it left none"),
        ("exit code", "crash", "exit code 3"),
        ("segfault", "crash", "signal 11"),
    ],
)
def test_what_a_tool_leaves_does_not_count_when(behaviour: str, kind: str, words: str, folder: Path) -> None:
    with pytest.raises(SidecarError, match=words) as caught:
        serve(behaviour, folder)
    assert caught.value.kind == kind


def test_a_tool_that_hangs_is_ended_and_reported_with_its_last_words(folder: Path) -> None:
    with pytest.raises(SidecarError, match="longer than 1 s") as caught:
        serve("hang", folder, msgspec.structs.replace(REQUEST, time_limit_s=1.0))
    assert caught.value.kind == "time"
    assert "about to hang" in caught.value.log
    assert "about to hang" in (folder / message.LOG_FILE).read_text()


def test_what_a_tool_started_ends_with_it_also_outside_its_group(folder: Path) -> None:
    with pytest.raises(SidecarError, match="longer"):
        serve("hang with children", folder, msgspec.structs.replace(REQUEST, time_limit_s=1.0))
    assert gone(int((folder / "child.pid").read_text()))


def test_a_tool_that_eats_memory_is_ended(folder: Path) -> None:
    with pytest.raises(SidecarError, match="200 MiB of memory") as caught:
        serve("eats memory", folder, msgspec.structs.replace(REQUEST, memory_bytes=200 << 20))
    assert caught.value.kind == "memory"


def test_a_huge_log_keeps_its_beginning_and_its_end(folder: Path) -> None:
    reply, _ = serve("huge log", folder)
    assert len(reply.log) < 300_000
    assert reply.log.startswith("xxx")
    assert "bytes left out]" in reply.log
    assert reply.log.endswith("the end\n")


def test_cancelling_ends_the_tool(folder: Path) -> None:
    cancel = threading.Event()
    threading.Timer(0.5, cancel.set).start()
    with pytest.raises(JobCancelledError):
        serve("hang", folder, cancel=cancel)


def test_a_program_that_is_not_there_is_refused_in_words(folder: Path) -> None:
    with pytest.raises(SidecarError, match="cannot be started") as caught:
        serve_request(SIDECARS["tensorrt"], [str(folder / "none")], REQUEST, folder, None, lambda *_: None)
    assert caught.value.kind == "missing"


def test_a_vendor_tool_that_is_not_installed_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEYARD_TRTEXEC", str(folder / "none"))
    with pytest.raises(SidecarError, match=r"trtexec is not on this machine.*EDGEYARD_TRTEXEC") as caught:
        run_sidecar(REQUEST, folder)
    assert caught.value.kind == "missing"


def test_an_unknown_sidecar_is_refused(folder: Path) -> None:
    with pytest.raises(UserError, match="no sidecar 'other'"):
        run_sidecar(msgspec.structs.replace(REQUEST, sidecar="other"), folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"output": "request.json"},
        {"output": "model.onnx"},
        {"inputs": {"model": "missing.onnx"}},
        {"contract": 2},
    ],
    ids=["overwrites the request", "overwrites its input", "input is missing", "another contract"],
)
def test_a_request_that_cannot_be_is_refused(changes: dict[str, object], folder: Path) -> None:
    with pytest.raises(UserError):
        serve("success", folder, msgspec.structs.replace(REQUEST, **changes))


def test_links_among_the_inputs_are_refused(folder: Path) -> None:
    (folder / "secret").symlink_to("/etc/hostname")
    with pytest.raises(UserError, match="links"):
        serve("success", folder)


@pytest.mark.parametrize("name", ["../model.onnx", "/etc/passwd", ".hidden", "", "a/b"])
def test_only_plain_names_of_files_cross_from_a_worker(name: str) -> None:
    body = {"sidecar": "litert", "output": name}
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(body, SidecarRequest)


def test_what_an_earlier_run_left_is_not_taken_for_an_answer(folder: Path) -> None:
    serve("success", folder)
    with pytest.raises(SidecarError, match="it left none"):
        serve("no reply", folder)
