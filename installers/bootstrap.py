#!/usr/bin/env python3
"""Start Edgeyard from a source tree, with nothing but Python.

    python3 installers/bootstrap.py demo [options]     the demo (--headless, --json, --devices N, ...)
    python3 installers/bootstrap.py test [options]     ruff, mypy, import contracts, pytest on several workers;
                                                       with options only pytest, with these
    python3 installers/bootstrap.py run [arguments]    edgeyard itself
    python3 installers/bootstrap.py install            only make the environment

It keeps ``.venv`` in the repository. A state file in it says what was installed from what, so that a second start
installs nothing, and an installation that was cut off is made anew. What this script has to say goes to standard
error: standard output belongs to what it starts. Where packages come from is pip's own setting (``PIP_*``, pip.conf).
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036  (nothing in this file may fail to parse on an older Python)
    sys.exit("Edgeyard needs Python 3.11 or newer, this is {}.{}: start it with python3.11".format(*sys.version_info))

import contextlib
import ctypes
import hashlib
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STATE = VENV / "edgeyard-bootstrap.json"
EXTRAS = {"demo": ("desktop", "optimize", "hub"), "test": ("dev",)}
COVERED_BY = {"dev": {"desktop", "optimize", "hub"}, "desktop": {"optimize", "hub"}}

QT_LIBRARIES = {  # soname: Debian package
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
}
X11_LIBRARIES = {
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-xinerama.so.0": "libxcb-xinerama0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
}

TEST_STEPS = (
    ("ruff check", ("-m", "ruff", "check", ".")),
    ("ruff format", ("-m", "ruff", "format", "--check", ".")),
    ("mypy", ("-m", "mypy")),
    # import-linter has no module form
    ("import contracts", ("-c", "from importlinter.cli import lint_imports_command as main; main()")),
)


class CannotStartError(Exception):
    """Something the user can put right; the message says how, in one line."""


def say(text: str) -> None:
    """Tell the user something, on standard error."""
    print(f"edgeyard: {text}", file=sys.stderr, flush=True)


# --- what the system must have ---------------------------------------------------------------------------------------


def is_linux() -> bool:
    """Whether Qt comes here without the libraries it needs (the wheels for Windows and macOS hold everything)."""
    return sys.platform not in {"win32", "darwin"}


def is_there(soname: str) -> bool:
    """Whether the dynamic linker finds a library."""
    try:
        ctypes.CDLL(soname)
    except OSError:
        return False
    return True


def wants_window(command: str, args: Sequence[str]) -> bool:
    """Whether this start opens a window."""
    if {"-h", "--help", "--version"} & set(args):
        return False
    if command == "run":
        return not args or args[0] == "desktop" or (args[0] == "demo" and "--headless" not in args)
    return command == "demo" and "--headless" not in args


def check_screen() -> None:
    """Refuse to open a window where there is no screen (Linux and its kin)."""
    if any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")):
        return
    raise CannotStartError(
        "there is no screen here (neither DISPLAY nor WAYLAND_DISPLAY is set): add --headless to run without a window."
    )


def check_qt_libraries() -> None:
    """Refuse to start Qt without the system libraries that its wheels expect."""
    wanted = dict(QT_LIBRARIES)
    if os.environ.get("DISPLAY") and not os.environ.get("QT_QPA_PLATFORM"):
        wanted |= X11_LIBRARIES
    missing = {soname: package for soname, package in wanted.items() if not is_there(soname)}
    if missing:
        raise CannotStartError(
            f"Qt lacks {', '.join(missing)}: {as_root('apt install ' + ' '.join(missing.values()))}"
            " (Debian, Ubuntu; elsewhere the packages with these libraries)"
        )


def check_system(command: str, args: Sequence[str]) -> None:
    """Check what pip cannot bring, before anything is installed."""
    if not is_linux():
        return
    window = wants_window(command, args)
    if window:
        check_screen()
    if window or command == "test":
        check_qt_libraries()


def as_root(line: str) -> str:
    """A command line for an administrator, as this user would have to type it."""
    return line if hasattr(os, "geteuid") and os.geteuid() == 0 else f"sudo {line}"


# --- the environment -------------------------------------------------------------------------------------------------


def in_venv(name: str) -> Path:
    """Path of a program in the environment."""
    return VENV / "Scripts" / f"{name}.exe" if sys.platform == "win32" else VENV / "bin" / name


def interpreter() -> str:
    """What this environment stands on: Python, its place, and ours (scripts hold absolute paths)."""
    return f"{sys.implementation.cache_tag} {sys.base_prefix} {ROOT}"


def read_state() -> dict[str, object] | None:
    """The state file of the environment, or None if there is none that can be read."""
    try:
        state = json.loads(STATE.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return state if isinstance(state, dict) else None


def write_state(*, ready: bool, extras: set[str], project: str) -> None:
    """Say durably how far the environment is."""
    state = {"ready": ready, "interpreter": interpreter(), "project": project, "extras": sorted(extras)}
    fresh = STATE.with_suffix(".new")
    with fresh.open("w", encoding="utf-8") as file:
        file.write(json.dumps(state))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(STATE)


def covered(extras: set[str]) -> set[str]:
    """The extras and all that they bring with them."""
    return extras.union(*(COVERED_BY.get(extra, set()) for extra in extras))


def is_ready(state: dict[str, object] | None, extras: set[str], project: str) -> bool:
    """Whether nothing needs to be installed."""
    return (
        state is not None
        and state.get("ready") is True
        and state.get("interpreter") == interpreter()
        and state.get("project") == project
        and extras <= covered(extras_in(state))
        and in_venv("python").exists()
    )


def extras_in(state: dict[str, object] | None) -> set[str]:
    """The extras that a state file names."""
    names = state.get("extras") if state else None
    return {str(name) for name in names} if isinstance(names, list) else set()


@contextlib.contextmanager
def only_one_installs() -> Iterator[int]:
    """Hold the installation lock; it is free again when its holder, and a pip it left behind, are gone."""
    with (ROOT / ".venv.lock").open("a+b") as file:
        waiting = False
        while not _try_lock(file.fileno()):
            if not waiting:
                say("another start is installing; waiting for it")
            waiting = True
            time.sleep(0.3)
        yield file.fileno()


def _try_lock(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(descriptor, 0, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def prepare(extras: set[str]) -> None:
    """Bring the environment to where it has these extras; nothing is done if it has."""
    project = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    if is_ready(read_state(), extras, project):
        return
    with only_one_installs() as lock:
        state = read_state()
        if is_ready(state, extras, project):
            return
        usable = state is not None and state.get("ready") is True and state.get("interpreter") == interpreter()
        if usable:
            extras = extras | extras_in(state)
        else:
            _clear_the_way(ours=state is not None)
        started = time.monotonic()
        write_state(ready=False, extras=extras, project=project)
        if not usable:
            _make_venv(lock)
        _install(extras, lock)
        write_state(ready=True, extras=extras, project=project)
        say(f"ready after {time.monotonic() - started:.0f} s; the next start installs nothing")


def _clear_the_way(*, ours: bool) -> None:
    """Remove an environment of ours that is half made or stands on another Python; move one that is not ours."""
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        raise CannotStartError(
            f"this Python ({sys.executable}) cannot make environments: {as_root('apt install python3-venv')}"
            " (Debian, Ubuntu; elsewhere the package with Python's venv and ensurepip)"
        )
    if VENV.is_symlink() or (VENV.exists() and not ours and any(VENV.iterdir())):
        aside = VENV.with_name(f".venv.old-{time.strftime('%Y%m%d-%H%M%S')}")
        say(f".venv was not finished by this script: it is now {aside.name}")
        VENV.rename(aside)
    elif VENV.exists():
        say("the last installation did not finish or was for another Python: making .venv anew")
        shutil.rmtree(VENV)
    VENV.mkdir()


def _make_venv(lock: int) -> None:
    base = getattr(sys, "_base_executable", None) or sys.executable
    log = VENV / "venv.log"
    with log.open("wb") as output, Progress("making .venv"):
        code = run_child([base, "-m", "venv", str(VENV)], lock, output=output.fileno())
    if code != 0:
        raise CannotStartError(f"Python could not make {VENV} (exit code {code}); its words are in {log}")


def _install(extras: set[str], lock: int) -> None:
    log = Path(os.environ.get("PIP_LOG") or VENV / "pip.log").absolute()
    seen = log.stat().st_size if log.exists() else 0
    command = [str(in_venv("python")), "-m", "pip", "--disable-pip-version-check", "--no-input", "--log", str(log)]
    command += ["install", "-q", "--editable", f".[{','.join(sorted(extras))}]"]
    with (VENV / "pip.err").open("wb") as errors, Progress("collecting packages", PipLog(log, seen)):
        code = run_child(command, lock, output=errors.fileno())
    if code != 0:
        raise CannotStartError(f"pip failed (exit code {code}): {advice(_complaints(log, seen))}; its log is {log}")


def _complaints(log: Path, offset: int) -> list[str]:
    """What pip said in this run that sounds like trouble."""
    words = (VENV / "pip.err").read_text("utf-8", "replace")
    with contextlib.suppress(OSError), log.open("rb") as file:
        file.seek(offset)
        words = file.read().decode("utf-8", "replace") + words
    signs = ("ERROR", "OSError", "WARNING: Retrying")
    return [line.strip() for line in words.splitlines() if any(sign in line for sign in signs)]


def advice(complaints: Sequence[str]) -> str:
    """What to do about pip's complaints, in a few words; the cause stands before what follows from it."""
    network = "the package index was not reached; check the network and pip's proxy settings, then start again"
    known = {
        "No space left on device": "the disk is full; free about 2 GB and start again",
        "Permission denied": "a file could not be written; start it as the user who owns this folder",
        "CERTIFICATE_VERIFY_FAILED": "the package index's certificate is not trusted; set PIP_CERT to your CA's file",
        "NewConnectionError": network,
        "NameResolutionError": network,
        "ProxyError": network,
        "ConnectTimeout": network,
        "ReadTimeout": network,
        "Read timed out": network,
        "No matching distribution": "a package was not found; check the network and pip's index (pip config list)",
    }
    text = "\n".join(complaints)
    for sign, action in known.items():
        if sign in text:
            return action
    return f"it said {complaints[-1]!r}" if complaints else "start again"


