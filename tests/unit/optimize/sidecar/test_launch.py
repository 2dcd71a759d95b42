"""The inside of a sidecar: the request reaches the tool, in the jail, with no more of ours than it needs."""

import sys
from pathlib import Path

import msgspec
import pytest

from edgeyard.optimize.sidecar import run_sidecar as module
from edgeyard.optimize.sidecar.catalog import SIDECARS
from edgeyard.optimize.sidecar.message import SidecarError, SidecarReply, SidecarRequest

LAUNCH = Path(module.__file__).parent / "tool" / "launch.py"
REQUEST = SidecarRequest(sidecar="litert", inputs={"model": "model.onnx"}, output="artifact.bin", seed=7)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "work"
    path.mkdir()
    (path / "model.onnx").write_bytes(b"123")
    monkeypatch.setattr(module, "_PASSED", (*module._PASSED, "PYTHONPATH"))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    return path


def serve(folder: Path, **settings: object) -> SidecarReply:
    request = msgspec.structs.replace(REQUEST, settings={"elsewhere": str(folder.parent / "x"), **settings})
    command = [sys.executable, "-P", "-s", str(LAUNCH), "launch_probe"]
    return module.serve_request(SIDECARS["litert"], command, request, folder, None, lambda *_: None)


def test_a_tool_gets_its_request_and_its_result_is_verified(folder: Path) -> None:
    reply = serve(folder)
    assert (folder / reply.output).read_bytes() == b"123123"
    assert reply.figures["seed"] == 7
    assert reply.notes == ("doubled",)
    assert set(reply.versions) == {"probe", "pip"}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="seccomp and Landlock are Linux")
def test_a_tool_has_neither_network_nor_a_place_to_write_but_its_folder(folder: Path) -> None:
    figures = serve(folder).figures
    assert figures["network"] == "PermissionError"
    assert figures["elsewhere"] == "PermissionError"


def test_a_tool_sees_of_ours_only_what_is_made_for_sidecars(folder: Path) -> None:
    allowed = {"edgeyard", "edgeyard.optimize", "edgeyard.optimize.jail", "edgeyard.optimize.sidecar"}
    seen = set(serve(folder).figures["modules"])
    assert {name for name in seen if not name.startswith("edgeyard.optimize.sidecar.tool")} <= allowed


def test_a_tool_that_refuses_is_heard(folder: Path) -> None:
    with pytest.raises(SidecarError, match=r"LiteRT converter: No\. Ask again\.") as caught:
        serve(folder, refuse=True)
    assert caught.value.kind == "refused"


def test_a_tool_that_fails_says_what_happened_and_the_log_has_the_traceback(folder: Path) -> None:
    with pytest.raises(SidecarError, match="IndexError: out of range") as caught:
        serve(folder, fail=True)
    assert "Traceback" in caught.value.log
