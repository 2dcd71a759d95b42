"""The tutorial, executed: a reader who types what stands there gets what it promises."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.tutorial_page import Block, read_blocks
from tests.free_port import free_port

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "tutorial.md"
BLOCK_TIMEOUT_S = 180.0
PROFILES = {"pi5", "x86-vnni", "jetson-orin-nano"}


class Reader:
    """Does what the page says, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "work"
        self.folder.mkdir()
        programs = folder / "bin"
        programs.mkdir()
        program = programs / "edgeyard"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m edgeyard "$@"\n')
        program.chmod(0o755)
        self.environment = {
            **os.environ,
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT / "app"),
            "REPOSITORY": str(ROOT),
            "EDGEYARD_PASSPHRASE": "for this page only",
            # Nobody's own keyring or cache is touched.
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
            "XDG_CACHE_HOME": str(folder / "cache"),
            "XDG_DATA_HOME": str(folder / "share"),
            "XDG_CONFIG_HOME": str(folder / "config"),
        }
        self.running: list[subprocess.Popen[bytes]] = []

    def follow(self, block: Block) -> str:
        """Run or write one block; what it printed. Fails with the block's words when it does."""
        if block.file:
            return self._write(block)
        if any(importlib.util.find_spec(name) is None for name in block.needs):
            shutil.copy(ROOT / block.instead[0], self.folder / block.instead[1])
            return ""
        if block.background:
            return self._leave_running(block)
        deadline = time.monotonic() + BLOCK_TIMEOUT_S
        while True:
            printed = self._run(block, deadline - time.monotonic())
            if not block.repeat or block.until in printed:
                return printed
            assert time.monotonic() < deadline, f"line {block.line} never says {block.until!r}, but: {printed}"
            time.sleep(0.5)

    def close(self) -> None:
        """End what was left running, the last first."""
        for process in reversed(self.running):
            process.terminate()
        for process in reversed(self.running):
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _write(self, block: Block) -> str:
        path = self.folder / block.file
        path.parent.mkdir(parents=True, exist_ok=True)
        # The reader's machine has the usual ports free; this one runs other tests beside it.
        ports = f"https_port = {free_port()}\nmqtt_port = {free_port()}\n" if path.name == "settings.toml" else ""
        path.write_text(block.text + ports, "utf-8")
        return ""

    def _command(self, block: Block) -> list[str]:
        if block.language == "python":
            return [sys.executable, "-c", block.text]
        return ["bash", "-euo", "pipefail", "-c", block.text]

    def _run(self, block: Block, timeout_s: float) -> str:
        done = subprocess.run(
            self._command(block), cwd=self.folder, env=self.environment, capture_output=True, text=True,
            timeout=timeout_s, check=False,
        )  # fmt: skip
        said = f"docs/tutorial.md, line {block.line} ({block.title}): exit code {done.returncode}\n"
        assert done.returncode == 0, said + done.stdout[-2000:] + done.stderr[-4000:]
        return done.stdout

    def _leave_running(self, block: Block) -> str:
        output = self.folder.parent / f"line-{block.line}.txt"
        with output.open("wb") as printed:
            # `exec`, so that the process that is ended is the program and not its shell.
            command = ["bash", "-euc", "exec " + block.text.strip()]
            process = subprocess.Popen(command, cwd=self.folder, env=self.environment, stdout=printed, stderr=printed)
        self.running.append(process)
        deadline = time.monotonic() + 60
        while block.until not in output.read_text("utf-8"):
            assert process.poll() is None, f"line {block.line} ended: {output.read_text('utf-8')}"
            assert time.monotonic() < deadline, f"line {block.line} never says {block.until!r}"
            time.sleep(0.1)
        return output.read_text("utf-8")


def test_the_tutorial_does_what_it_says(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    printed = {}
    try:
        for block in read_blocks(PAGE.read_text("utf-8")):
            printed[block.text] = reader.follow(block)
    finally:
        reader.close()
    answer = json.loads((reader.folder / "answer.json").read_text("utf-8"))
    picked = {each["profile"]: each for each in answer["picked"]}
    assert set(picked) == PROFILES
    assert len({each["path"] for each in picked.values()}) == 3, "three kinds of hardware, three variants"
    for each in picked.values():
        assert (reader.folder / each["path"]).stat().st_size == each["size_bytes"]
        assert each["reasons"]
    assert "healthy" in list(printed.values())[-1]


def test_what_is_said_above_a_block_is_understood_or_refused() -> None:
    written, repeated = read_blocks(
        "# T\n## A\n<!-- file: a/b.json -->\n```json\n{}\n```\n\n```\nfor the reader\n```\n"
        "<!-- repeat, until: ok -->\n```bash\nls\n```\n"
    )
    assert (written.file, written.text, written.title) == ("a/b.json", "{}\n", "A")
    assert (repeated.repeat, repeated.until, repeated.line) == (True, "ok", 11)
    with pytest.raises(ValueError, match="sometimes"):
        read_blocks("<!-- sometimes -->\n```bash\nls\n```\n")


def test_the_exported_file_and_the_one_that_stands_for_it_give_the_same_answers(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("onnxscript")
    import numpy as np
    import onnxruntime

    reader = Reader(tmp_path)
    export = next(block for block in read_blocks(PAGE.read_text("utf-8")) if block.needs)
    reader.follow(export)
    x = np.random.default_rng(1).standard_normal((5, 3, 32, 32)).astype(np.float32)
    exported, instead = (
        onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, {"image": x})[0]
        for path in (reader.folder / export.instead[1], ROOT / export.instead[0])
    )
    np.testing.assert_allclose(exported, instead, rtol=1e-4, atol=1e-4)
