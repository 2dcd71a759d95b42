"""All hardware that can be optimized for: the built-in profiles, this machine, and those that people define.

A person's own profile is a JSON file in the `profiles` folder of the user's data folder:

    {"id": "user-gateway", "title": "Gateway 2", "base": "pi4", "memory_bytes": 1073741824, "max_model_bytes": 67108864}

What it does not say it takes from its `base`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import msgspec

from edgeyard.domain.error import UserError
from edgeyard.domain.hardware import PROFILES, RUNTIMES, USER_PREFIX, HardwareProfile, PowerMode, Speed, is_deployable
from edgeyard.domain.hardware.roofline import PRECISION_BYTES
from edgeyard.optimize.host import HostFacts, host_facts

HOST = "host"
MAX_FILES = 200
_MAX_FILE_BYTES = 64 * 1024
_HOST_SLOT_BYTES = 2 << 30

_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
_Bytes = Annotated[int, msgspec.Meta(ge=1, le=1 << 44)]
_Rate = Annotated[float, msgspec.Meta(gt=0, le=1e9)]
_Precision = Annotated[str, msgspec.Meta(pattern=f"^({'|'.join(PRECISION_BYTES)})$")]


class _Speed(msgspec.Struct, forbid_unknown_fields=True):
    gmacs: Annotated[dict[_Precision, _Rate], msgspec.Meta(min_length=1)]
    memory_gb_s: _Rate
    efficiency: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.4
    layer_us: Annotated[float, msgspec.Meta(ge=0, le=1e6)] = 5.0


class _PowerMode(msgspec.Struct, forbid_unknown_fields=True):
    name: _Text
    watts: Annotated[float, msgspec.Meta(gt=0, le=1e5)]


class _Defined(msgspec.Struct, forbid_unknown_fields=True):
    """The file. A key that is not known would be a wish that is not granted, so it is refused."""

    id: _Text
    title: _Text
    base: _Text
    processor: _Text | None = None
    precisions: Annotated[list[_Precision], msgspec.Meta(min_length=1, max_length=8)] | None = None
    int8_form: Annotated[str, msgspec.Meta(pattern="^(s8s8|u8s8|u8s7|)$")] | None = None
    runtimes: Annotated[list[_Text], msgspec.Meta(min_length=1, max_length=8)] | None = None
    memory_bytes: _Bytes | None = None
    max_model_bytes: _Bytes | None = None
    cores: Annotated[int, msgspec.Meta(ge=1, le=1024)] | None = None
    alignment: Annotated[int, msgspec.Meta(ge=1, le=1024)] | None = None
    speed: _Speed | None = None
    power_modes: Annotated[list[_PowerMode], msgspec.Meta(max_length=16)] | None = None
    source: _Text = "defined by the user"


def user_folder() -> Path:
    """Where this user's profiles and learned corrections lie."""
    import platformdirs

    return Path(platformdirs.user_data_dir("edgeyard", appauthor=False))


def known_profiles(folder: Path | None = None) -> dict[str, HardwareProfile]:
    """All profiles by id: the built-in ones, `host`, and those in `folder` (by default the user's own).

    Raises:
        UserError: a file there is no profile.
    """
    return {**PROFILES, HOST: host_profile(), **user_profiles(folder)}


def find_profile(profile_id: str, folder: Path | None = None) -> HardwareProfile:
    """The profile of that id; `UserError` naming the known ones when there is none."""
    if profile_id in PROFILES:
        return PROFILES[profile_id]
    if profile_id == HOST:
        return host_profile()
    known = known_profiles(folder)
    if profile_id not in known:
        raise UserError(f"There is no hardware profile {profile_id[:64]!r}.", f"Choose from {', '.join(known)}.")
    return known[profile_id]


def find_profiles(ids: Iterable[str], folder: Path | None = None) -> tuple[HardwareProfile, ...]:
    """The profiles of these ids, each once, in that order; `UserError` when one is not known, or none is named."""
    wanted = tuple(dict.fromkeys(ids))
    if not wanted:
        raise UserError("No hardware profile is chosen.", "Name at least one, such as host for this machine.")
    return tuple(find_profile(name, folder) for name in wanted)


