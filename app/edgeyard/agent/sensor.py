"""What a device can read of its own condition: temperature, clock, power. Few systems have all of it."""

from __future__ import annotations

import platform
import sys
import time
from pathlib import Path

import psutil

_HWMON = Path("/sys/class/hwmon")
_RAPL = Path("/sys/class/powercap/intel-rapl:0")
_CPUINFO = Path("/proc/cpuinfo")
_PROCESSOR_FIELDS = ("model name", "Model", "Hardware")


def temperature_c() -> float | None:
    """The hottest sensor in °C; only some systems have any."""
    sensors = getattr(psutil, "sensors_temperatures", None)
    if sensors is None:
        return None
    try:
        readings = [entry.current for entries in sensors().values() for entry in entries]
    except (OSError, RuntimeError, ValueError):
        return None
    sound = [value for value in readings if -50 < value < 200]
    return max(sound, default=None)


def clock_mhz() -> float | None:
    """The processor's present clock in MHz: the fastest core's."""
    read = getattr(psutil, "cpu_freq", None)
    try:
        cores = read(percpu=True) if read else None
    except (OSError, RuntimeError, ValueError, NotImplementedError):
        return None
    return max((core.current for core in cores or [] if core.current > 0), default=None)


def processor_name() -> str:
    """The processor, as the system names it."""
    try:
        lines = _CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    fields = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    found = next((fields[name] for name in _PROCESSOR_FIELDS if fields.get(name)), platform.machine())
    return found[:100]


def peak_memory_bytes() -> int | None:
    """The most memory this process ever held; `None` on Windows."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


class PowerMeter:
    """Mean power of the whole device between `start` and `stop`, from what the hardware counts itself.

    Intel and AMD: the energy counter of the package (Linux powercap, `energy_uj`). Boards with an INA power monitor
    (Jetson) or another hwmon power sensor: `power*_input` in µW, which is sampled. What cannot be read is `None`; on
    most systems the counter is open to root only.
    """

    def __init__(self, hwmon: Path = _HWMON, rapl: Path = _RAPL) -> None:
        self._sensors = sorted(hwmon.glob("hwmon*/power*_input")) if hwmon.is_dir() else []
        self._counter = rapl / "energy_uj"
        self._range = _number(rapl / "max_energy_range_uj")
        self._began = 0.0
        self._energy: float | None = None
        self._samples_w: list[float] = []

    def start(self) -> None:
        """Begin a span."""
        self._samples_w.clear()
        self._energy, self._began = _number(self._counter), time.monotonic()
        self.sample()

    def sample(self) -> None:
        """Look at the sensors; call it now and then during a span."""
        readings = [value for value in map(_number, self._sensors) if value is not None]
        if readings:
            self._samples_w.append(sum(readings) / 1e6)

    def stop(self) -> float | None:
        """Mean watts since `start`."""
        self.sample()
        span_s = time.monotonic() - self._began
        energy = _number(self._counter)
        if self._energy is not None and energy is not None and span_s > 0:
            used = energy - self._energy
            if used < 0 and self._range:  # the counter began anew
                used += self._range
            return used / 1e6 / span_s if used >= 0 else None
        return sum(self._samples_w) / len(self._samples_w) if self._samples_w else None


def _number(path: Path) -> float | None:
    try:
        return float(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
