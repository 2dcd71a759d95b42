"""A real site in memory: keys, a release repository and directors, signed by the code that signs in production.

Nothing here is a mock. A test changes what the site says (`add_model`, `assign`, `advance`), or what an attacker on the
way makes of it (`release_files`, `director_files`, `replay`), and shows it to a device through `fetcher`.

    site = RepositorySimulator()
    target = site.add_model("yard-vision", 1)
    site.assign("press-7", target)
    store = site.trusted_store(tmp_path, "press-7")
    assignment = store.refresh(site.fetcher("press-7"), site.now)
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Role, Root, Snapshot, Targets

from edgeyard.domain.gate import GatePolicy
from edgeyard.trust.director import create_director_root, sign_assignment
from edgeyard.trust.release_repository import (
    ReleaseTarget,
    accept_targets,
    add_targets,
    check_root,
    cosign_targets,
    create_root,
    list_targets,
    publish,
    refresh_timestamp,
)
from edgeyard.trust.tuf_metadata import read_metadata, sign
from edgeyard.trust.verification import Fetch, TrustedStore
from edgeyard.wire.message import DirectorCustom, ReleaseCustom

START = datetime(2027, 3, 1, 12, 0, 0, tzinfo=UTC)
"""After the build time, so that the time floor does not hide what a test is about."""

PROFILE = "pi5"


class RepositorySimulator:
    """One site's signing side. `approvers` keys exist, `threshold` of them must sign a release."""

    def __init__(self, now: datetime = START, *, approvers: int = 1, threshold: int = 1) -> None:
        self.now = now
        self.root_signer = CryptoSigner.generate_ed25519()
        self.approvers = [CryptoSigner.generate_ed25519() for _ in range(approvers)]
        self.snapshot_signer = CryptoSigner.generate_ed25519()
        self.timestamp_signer = CryptoSigner.generate_ed25519()
        self.director_signer = CryptoSigner.generate_ed25519()
        self.threshold = threshold
        self.artifacts: dict[str, bytes] = {}
        """Content by SHA-256: what the artifact server would send."""
        self.release_files: dict[str, bytes] = {}
        """What the hub serves as `/v1/release/NAME`; change it to play the attacker."""
        self.director_files: dict[str, dict[str, bytes]] = {}
        """The same for `/v1/director/DEVICE/NAME`."""
        self.requests: list[tuple[str, str]] = []
        """Every file asked for, as (repository, name)."""
        self._versions: dict[str, int] = {}
        keys = [signer.public_key for signer in self.approvers]
        online = (self.snapshot_signer.public_key, self.timestamp_signer.public_key)
        self.release_root = create_root(self.root_signer, keys, threshold, *online, now)
        check_root(self.release_root, *online)
        self.release_files["1.root.json"] = self.release_root
        self.director_root = create_director_root(self.director_signer, now)

    # --- what the site does ------------------------------------------------------------------------------------------

    def advance(self, **duration: float) -> None:
        """Let time go by: `advance(days=3)`."""
        self.now += timedelta(**duration)

    def add_model(
        self,
        model: str,
        version: int,
        *,
        counter: int | None = None,
        variant: str = "int8",
        profiles: Sequence[str] = (PROFILE,),
        content: bytes | None = None,
        golden: bytes | None = None,
        custom: Mapping[str, Any] | None = None,
    ) -> ReleaseTarget:
        """Approve and publish one variant, and its self-test set where `golden` is given.

        `custom` overrides fields of its description.
        """
        target, additions = self.model_target(
            model,
            version,
            counter=version if counter is None else counter,
            variant=variant,
            profiles=profiles,
            content=content,
            golden=golden,
            custom=custom,
        )
        self.release(additions)
        return target

    def model_target(
        self,
        model: str,
        version: int,
        *,
        counter: int,
        variant: str = "int8",
        profiles: Sequence[str] = (PROFILE,),
        content: bytes | None = None,
        golden: bytes | None = None,
        custom: Mapping[str, Any] | None = None,
    ) -> tuple[ReleaseTarget, list[ReleaseTarget]]:
        """A model's target and all targets that are released with it; nothing is signed yet."""
        additions: list[ReleaseTarget] = []
        golden_fields: dict[str, Any] = {}
        if golden is not None:
            sha256 = self.keep(golden)
            additions.append(ReleaseTarget(f"golden/{sha256}.npz", sha256, len(golden)))
            golden_fields = {"sha256": sha256, "size_bytes": len(golden), "samples": 10, "target": additions[0].path}
        description = ReleaseCustom(
            hardware_profiles=list(profiles),
            model=model,
            version=version,
            variant=variant,
            precision=variant,
            counter=counter,
            input_name="image",
            input_shape=[None, 3, 32, 32],
            output_name="class",
            preprocessing={"layout": "NCHW", "scale": 255.0, "mean": [0.49, 0.48, 0.45], "std": [0.25, 0.24, 0.26]},
            golden=golden_fields,
            evidence={"accuracy": 0.9125, "golden_accuracy": 0.915},
            lineage={"source": "0" * 64},
        )
        content = content if content is not None else f"{model} {version} {variant}".encode() * 20
        fields = {**msgspec.to_builtins(description), **(custom or {})}
        target = ReleaseTarget(f"{model}/{version}/{variant}.onnx", self.keep(content), len(content), fields)
        additions.append(target)
        return target, additions

    def keep(self, content: bytes) -> str:
        """Put a file on the artifact server; its SHA-256."""
        sha256 = hashlib.sha256(content).hexdigest()
        self.artifacts[sha256] = content
        return sha256

    def release(self, additions: Sequence[ReleaseTarget]) -> bytes:
        """Sign targets with as many approvers as are needed, hand them in, and publish. Returns the targets file."""
        previous = self.targets
        signed = add_targets(self.root, previous, additions, self.approvers[0], self.now)
        for approver in self.approvers[1 : self.threshold]:
            signed = cosign_targets(self.root, previous, signed, approver)
        accepted = accept_targets(self.root, previous, signed)
        self.release_files[f"{accepted.version}.targets.json"] = signed
        self.republish()
        return signed

    def change_approvers(self, count: int, threshold: int = 1) -> None:
        """Let the root's owner name other approvers, and the new ones sign what was released before."""
        known = read_metadata(self.root, Root).signed
        self.approvers = [CryptoSigner.generate_ed25519() for _ in range(count)]
        self.threshold = threshold
        for keyid in known.roles["targets"].keyids:
            del known.keys[keyid]
        keys = {approver.public_key.keyid: approver.public_key for approver in self.approvers}
        known.keys.update(keys)
        known.roles["targets"] = Role(list(keys), threshold)
        known.version += 1
        targets = read_metadata(self.targets, Targets).signed if self.targets else None
        self.release_files[f"{known.version}.root.json"] = sign(known, self.root_signer)
        if targets is not None:
            targets.version += 1
            signed = sign(targets, *self.approvers[:threshold])
            self.release_files[f"{targets.version}.targets.json"] = signed
            self.republish()

    def republish(self) -> None:
        """Sign a new snapshot and timestamp over the present targets, as the hub does after a release."""
        assert self.targets is not None
        snapshot, timestamp = publish(
            self.root,
            self.targets,
            self._newest("snapshot"),
            self.release_files.get("timestamp.json"),
            self.snapshot_signer,
            self.timestamp_signer,
            self.now,
        )
        version = read_metadata(snapshot, Snapshot).signed.version
        self.release_files[f"{version}.snapshot.json"] = snapshot
        self.release_files["timestamp.json"] = timestamp

    def refresh_timestamp(self) -> None:
        """Sign the release's timestamp anew, as the hub does daily."""
        snapshot = self._newest("snapshot")
        assert snapshot is not None
        self.release_files["timestamp.json"] = refresh_timestamp(
            self.root, snapshot, self.release_files["timestamp.json"], self.timestamp_signer, self.now
        )

    def assign(
        self,
        device: str,
        target: ReleaseTarget | None,
        *,
        profile: str = PROFILE,
        undo: bool = False,
        execution: int = 1,
        gate: GatePolicy | None = None,
        version: int | None = None,
        **overrides: Any,
    ) -> int:
        """Let the director name a target for a device; returns the director version. `overrides` change the target."""
        number = self._versions.get(device, 0) + 1 if version is None else version
        self._versions[device] = number
        word: ReleaseTarget | None = None
        if target is not None:
            custom = DirectorCustom(execution, 1, profile, undo, msgspec.to_builtins(gate or GatePolicy()))
            fields = {"path": target.path, "sha256": target.sha256, "size_bytes": target.size_bytes, **overrides}
            word = ReleaseTarget(**fields, custom=msgspec.to_builtins(custom))
        metadata = sign_assignment(device, number, word, self.director_signer, self.now)
        files = self.director_files.setdefault(device, {"1.root.json": self.director_root})
        files[f"{number}.targets.json"] = metadata.targets
        files[f"{number}.snapshot.json"] = metadata.snapshot
        files["timestamp.json"] = metadata.timestamp
        return number

    # --- what a device sees ------------------------------------------------------------------------------------------

    def fetcher(self, device: str) -> Fetch:
        """The fetch function of a device that asks this site."""

        def fetch(repository: str, name: str, max_bytes: int) -> bytes | None:
            self.requests.append((repository, name))
            files = self.release_files if repository == "release" else self.director_files.get(device, {})
            data = files.get(name)
            return None if data is None else data[: max_bytes + 1]

        return fetch

    def trusted_store(self, folder: Path, device: str) -> TrustedStore:
        """What a device that joined this site begins with."""
        return TrustedStore(folder, self.release_root, self.director_root, device)

    # --- what an attacker can do -------------------------------------------------------------------------------------

    def recording(self) -> tuple[dict[str, bytes], dict[str, dict[str, bytes]]]:
        """All that can be overheard now."""
        return copy.deepcopy((self.release_files, self.director_files))

    def replay(self, recording: tuple[dict[str, bytes], dict[str, dict[str, bytes]]]) -> None:
        """Show devices what was overheard earlier."""
        self.release_files, self.director_files = copy.deepcopy(recording)

    @property
    def root(self) -> bytes:
        """The newest release root."""
        newest = self._newest("root")
        assert newest is not None
        return newest

    @property
    def targets(self) -> bytes | None:
        """The newest release targets file."""
        return self._newest("targets")

    @property
    def released(self) -> list[ReleaseTarget]:
        """All that is released."""
        return list_targets(self.targets)

    def _newest(self, role: str) -> bytes | None:
        versions = [int(name.split(".")[0]) for name in self.release_files if name.endswith(f".{role}.json")]
        return self.release_files[f"{max(versions)}.{role}.json"] if versions else None