def run_child(command: Sequence[str], lock: int, *, output: int) -> int:
    """Run a part of the installation; it dies with us, and where it cannot it keeps the lock."""
    environment = dict(os.environ, PIP_USER="0")
    keep = () if sys.platform == "win32" else (lock,)
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, pass_fds=keep
    ) as child:
        try:
            return child.wait()
        except BaseException:
            child.terminate()
            raise


# --- progress --------------------------------------------------------------------------------------------------------


class PipLog:
    """Reads out of pip's log, as it grows, how far pip is."""

    # Lines of the installation itself stand right after the time; those of isolated builds are indented.
    _COLLECTED = re.compile(r"\S+ (?:Collecting|Processing) (?:\S*/)?([\w.]+)")
    _INSTALLING = re.compile(r"\S+ Installing collected packages: (.*)")

    def __init__(self, path: Path, offset: int) -> None:
        self._path = path
        self._offset = offset
        self._rest = ""
        self._collected: set[str] = set()
        self._installing = 0

    def stage(self) -> str:
        """What pip does now, in words."""
        with contextlib.suppress(OSError), self._path.open("rb") as file:
            file.seek(self._offset)
            fresh = file.read()
            self._offset += len(fresh)
            *lines, self._rest = (self._rest + fresh.decode("utf-8", "replace")).split("\n")
            for line in lines:
                collected, installing = self._COLLECTED.match(line), self._INSTALLING.match(line)
                if collected:
                    self._collected.add(collected[1].lower())
                elif installing:
                    self._installing = installing[1].count(",") + 1
        if self._installing:
            return f"installing {self._installing} packages"
        return f"collecting packages, {len(self._collected)} so far" if self._collected else "collecting packages"


