"""The bootstrap says what is missing in one line, installs once, and never believes a half-made environment."""

import ast
import importlib.util
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import NoReturn

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "installers" / "bootstrap.py"
POSIX_ONLY = pytest.mark.skipif(os.name != "posix", reason="uses a shell script as a stand-in")


def _load(script: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("bootstrap_under_test", script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "a yard"
    (root / "installers").mkdir(parents=True)
    (root / "installers" / "bootstrap.py").write_bytes(SCRIPT.read_bytes())
    (root / "pyproject.toml").write_text("[project]\nname = 'edgeyard'\n")
    return root


@pytest.fixture
def bootstrap(repository: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = _load(repository / "installers" / "bootstrap.py")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM", "PIP_LOG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(module, "is_linux", lambda: True)
    monkeypatch.setattr(module, "is_there", lambda _: True)
    return module


@pytest.fixture
def installs(bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that an installation would have run; making the environment leaves its interpreter."""
    commands: list[list[str]] = []

    def run_child(command: list[str], _lock: int, *, output: int) -> int:
        assert output >= 0
        commands.append(command)
        if "venv" in command:
            python = bootstrap.in_venv("python")
            python.parent.mkdir(parents=True)
            python.touch()
        return 0

    monkeypatch.setattr(bootstrap, "run_child", run_child)
    return commands


def test_an_old_python_can_parse_the_file_and_read_the_refusal() -> None:
    ast.parse(SCRIPT.read_text("utf-8"), feature_version=(3, 6))


def test_no_package_index_is_named() -> None:
    text = SCRIPT.read_text("utf-8").lower()
    assert "pypi" not in text
    assert "http" not in text


class TestSystem:
    def test_a_demo_without_a_screen_is_told_about_headless(self, bootstrap: ModuleType) -> None:
        with pytest.raises(bootstrap.CannotStartError, match=r"no screen here.*--headless"):
            bootstrap.check_system("demo", [])

    @pytest.mark.parametrize(
        ("command", "args"),
        [
            ("demo", ["--headless", "--json"]),
            ("demo", ["--help"]),
            ("run", ["hub", "run"]),
            ("run", ["demo", "--headless"]),
            ("install", []),
        ],
    )
    def test_what_opens_no_window_needs_neither_screen_nor_qt_libraries(
        self, bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, command: str, args: list[str]
    ) -> None:
        monkeypatch.setattr(bootstrap, "is_there", lambda _: False)
        bootstrap.check_system(command, args)

    def test_missing_qt_libraries_are_named_with_their_packages(
        self, bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DISPLAY", ":1")
        monkeypatch.setattr(bootstrap, "is_there", lambda soname: "GL" not in soname and "cursor" not in soname)
        with pytest.raises(bootstrap.CannotStartError) as refusal:
            bootstrap.check_system("demo", [])
        assert "apt install libegl1 libgl1 libxcb-cursor0 " in str(refusal.value)
        assert "\n" not in str(refusal.value)

    def test_x11_libraries_are_not_asked_for_without_x11(
        self, bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
        monkeypatch.setattr(bootstrap, "is_there", lambda soname: "xcb" not in soname)
        bootstrap.check_system("demo", [])

    def test_tests_need_qt_libraries_but_no_screen(
        self, bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bootstrap.check_system("test", [])
        monkeypatch.setattr(bootstrap, "is_there", lambda soname: soname != "libEGL.so.1")
        with pytest.raises(bootstrap.CannotStartError, match="apt install libegl1 "):
            bootstrap.check_system("test", [])

    def test_a_python_without_venv_is_told_the_package(
        self, bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(bootstrap.importlib.util, "find_spec", lambda name: None if name == "ensurepip" else name)
        with pytest.raises(bootstrap.CannotStartError, match="apt install python3-venv"):
            bootstrap.prepare({"desktop"})
        assert not bootstrap.VENV.exists()


class TestEnvironment:
    def test_the_first_start_makes_it_and_the_second_does_nothing(
        self, bootstrap: ModuleType, installs: list[list[str]]
    ) -> None:
        bootstrap.prepare({"desktop", "optimize", "hub"})
        assert [command[-1] for command in installs] == [str(bootstrap.VENV), ".[desktop,hub,optimize]"]
        bootstrap.prepare({"desktop", "optimize", "hub"})
        assert len(installs) == 2

    def test_the_tools_of_development_serve_the_demo_too(
        self, bootstrap: ModuleType, installs: list[list[str]]
    ) -> None:
        bootstrap.prepare({"dev"})
        bootstrap.prepare({"desktop", "optimize", "hub"})
        assert len(installs) == 2

    def test_more_extras_are_added_in_place(self, bootstrap: ModuleType, installs: list[list[str]]) -> None:
        bootstrap.prepare({"desktop"})
        bootstrap.prepare({"dev"})
        assert [command[-1] for command in installs[2:]] == [".[desktop,dev]"]

    def test_a_changed_project_file_installs_again(
        self, bootstrap: ModuleType, installs: list[list[str]], repository: Path
    ) -> None:
        bootstrap.prepare({"desktop"})
        with (repository / "pyproject.toml").open("a") as file:
            file.write("dependencies = ['msgspec']\n")
        bootstrap.prepare({"desktop"})
        assert [command[-1] for command in installs[2:]] == [".[desktop]"]

    def test_another_python_makes_it_anew(
        self, bootstrap: ModuleType, installs: list[list[str]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bootstrap.prepare({"desktop"})
        (bootstrap.VENV / "from-before").touch()
        monkeypatch.setattr(bootstrap.sys, "base_prefix", "/opt/another")
        bootstrap.prepare({"desktop"})
        assert len(installs) == 4
        assert not (bootstrap.VENV / "from-before").exists()

    def test_a_cut_off_installation_is_made_anew(
        self, bootstrap: ModuleType, installs: list[list[str]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def killed(*_args: object, **_more: object) -> int:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(bootstrap, "run_child", killed)
            bootstrap.prepare({"desktop"})
        (bootstrap.VENV / "half").touch()
        bootstrap.prepare({"desktop"})
        assert not (bootstrap.VENV / "half").exists()
        assert bootstrap.read_state()["ready"] is True

    @pytest.mark.parametrize("content", [None, "", "[]", '{"ready": tru'])
    def test_an_environment_without_a_readable_state_is_moved_aside(
        self, bootstrap: ModuleType, installs: list[list[str]], content: str | None
    ) -> None:
        bootstrap.VENV.mkdir()
        (bootstrap.VENV / "somebodys").touch()
        if content is not None:
            bootstrap.STATE.write_text(content)
        bootstrap.prepare({"desktop"})
        aside = [path.name for path in bootstrap.ROOT.glob(".venv.old-*/somebodys")]
        assert aside == ["somebodys"]
        assert len(installs) == 2

    def test_a_failing_pip_says_what_to_do_and_where_the_log_is(
        self, bootstrap: ModuleType, installs: list[list[str]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stand_in: Callable[..., int] = bootstrap.run_child

        def run_child(command: list[str], lock: int, *, output: int) -> int:
            if "pip" not in command:
                return stand_in(command, lock, output=output)
            os.write(
                output, b"ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n"
            )
            return 1

        monkeypatch.setattr(bootstrap, "run_child", run_child)
        with pytest.raises(bootstrap.CannotStartError, match="disk is full") as refusal:
            bootstrap.prepare({"desktop"})
        assert str(bootstrap.VENV / "pip.log") in str(refusal.value)
        assert "\n" not in str(refusal.value)
        assert bootstrap.read_state()["ready"] is False

    def test_the_cause_is_told_rather_than_what_follows_from_it(self, bootstrap: ModuleType) -> None:
        retry = "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError('...')'"
        nothing = "ERROR: No matching distribution found for hatchling>=1.27"
        assert "proxy" in bootstrap.advice([retry, nothing])
        assert "pip config list" in bootstrap.advice([nothing])
        assert bootstrap.advice(["ERROR: a new kind of trouble"]) == "it said 'ERROR: a new kind of trouble'"
        assert bootstrap.advice([]) == "start again"


class TestProgress:
    def test_pip_is_followed_through_its_log(self, bootstrap: ModuleType, tmp_path: Path) -> None:
        log = tmp_path / "pip.log"
        log.write_text("2026-11-20T10:00:00,000 Collecting before-this-start\n")
        reader = bootstrap.PipLog(log, log.stat().st_size)
        assert reader.stage() == "collecting packages"
        with log.open("a") as file:
            file.write("2026-11-21T10:00:00,000   Installing collected packages: hatchling, pluggy\n")
            file.write("2026-11-21T10:00:01,000 Collecting numpy>=1.26\n")
            file.write("2026-11-21T10:00:01,500 Processing /wheels/msgspec-0.22.0-cp311.whl\n")
            file.write("2026-11-21T10:00:02,000 Collec")
        assert reader.stage() == "collecting packages, 2 so far"
        with log.open("a") as file:
            file.write("ting tuf\n2026-11-21T10:00:03,000 Installing collected packages: numpy, msgspec, tuf\n")
        assert reader.stage() == "installing 3 packages"

    def test_without_a_terminal_a_line_is_said_only_when_something_changes(
        self, bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(bootstrap.sys, "stderr", io.StringIO())
        with bootstrap.Progress("making .venv"):
            time.sleep(0.05)
        assert bootstrap.sys.stderr.getvalue() == "edgeyard: making .venv… 0 s\n"


class TestTests:
    @pytest.fixture
    def started(self, bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
        """The arguments that pytest would have been started with; all before it goes well."""
        commands: list[list[str]] = []

        def hand_over(_program: Path, args: list[str]) -> NoReturn:
            commands.append(args)
            raise SystemExit(0)

        monkeypatch.chdir(Path.cwd())  # back again afterwards
        monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
        monkeypatch.setattr(bootstrap, "hand_over", hand_over)
        monkeypatch.setattr(bootstrap.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 0))
        return commands

    @pytest.mark.parametrize(("processors", "workers"), [(None, "2"), (2, "4"), (64, "8")])
    def test_the_whole_suite_is_spread_over_workers(
        self,
        bootstrap: ModuleType,
        started: list[list[str]],
        monkeypatch: pytest.MonkeyPatch,
        processors: int | None,
        workers: str,
    ) -> None:
        monkeypatch.setattr(bootstrap.os, "cpu_count", lambda: processors)
        with pytest.raises(SystemExit):
            bootstrap.run_tests([])
        assert started[0][:6] == ["-m", "pytest", "-n", workers, "--dist", "loadgroup"]

    def test_a_part_of_it_runs_with_the_given_options_alone(
        self, bootstrap: ModuleType, started: list[list[str]]
    ) -> None:
        with pytest.raises(SystemExit):
            bootstrap.run_tests(["tests/unit/domain", "-k", "wave"])
        assert started == [["-m", "pytest", "tests/unit/domain", "-k", "wave"]]


@POSIX_ONLY
class TestProcess:
    @pytest.fixture
    def started(self, repository: Path, bootstrap: ModuleType) -> Callable[..., subprocess.Popen[str]]:
        """Start the script in a repository whose environment is ready and holds a stand-in for edgeyard."""
        program = bootstrap.in_venv("edgeyard")
        program.parent.mkdir(parents=True)
        program.write_text(
            f"#!{sys.executable}\nimport json, os, sys, time\n"
            "print(json.dumps([os.getpid(), sys.argv[1:]]), flush=True)\n"
            "'--sleep' in sys.argv and time.sleep(60)\n"
            "sys.exit(7)\n"
        )
        program.chmod(0o755)
        bootstrap.in_venv("python").symlink_to(sys.executable)
        project = bootstrap.hashlib.sha256((repository / "pyproject.toml").read_bytes()).hexdigest()
        bootstrap.write_state(ready=True, extras={"dev"}, project=project)

        def start(*args: str) -> subprocess.Popen[str]:
            # base_prefix, which the state names, is the same for an environment and for what it was made from
            command = [sys.executable, str(repository / "installers" / "bootstrap.py"), *args]
            return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

        return start

    def test_arguments_output_and_exit_code_are_passed_on(self, started: Callable[..., subprocess.Popen[str]]) -> None:
        with started("demo", "--headless", "--devices", "3") as process:
            out, err = process.communicate(timeout=30)
        assert json.loads(out) == [process.pid, ["demo", "--headless", "--devices", "3"]]
        assert err == ""
        assert process.returncode == 7

    def test_run_passes_everything_to_edgeyard(self, started: Callable[..., subprocess.Popen[str]]) -> None:
        with started("run", "hub", "run", "--json") as process:
            out, _ = process.communicate(timeout=30)
        assert json.loads(out)[1] == ["hub", "run", "--json"]

    def test_signals_reach_what_was_started(self, started: Callable[..., subprocess.Popen[str]]) -> None:
        with started("demo", "--headless", "--sleep") as process:
            assert process.stdout is not None
            process.stdout.readline()
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=30)
        assert process.returncode == -signal.SIGTERM

    def test_a_wrong_command_is_one_line(self, started: Callable[..., subprocess.Popen[str]]) -> None:
        with started("frobnicate") as process:
            out, err = process.communicate(timeout=30)
        assert (out, process.returncode) == ("", 2)
        assert err == "edgeyard: there is no command 'frobnicate': use demo, test, run or install\n"

    def test_two_starts_do_not_install_at_once(self, bootstrap: ModuleType) -> None:
        with bootstrap.only_one_installs():
            holder = f"import importlib.util as u; s = u.spec_from_file_location('b', {bootstrap.__file__!r})\n"
            holder += "m = u.module_from_spec(s); s.loader.exec_module(m)\n"
            holder += "with m.only_one_installs(): print('mine')\n"
            other = subprocess.Popen(
                [sys.executable, "-c", holder], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            assert other.stderr is not None
            assert other.stderr.readline() == "edgeyard: another start is installing; waiting for it\n"
            assert other.poll() is None
        with other:
            assert other.communicate(timeout=30)[0] == "mine\n"