@cache
def host_profile() -> HardwareProfile:
    """This machine, as far as its system tells; its speed is that of the built-in profile it is most like."""
    import psutil

    facts = host_facts()
    like = _most_like(facts)
    x86 = facts.architecture == "x86-64"
    form = ("u8s8" if "vnni" in (facts.instructions or ()) else "u8s7") if x86 else "s8s8"
    runtimes = tuple(name for name, module in _MODULES.items() if _is_installed(module))
    # ONNX Runtime does not compute in bfloat16 on processors.
    half = ("bf16",) if facts.has_bf16 and "openvino" in runtimes else ()
    precisions = ("int8", *half, "fp16", "fp32")
    return HardwareProfile(
        HOST, "This machine", facts.processor, "onnxruntime-cpu", precisions, _HOST_SLOT_BYTES,
        psutil.virtual_memory().total, "what its system tells", facts.architecture, form, facts.instructions or (),
        runtimes=runtimes or ("onnxruntime",), cores=psutil.cpu_count(logical=False) or 1, alignment=like.alignment,
        speed=like.speed,
    )  # fmt: skip


_MODULES = {"onnxruntime": "onnxruntime", "openvino": "openvino", "litert": "ai_edge_litert"}


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _most_like(facts: HostFacts) -> HardwareProfile:
    if facts.architecture == "x86-64":
        return PROFILES["x86-vnni" if "vnni" in (facts.instructions or ()) else "x86"]
    return PROFILES["pi4" if facts.instructions == () else "pi5"]


def user_profiles(folder: Path | None = None) -> dict[str, HardwareProfile]:
    """The profiles that are defined in `folder` (by default `profiles` in the user's data folder).

    Raises:
        UserError: a file is no profile, or two have one id.
    """
    folder = folder if folder is not None else user_folder() / "profiles"
    found: dict[str, HardwareProfile] = {}
    try:
        paths = sorted(folder.glob("*.json"))
    except OSError:
        return {}
    for path in paths[:MAX_FILES]:
        profile = read_profile(path)
        if profile.id in found:
            raise UserError(f"Two files in {folder} define the profile {profile.id}.", "Remove one of them.")
        found[profile.id] = profile
    return found


def read_profile(path: Path) -> HardwareProfile:
    """Read one person's profile; `UserError` when the file does not define one."""
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise UserError(f"The hardware profile {path.name} is too large.", "Keep one profile in a file.")
        form = msgspec.json.decode(path.read_bytes(), type=_Defined)
    except OSError as error:
        raise UserError(
            f"The hardware profile {path} cannot be read ({error.strerror}).", "Check its permissions."
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(
            f"The hardware profile {path.name} cannot be used: {error}.",
            f"It is a JSON object with id, title and base (one of {', '.join(PROFILES)}), and what differs from it.",
        ) from error
    return _built(form, path)


def _built(form: _Defined, path: Path) -> HardwareProfile:
    if not (form.id.startswith(USER_PREFIX) and is_deployable(form.id)):
        raise UserError(
            f"The hardware profile {path.name} has the id {form.id[:64]!r}.",
            f"Begin it with {USER_PREFIX}, and use lower-case letters, digits and hyphens: {USER_PREFIX}gateway.",
        )
    base = PROFILES.get(form.base)
    if base is None:
        raise UserError(
            f"The hardware profile {path.name} is based on {form.base[:64]!r}, which is not known.",
            f"Choose from {', '.join(PROFILES)}.",
        )
    unknown = [name for name in form.runtimes or () if name not in RUNTIMES]
    if unknown:
        raise UserError(
            f"The hardware profile {path.name} names the runtime {unknown[0][:64]!r}, which is not known.",
            f"Choose from {', '.join(RUNTIMES)}.",
        )
    changes: dict[str, Any] = {
        "processor": form.processor,
        "precisions": form.precisions and tuple(form.precisions),
        "int8_form": form.int8_form,
        "runtimes": form.runtimes and tuple(form.runtimes),
        "memory_bytes": form.memory_bytes,
        "max_model_bytes": form.max_model_bytes,
        "cores": form.cores,
        "alignment": form.alignment,
        "speed": form.speed
        and Speed(form.speed.gmacs, form.speed.memory_gb_s, form.speed.efficiency, form.speed.layer_us, form.source),
        "power_modes": form.power_modes and tuple(PowerMode(mode.name, mode.watts) for mode in form.power_modes),
    }
    given = {name: value for name, value in changes.items() if value is not None}
    return replace(base, id=form.id, title=form.title, source=form.source, estimate_only=False, **given)