class Progress:
    """A line on standard error that says what is going on and since when: rewritten on a terminal, rare elsewhere."""

    def __init__(self, title: str, source: PipLog | None = None) -> None:
        self._title = title
        self._source = source
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        started = time.monotonic()
        terminal = sys.stderr.isatty()
        said, said_at = "", 0.0
        while True:
            title = self._source.stage() if self._source else self._title
            kind = title.partition(",")[0]
            elapsed = time.monotonic() - started
            if terminal:
                print(f"\r\033[Kedgeyard: {title}… {elapsed:.0f} s", end="", file=sys.stderr, flush=True)
            elif kind != said or elapsed - said_at >= 10:
                said, said_at = kind, elapsed
                say(f"{title}… {elapsed:.0f} s")
            if self._done.wait(0.25 if terminal else 1.0):
                break
        if terminal:
            print(file=sys.stderr, flush=True)


# --- what is started -------------------------------------------------------------------------------------------------


def hand_over(program: Path, args: Sequence[str]) -> NoReturn:
    """Become the program (POSIX), or run it and pass its exit code on (Windows)."""
    if not program.exists():
        raise CannotStartError(f"{program} is missing: remove {STATE} and start again")
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name == "posix":
        os.execv(program, [str(program), *args])
    with subprocess.Popen([str(program), *args]) as child:
        while True:
            with contextlib.suppress(KeyboardInterrupt):  # Ctrl-C reaches the child too: it decides when to end
                sys.exit(child.wait())


