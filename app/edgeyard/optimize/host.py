"""Which machine measured a figure: a latency means nothing without it."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from edgeyard.domain.hardware import HardwareProfile

_ARCHITECTURES = {"x86_64": "x86-64", "amd64": "x86-64", "aarch64": "arm64", "arm64": "arm64"}
_VNNI = frozenset({"avx512_vnni", "avx_vnni"})
_SHOWN = {
    "avx512_vnni": "AVX-512 VNNI",
    "avx_vnni": "AVX-VNNI",
    "avx512_bf16": "AVX-512 BF16",
    "amx_bf16": "AMX BF16",
    "avx512f": "AVX-512",
    "avx2": "AVX2",
    "asimddp": "int8 dot product",
    "asimdhp": "fp16",
    "bf16": "bf16",
}


@dataclass(frozen=True, slots=True)
class HostFacts:
    """`instructions` are in the words of `HardwareProfile`, or `None` where this system does not tell them."""

    architecture: str
    processor: str
    instructions: tuple[str, ...] | None
    shown: tuple[str, ...]
    """Instruction sets, for people."""

    @property
    def sentence(self) -> str:
        """`AMD EPYC (AVX-512 VNNI, AVX2)`."""
        return f"{self.processor} ({', '.join(self.shown)})" if self.shown else self.processor

    @property
    def has_bf16(self) -> bool:
        """Whether it multiplies in bfloat16."""
        return any("BF16" in title.upper() for title in self.shown)

    def stands_for(self, profile: HardwareProfile) -> bool:
        """Whether a latency measured here says something about that hardware."""
        if profile.accelerator or self.instructions is None or self.architecture != profile.architecture:
            return False
        return set(self.instructions) == set(profile.instructions)


def core_count() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def host_facts() -> HostFacts:
    """The machine that this runs on. Instruction sets are read from `/proc/cpuinfo`, so only Linux tells them."""
    machine = platform.machine().lower()
    architecture = _ARCHITECTURES.get(machine, machine)
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return HostFacts(architecture, platform.processor() or machine, None, ())
    return read_cpuinfo(text, architecture)


def read_cpuinfo(text: str, architecture: str) -> HostFacts:
    """The facts in the text of `/proc/cpuinfo` (x86: `model name`, `flags`; Arm: `Features`)."""
    fields: dict[str, str] = {}
    for line in text.splitlines():
        name, _, value = line.partition(":")
        fields.setdefault(name.strip(), value.strip())
    flags = set((fields.get("flags") or fields.get("Features") or "").split())
    instructions = (("vnni",) if flags & _VNNI else ()) + (("dot-product",) if "asimddp" in flags else ())
    processor = fields.get("model name") or fields.get("Model") or fields.get("Hardware") or architecture
    return HostFacts(
        architecture,
        processor[:100],
        instructions if flags else None,
        tuple(title for flag, title in _SHOWN.items() if flag in flags),
    )
