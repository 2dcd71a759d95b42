"""How quickly the desktop starts and how evenly it draws while the fleet reports. Prints one JSON object.

    python tests/benchmark/desktop.py --devices 10000 [--seconds 20] [--jobs 2]

A database is filled, then the desktop runs in a process of its own (offscreen) while another process writes the
reports of a tenth of the devices every second. `start_s` runs from the start of the process to a window whose table is
filled and painted, and whose event loop answers. `frame_*` are the distances between the beats of a 16 ms timer on the
window's thread over the whole time, half of which the table is being scrolled; `floor_*` are the same for an empty Qt
window next to the same writer, half of it before and half after: what this machine can give at all. `gui_cpu_*` is
the work of the window's thread, which a busy machine changes less than the beats. `filter_ms` is from the text to the
filtered, painted table: the slowest of several filters, each as the median of five tries.

With `--jobs` so many optimizations of the demo's models run in the window's own job runner all the while, and the half
at rest is spent on the Optimize page with one of them open; `jobs_running` is how many still ran at the end.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "app"), str(ROOT)]

TIMER_MS = 16
SETTLE_S = 6.0
"""A person looks at a window for longer than it takes to load the rest of it."""
MUCH_WORK = "title: Much work\nsteps:\n" + "".join(
    f"  - id: cut-{share}\n    pass: prune-channels\n    settings: {{fraction: 0.{share}}}\n" for share in range(11, 71)
)
FILTERS = ("hw:pi5 line=3 !status:offline", "press", "p95>20 | status:alarm", "hall=a (hw:pi4 | hw:x86-vnni)", "")


def main() -> int:
    """Fill, measure, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--devices", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--jobs", type=int, default=0, choices=(0, 1, 2), help="optimizations that run meanwhile")
    parser.add_argument("--child", choices=("desktop", "floor", "writer"), help=argparse.SUPPRESS)
    parser.add_argument("--site", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child == "writer":
        return write_reports(options.site, options.devices)
    if options.child:
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
        measured = run_floor(options.seconds) if options.child == "floor" else run_desktop(options.site, options)
        print(json.dumps(measured))
        return 0
    with tempfile.TemporaryDirectory(prefix="edgeyard-benchmark-", ignore_cleanup_errors=True) as folder:
        site = Path(folder)
        fill(site, options.devices)
        measured = {"devices": options.devices, "cores": os.cpu_count()}
        # The files are warm in both cases: a start is compared with a start.
        start(site, options, "desktop", seconds=0.5)
        writer = subprocess.Popen(command(site, options, "writer"), stdin=subprocess.PIPE)
        try:
            before = start(site, options, "floor", options.seconds / 2)
            measured |= start(site, options, "desktop", options.seconds)
            after = start(site, options, "floor", options.seconds / 2)
            measured |= {name: round((value + after[name]) / 2, 1) for name, value in before.items()}
        finally:
            assert writer.stdin is not None
            writer.stdin.close()
            writer.wait(30)
        measured["frame_p95_ratio"] = round(measured["frame_p95_ms"] / measured["floor_p95_ms"], 2)
        print(json.dumps(measured))
    return 0


def command(site: Path, options: argparse.Namespace, child: str, seconds: float = 0.0) -> list[str]:
    """The command line of a child."""
    return [
        sys.executable, __file__, "--child", child, "--site", str(site), "--devices", str(options.devices),
        "--seconds", str(seconds), "--jobs", str(options.jobs),
    ]  # fmt: skip


def start(site: Path, options: argparse.Namespace, child: str, seconds: float) -> dict[str, Any]:
    """Run a child to its end and return what it measured."""
    environment = {**os.environ, "EDGEYARD_BENCHMARK_STARTED_AT": str(time.time())}
    # As installed: compiled once, by the first start, wherever these sources lie.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment["PYTHONPYCACHEPREFIX"] = str(site / "bytecode")
    done = subprocess.run(
        command(site, options, child, seconds),
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{child} failed:\n{done.stderr[-4000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def fill(site: Path, devices: int) -> None:
    """A database with this many devices, and a hub that seems to be there."""
    from edgeyard.commands.settings import Settings
    from edgeyard.commands.site_database import open_site_database
    from edgeyard.commands.site_folder import SiteFolder
    from tests.fleet_factory import seed_fleet

    folder = SiteFolder(site)
    folder.make()
    database = open_site_database(folder, Settings())
    seed_fleet(database, devices, time.time(), history_points=12, history_step_s=60)
    database.close()


def write_reports(site: Path, devices: int) -> int:
    """Once a second the reports of a tenth of the devices, as the hub's ingest writes them, until stdin ends."""
    import random
    import select

    from edgeyard.commands.settings import Settings
    from edgeyard.commands.site_database import open_site_database
    from edgeyard.commands.site_folder import SiteFolder
    from edgeyard.store.device import LiveUpdate, list_devices, update_live
    from edgeyard.store.lease import put_status

    database = open_site_database(SiteFolder(site), Settings())
    with database.read() as connection:
        ids = [device.id for device in list_devices(connection)]
    batch = max(1, devices // 10)
    chance = random.Random(1)
    due = time.time()
    for number in range(1_000_000):
        at = time.time()
        chosen = [ids[(number * batch + offset) % len(ids)] for offset in range(min(batch, len(ids)))]
        updates = [
            LiveUpdate(
                device, at, online=True, latency_p50_ms=chance.uniform(3, 20), latency_p95_ms=chance.uniform(5, 40),
                inferences_per_s=chance.uniform(4, 6), error_rate=0.0, cpu_percent=chance.uniform(10, 90),
                memory_bytes=chance.randrange(200 << 20, 300 << 20), temperature_c=chance.uniform(40, 70),
            )
            for device in chosen
        ]  # fmt: skip
        with database.write() as connection:
            update_live(connection, updates)
            for component in ("hub", "broker"):
                put_status(connection, component, "ok", "Running.", "", at)
        due += 1.0
        if select.select([sys.stdin], [], [], max(0.0, due - time.time()))[0]:
            break
    database.close()
    return 0


def run_floor(seconds: float) -> dict[str, Any]:
    """An empty window and the timer."""
    from PySide6.QtWidgets import QApplication, QMainWindow

    application = QApplication([])
    window = QMainWindow()
    window.resize(1280, 800)
    window.show()
    application.processEvents()
    beats = Beats()
    run(seconds)
    return {f"floor_{name}": value for name, value in beats.figures().items()}


class Beats:
    """A precise 16 ms timer, and when it really came."""

    def __init__(self) -> None:
        from PySide6.QtCore import Qt, QTimer

        self.times: list[float] = []
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(TIMER_MS)
        self._timer.timeout.connect(lambda: self.times.append(time.perf_counter()))
        self._timer.start()

    def figures(self, first: int | None = None) -> dict[str, float]:
        """Distances between beats in ms: of all, or of the first so many."""
        import numpy as np

        gaps = np.diff(self.times[:first]) * 1000
        if not len(gaps):
            return {}
        percentiles = {f"p{number}_ms": round(float(np.percentile(gaps, number)), 1) for number in (50, 95, 99)}
        return {**percentiles, "max_ms": round(float(gaps.max()), 1)}


def run_desktop(site: Path, options: argparse.Namespace) -> dict[str, Any]:
    """The desktop from the start of this process on."""
    from edgeyard.commands.settings import Settings
    from edgeyard.commands.site_folder import SiteFolder
    from edgeyard.desktop.app import Desktop

    desktop = Desktop(SiteFolder(site), Settings())
    window = desktop.open_window()
    window.resize(1280, 800)
    started_s = wait_until_filled(desktop, window, options.devices)
    measured: dict[str, Any] = {"start_s": round(started_s, 2)}
    if options.seconds >= 1:
        run(SETTLE_S)
        with optimizing(desktop, window, options.jobs) as running:
            measured |= watch_frames(desktop, window, options.seconds)
            measured |= {"jobs": options.jobs, "jobs_running": running()}
        measured |= time_filters(window)
        measured |= time_paints(window)
    import psutil

    measured["rss_mb"] = round(psutil.Process().memory_info().rss / 1e6)
    desktop.close()
    return measured


def wait_until_filled(desktop: Any, window: Any, devices: int) -> float:
    """Seconds from the start of the process until the table shows all devices and a posted event comes back."""
    from PySide6.QtCore import QCoreApplication, QTimer

    table = window.page("fleet").devices.table
    # Revoked devices are not shown, so nearly all is all.
    while len(table.fleet.order) < devices * 0.95:
        desktop.application.processEvents()
        time.sleep(0.001)
    table.viewport().repaint()
    answered: list[bool] = []
    QTimer.singleShot(0, lambda: answered.append(True))
    while not answered:
        QCoreApplication.processEvents()
    return time.time() - float(os.environ["EDGEYARD_BENCHMARK_STARTED_AT"])


def run(seconds: float) -> None:
    """Let the event loop run as it does for a person."""
    from PySide6.QtCore import QEventLoop, QTimer

    loop = QEventLoop()
    QTimer.singleShot(int(seconds * 1000), loop.quit)
    loop.exec()


def cpu_ms_per_s(seconds: float) -> float:
    """Let the event loop run; what this thread computed meanwhile."""
    before = time.thread_time()
    run(seconds)
    return round((time.thread_time() - before) * 1000 / seconds, 1)


def watch_frames(desktop: Any, window: Any, seconds: float) -> dict[str, Any]:
    """Beats while reports arrive, first at rest, then while the table is scrolled."""
    from PySide6.QtCore import QTimer

    from edgeyard.desktop.page import Place

    table = window.page("fleet").devices.table
    arrived: list[float] = []
    desktop.session.feeds.fleet.arrived.connect(lambda _frame: arrived.append(time.time()))
    beats = Beats()
    rest = cpu_ms_per_s(seconds / 2)
    beats_at_rest = len(beats.times)
    window.go(Place("fleet"))
    bar = table.verticalScrollBar()
    scroll = QTimer()
    scroll.setInterval(50)
    scroll.timeout.connect(lambda: bar.setValue((bar.value() + 84) % max(1, bar.maximum())))
    scroll.start()
    scrolling = cpu_ms_per_s(seconds / 2)
    scroll.stop()
    bar.setValue(0)
    figures = {f"frame_{name}": value for name, value in beats.figures().items()}
    figures |= {"frame_rest_p95_ms": beats.figures(beats_at_rest)["p95_ms"]}
    figures |= {"gui_cpu_rest_ms_per_s": rest, "gui_cpu_scroll_ms_per_s": scrolling}
    return {**figures, "snapshots_per_s": round(len(arrived) / seconds, 1)}


@contextlib.contextmanager
def optimizing(desktop: Any, window: Any, jobs: int) -> Iterator[Callable[[], int]]:
    """Optimizations begun on the Optimize page, with work for minutes; gives how many run, and cancels them at last."""
    from edgeyard.commands.study import StudyRequest
    from edgeyard.desktop.jobs.job_runner import JobRunner
    from edgeyard.desktop.page import Place
    from edgeyard.resource import resource_path
    from edgeyard.store.job import list_jobs

    def states() -> list[str]:
        with desktop.session.bridge.database.read() as connection:
            return [job.state for job in list_jobs(connection) if job.kind == "study"]

    if not jobs:
        yield lambda: 0
        return
    demo = resource_path("demo")
    page = window.page("optimize")
    window.go(Place("optimize"))
    for number in range(1, jobs + 1):
        request = StudyRequest(
            demo / f"yard-vision-{number}.onnx", demo / "evaluation.npz", ("host",), budget_s=600, recipe=MUCH_WORK
        )
        page.form.wanted.emit(request)
    deadline = time.monotonic() + 30
    while states().count("running") < jobs and time.monotonic() < deadline:
        run(0.2)
    run(3.0)  # inspection and the original's proof are over
    yield lambda: states().count("running")
    JobRunner.of(desktop.session.bridge).stop()


def time_filters(window: Any) -> dict[str, Any]:
    """From the filter's text to the painted table: the slowest filter, each as the median of five tries.

    The tries of one filter lie apart, so that another program's burst does not hit all of them.
    """
    import statistics

    devices = window.page("fleet").devices
    times: dict[str, list[float]] = {text: [] for text in FILTERS}
    for text in FILTERS * 5:
        before = time.perf_counter()
        devices.set_filter_text(text)
        devices.table.viewport().repaint()
        devices.map.repaint()
        times[text].append((time.perf_counter() - before) * 1000)
        run(0.15)
    medians = [round(statistics.median(tries), 1) for tries in times.values()]
    worst = max(value for tries in times.values() for value in tries)
    return {"filter_ms": max(medians), "filter_each_ms": medians, "filter_max_ms": round(worst, 1)}


def time_paints(window: Any) -> dict[str, Any]:
    """Painting alone: table and map, p95 of fifty."""
    import numpy as np

    devices = window.page("fleet").devices
    found = {}
    for name, widget in (("table", devices.table.viewport()), ("map", devices.map)):
        times = []
        for _ in range(50):
            before = time.perf_counter()
            widget.repaint()
            times.append((time.perf_counter() - before) * 1000)
        found[f"paint_{name}_p95_ms"] = round(float(np.percentile(times, 95)), 1)
    return found


if __name__ == "__main__":
    raise SystemExit(main())