def in_parallel(processors: int) -> list[str]:
    """Options of pytest for the whole suite: more workers than processors, since half the tests mostly wait."""
    return ["-n", str(min(8, 2 * processors)), "--dist", "loadgroup", "--durations", "10", "--durations-min", "5"]


def run_tests(args: Sequence[str]) -> NoReturn:
    """All checks and then pytest, or, with arguments, pytest alone."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    os.chdir(ROOT)
    python = in_venv("python")
    failed = []
    if not args:
        for name, step in TEST_STEPS:
            say(f"test: {name}")
            if subprocess.run([python, *step], check=False).returncode != 0:
                failed.append(name)
    say("test: pytest")
    command = ["-m", "pytest", *(args or in_parallel(os.cpu_count() or 1))]
    if not failed:
        hand_over(python, command)
    code = subprocess.run([python, *command], check=False).returncode
    say(f"failed before pytest: {', '.join(failed)}")
    sys.exit(code or 1)


def main(argv: Sequence[str]) -> None:
    """Prepare and start what the command line asks for."""
    if not argv or argv[0] in {"-h", "--help"}:
        print(__doc__)
        return
    command, args = argv[0], list(argv[1:])
    if command not in {"demo", "test", "install", "run"}:
        raise CannotStartError(f"there is no command {command!r}: use demo, test, run or install")
    if command == "install" and args:
        raise CannotStartError("install takes no arguments")
    check_system(command, args)
    prepare(set(EXTRAS.get(command, EXTRAS["demo"])))
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    if command == "test":
        run_tests(args)
    if command != "install":
        hand_over(in_venv("edgeyard"), args if command == "run" else ["demo", *args])


def _on_terminate(number: int, _: object) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _on_terminate)
    try:
        main(sys.argv[1:])
    except CannotStartError as problem:
        say(str(problem))
        sys.exit(2)
    except OSError as problem:
        say(f"{problem.strerror or problem} ({problem.filename or 'no file'}): check that {ROOT} can be written to")
        sys.exit(2)
    except KeyboardInterrupt:
        say("stopped; start it again to go on")
        sys.exit(130)
