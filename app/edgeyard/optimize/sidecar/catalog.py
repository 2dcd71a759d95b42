"""The sidecars there are, and what each one needs."""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from edgeyard.domain.error import UserError
from edgeyard.resource import resource_path

_TOOL = "edgeyard.optimize.sidecar.tool"
_GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Sidecar:
    """One tool. It has an environment of its own (`python_versions`), or calls a vendor's program, or both.

    `module` is what `tool.launch` runs. `python_versions` are tried in order; empty means our own interpreter.
    `program` is the vendor's program, looked for on PATH or where the variable `setting` says.
    `disk_bytes` is about what the environment takes.
    """

    name: str
    title: str
    text: str
    module: str
    python_versions: tuple[str, ...] = ()
    disk_bytes: int = 0
    program: str = ""
    program_source: str = ""
    """Where the vendor's program comes from, for people."""

    @property
    def jailed(self) -> bool:
        """Whether it runs in the jail: a vendor's program starts others, and may need its licence server or device."""
        return not self.program

    @property
    def setting(self) -> str:
        """The environment variable that says where the program is: `EDGEYARD_TRTEXEC`."""
        return "EDGEYARD_" + self.program.upper().replace("-", "_")


SIDECARS: dict[str, Sidecar] = {
    each.name: each
    for each in (
        Sidecar(
            "litert",
            "LiteRT converter",
            "Writes .tflite files: onnx2tf's direct writer, then ai-edge-quantizer for int8.",
            f"{_TOOL}.litert",
            python_versions=("3.12", "3.13"),
            disk_bytes=1 * _GIB,
        ),
        Sidecar(
            "torch",
            "PyTorch trainer",
            "Fine-tunes, distils and trains for quantization, and writes the weights back into the ONNX graph.",
            f"{_TOOL}.torch_trainer",
            python_versions=("3.11", "3.12", "3.13"),
            disk_bytes=6 * _GIB,
        ),
        Sidecar(
            "coreml",
            "Core ML converter",
            "Writes .mlpackage files for Apple devices; they run on macOS only.",
            f"{_TOOL}.core_ml",
            python_versions=("3.11", "3.12"),
            disk_bytes=6 * _GIB,
        ),
        Sidecar(
            "tensorrt",
            "TensorRT builder",
            "Builds an engine for the NVIDIA GPU of this machine with NVIDIA's own tool.",
            f"{_TOOL}.tensor_rt",
            program="trtexec",
            program_source="NVIDIA TensorRT or JetPack",
        ),
        Sidecar(
            "hailo",
            "Hailo compiler",
            "Compiles for Hailo-8 and Hailo-8L with the Hailo Dataflow Compiler.",
            f"{_TOOL}.hailo",
            program="hailo",
            program_source="the Hailo Dataflow Compiler (Hailo's developer zone)",
        ),
        Sidecar(
            "qualcomm",
            "Qualcomm converter",
            "Converts for Qualcomm's AI Engine Direct (QNN) with the converter of its SDK.",
            f"{_TOOL}.qualcomm",
            program="qnn-onnx-converter",
            program_source="Qualcomm's AI Engine Direct SDK (source its envsetup.sh first)",
        ),
    )
}


def find_sidecar(name: str) -> Sidecar:
    """The sidecar of that name; `UserError` when there is none."""
    if name not in SIDECARS:
        raise UserError(f"There is no sidecar {name!r}.", f"Choose from {', '.join(SIDECARS)}.")
    return SIDECARS[name]


def requirements_path(sidecar: Sidecar) -> Path:
    """The file with the exact versions of its environment."""
    return resource_path("sidecars", sidecar.name, "requirements.txt")


def find_program(sidecar: Sidecar) -> Path | None:
    """The vendor's program on this machine; `None` when it is not here."""
    said = os.environ.get(sidecar.setting, "")
    if said:
        return Path(said) if os.access(said, os.X_OK) and Path(said).is_file() else None
    found = shutil.which(sidecar.program)
    return Path(found) if found else None


def sidecar_obstacle(name: str) -> str:
    """Why the sidecar cannot be started now, in one sentence with what to do; empty when it can. Fast, no network."""
    from edgeyard.optimize.sidecar.environment import find_environment

    sidecar = find_sidecar(name)
    if sidecar.program and find_program(sidecar) is None:
        return (
            f"{sidecar.title}: the program {sidecar.program} is not on this machine. Install"
            f" {sidecar.program_source}, or say where it is in {sidecar.setting}."
        )
    if sidecar.python_versions and find_environment(name) is None:
        return f"{sidecar.title}: its environment is not made yet. Make it with: edgeyard sidecar make {name}."
    return ""


def sidecar_version(name: str) -> str:
    """A digest of all that decides what the sidecar makes, for cache keys; vendors' programs by path and date."""
    sidecar = find_sidecar(name)
    digest = hashlib.sha256(_tool_digest().encode())
    if sidecar.python_versions:
        digest.update(requirements_path(sidecar).read_bytes())
    if sidecar.program:
        program = find_program(sidecar)
        digest.update(f"{program} {program.stat().st_mtime_ns if program else 'absent'}".encode())
    return digest.hexdigest()


@cache
def _tool_digest() -> str:
    digest = hashlib.sha256()
    for path in sorted((Path(__file__).parent / "tool").rglob("*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()
