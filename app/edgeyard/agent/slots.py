"""The two places in which a device keeps a model: one is active, the other holds the previous one or the next.

Each slot is a folder with `model.onnx` and `manifest.json`, replaced as a whole and only while it is not active.
`state.json` names the active slot; its replacement is the switch. Manifests count activations, so that the active slot
can be told again when `state.json` is lost.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace as changed

from edgeyard.agent.update_state import SlotFacts, Target
from edgeyard.domain.error import UserError
from edgeyard.trust.artifact_file import hash_file
from edgeyard.trust.durable_file import sync_folder, write_durably
from edgeyard.wire.message import Digest, Natural, ReleaseCustom

NAMES = ("a", "b")
_MAX_MANIFEST_BYTES = 1 << 20


class SlotMissingError(UserError):
    """No slot holds the model that was asked for, or it is damaged: its bytes must be fetched again."""


class Manifest(Struct, frozen=True):
    """What a slot holds and how to run it."""

    digest: Digest
    size_bytes: Natural
    target: str
    director_version: Natural
    release: ReleaseCustom
    golden_digest: Digest = ""
    activation: Natural = 0
    """When it was made active, counted over both slots; 0: never."""


class _State(Struct, frozen=True):
    active: str
    """Name of the active slot, or empty."""
    activation: Natural


def manifest_of(target: Target) -> Manifest:
    """What is written beside the model of an assignment."""
    return Manifest(
        target.digest, target.size_bytes, target.path, target.director_version, target.release, target.golden_digest
    )


class Slots:
    """The slots in a folder. All methods raise `OSError` when the disk is full or broken, and then changed nothing.

    One thread changes them, which may be another than those that ask what they hold.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._manifests: dict[str, Manifest] = {}
        self._state = _State("", 0)

    # --- what is there -----------------------------------------------------------------------------------------------

    @property
    def active(self) -> Manifest | None:
        """What runs."""
        return self._manifests.get(self._state.active)

    @property
    def previous(self) -> Manifest | None:
        """What ran before, if the other slot still holds it; a model that never ran is not meant."""
        other = self._manifests.get(self._other)
        return other if other and other.activation else None

    def facts(self, lost: tuple[str, ...] = ()) -> SlotFacts:
        """The digests, for the update machine."""
        active, other = self.active, self._manifests.get(self._other)
        return SlotFacts(active.digest if active else "", other.digest if other else "", lost)

    def holding(self, digest: str) -> tuple[Path, Manifest] | None:
        """Path of the model file and manifest of the slot that holds `digest`."""
        for name, manifest in tuple(self._manifests.items()):
            if manifest.digest == digest:
                return self._folder / name / "model.onnx", manifest
        return None

    # --- at start ----------------------------------------------------------------------------------------------------

    def recover(self, *, candidate: str = "") -> tuple[SlotFacts, list[str]]:
        """Verify both slots by digest, tidy up what a crash left, and settle which is active.

        `candidate` is the digest of a model that is being staged or tested: it is never taken for the active one when
        that has to be guessed. Returns the facts, and a sentence for each thing that was wrong.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self._finish_staging()
        problems: list[str] = []
        lost: list[str] = []
        for name in NAMES:
            manifest, trouble = self._inspect(name)
            if trouble:
                problems.append(trouble)
                lost += [manifest.digest] if manifest else []
                shutil.rmtree(self._folder / name, ignore_errors=True)
            elif manifest:
                self._manifests[name] = manifest
        problems += self._settle_active(candidate)
        return self.facts(tuple(lost)), problems

    def _settle_active(self, candidate: str) -> list[str]:
        state = self._read_state()
        if state and (not state.active or state.active in self._manifests):
            self._state = state
            return []
        ran = {
            name: manifest.activation
            for name, manifest in self._manifests.items()
            if manifest.activation and manifest.digest != candidate
        }
        if state is None and not ran:
            return []
        active = max(ran, key=lambda name: ran[name]) if ran else ""
        if active:
            problems = [f"The active slot could not be told or used; {self._manifests[active].target} runs instead."]
        else:
            problems = ["No slot holds a usable model any more; the device waits for an assignment."]
        try:
            self._set_active(active)
        except OSError as error:
            # A full disk must not keep a device from running what it has; the next start settles it again.
            self._state = _State(active, 0)
            problems.append(f"Which slot is active could not be written down ({error.strerror}).")
        return problems

    def _inspect(self, name: str) -> tuple[Manifest | None, str]:
        folder = self._folder / name
        if not folder.is_dir():
            return None, ""
        try:
            data = (folder / "manifest.json").read_bytes()
            manifest = msgspec.json.decode(data[:_MAX_MANIFEST_BYTES], type=Manifest)
        except (OSError, msgspec.DecodeError) as error:
            return None, f"Slot {name} has no readable manifest ({error}) and was emptied."
        try:
            found = hash_file(folder / "model.onnx")
        except OSError as error:
            return manifest, f"Slot {name} has no readable model ({error}) and was emptied."
        if found != (manifest.digest, manifest.size_bytes):
            return manifest, f"The model in slot {name} ({manifest.target}) is damaged and was removed."
        return manifest, ""

    def _read_state(self) -> _State | None:
        try:
            state = msgspec.json.decode((self._folder / "state.json").read_bytes(), type=_State)
        except (OSError, msgspec.DecodeError):
            return None
        return state if state.active in {"", *NAMES} else None

    def _finish_staging(self) -> None:
        for name in NAMES:
            fresh, slot = self._folder / f"{name}.new", self._folder / name
            if (fresh / "model.onnx").exists() and not slot.exists():
                fresh.replace(slot)
            shutil.rmtree(fresh, ignore_errors=True)
            shutil.rmtree(self._folder / f"{name}.old", ignore_errors=True)

    # --- changes -----------------------------------------------------------------------------------------------------

    @property
    def _other(self) -> str:
        return "b" if self._state.active == "a" else "a"

    def stage(self, target: Target, file: Path) -> None:
        """Move a verified, synced file into the slot that is not active; what that held is gone.

        Raises `SlotMissingError` when neither the file nor the slot has the target's bytes.
        """
        name = self._other
        slot, fresh, old = (self._folder / f"{name}{suffix}" for suffix in ("", ".new", ".old"))
        held = self._manifests.get(name)
        if held and held.digest == target.digest and self._is_whole(name, held):
            manifest = changed(manifest_of(target), activation=held.activation)
            self._write_manifest(name, manifest)
            return
        if not file.is_file() or hash_file(file) != (target.digest, target.size_bytes):
            raise SlotMissingError("The downloaded model is gone or damaged.", "The device downloads it again.")
        manifest = manifest_of(target)
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        write_durably(fresh / "manifest.json", msgspec.json.encode(manifest))
        # Last, so that a folder with a model in it is complete.
        file.replace(fresh / "model.onnx")
        sync_folder(fresh)
        self._manifests.pop(name, None)
        if slot.exists():
            slot.replace(old)
        fresh.replace(slot)
        sync_folder(self._folder)
        shutil.rmtree(old, ignore_errors=True)
        self._manifests[name] = manifest

    def switch(self, digest: str) -> SlotFacts:
        """Make the slot that holds `digest` the active one (empty: none), durably. Verifies the model first.

        Raises `SlotMissingError` when no slot holds it, whole.
        """
        if not digest:
            self._set_active("")
            return self.facts()
        name = next((name for name, manifest in self._manifests.items() if manifest.digest == digest), "")
        if not name or not self._is_whole(name, self._manifests[name]):
            raise SlotMissingError("The slot of the model is empty or damaged.", "The device downloads it again.")
        if name != self._state.active:
            self._set_active(name)
        return self.facts()

    def _set_active(self, name: str) -> None:
        highest = max([self._state.activation, *(manifest.activation for manifest in self._manifests.values())])
        state = _State(name, highest + 1)
        if name:
            self._write_manifest(name, changed(self._manifests[name], activation=state.activation))
        write_durably(self._folder / "state.json", msgspec.json.encode(state))
        self._state = state

    def _write_manifest(self, name: str, manifest: Manifest) -> None:
        write_durably(self._folder / name / "manifest.json", msgspec.json.encode(manifest))
        self._manifests[name] = manifest

    def _is_whole(self, name: str, manifest: Manifest) -> bool:
        path = self._folder / name / "model.onnx"
        return path.is_file() and hash_file(path) == (manifest.digest, manifest.size_bytes)
