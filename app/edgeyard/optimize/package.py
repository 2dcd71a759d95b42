"""How a proven variant is described in the release repository: target paths and what is signed with them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from edgeyard.domain.error import UserError
from edgeyard.domain.identifier import check_identifier, is_digest
from edgeyard.domain.model import ModelVersion, Variant
from edgeyard.trust.target import ReleaseTarget
from edgeyard.wire.message import ReleaseCustom


def model_target_path(model: str, version: int, variant: str) -> str:
    """`model/version/variant.onnx`."""
    return f"{check_identifier(model, 'model')}/{version}/{check_identifier(variant, 'variant')}.onnx"


def golden_target_path(golden_digest: str) -> str:
    """`golden/digest.npz`: the self-test set is a target of its own, which versions and variants may share."""
    return f"golden/{golden_digest}.npz"


def release_targets(version: ModelVersion, counter: int) -> list[ReleaseTarget]:
    """All that is signed to release a version: a target per variant that was chosen, and the golden set as the last.

    Raises:
        UserError: no variant was chosen for any hardware, or as `release_target`.
    """
    chosen = [variant for variant in version.variants if variant.profiles]
    if not chosen:
        raise UserError(
            f"No variant of {version.label} was chosen for any hardware.", "Optimize it, and see there why not."
        )
    targets = []
    for variant in chosen:
        path, custom = release_target(version, variant, counter=counter)
        targets.append(ReleaseTarget(path, variant.digest, variant.size_bytes, _plain(custom)))
    path = golden_target_path(version.golden_digest)
    return [*targets, ReleaseTarget(path, version.golden_digest, version.golden_size_bytes)]


def release_target(version: ModelVersion, variant: Variant, *, counter: int | None = None) -> tuple[str, ReleaseCustom]:
    """The path and the signed description of one variant.

    Args:
        counter: the model's release counter for this release; by default the version's own.

    Raises:
        UserError: the variant is not of this version, was chosen for no hardware, or lacks its golden set.
    """
    if variant.version_id != version.id:
        raise UserError(f"The variant {variant.name} is not one of {version.label}.", "Open the version again.")
    if not variant.profiles:
        raise UserError(
            f"The variant {variant.name} of {version.label} was chosen for no hardware.",
            "Release the variants that were chosen, or optimize again for the hardware in question.",
        )
    if not is_digest(version.golden_digest) or not variant.evidence.golden_samples:
        raise UserError(
            f"{version.label} has no golden set, so devices could not test it before they switch.",
            "Optimize the version again with a golden set.",
        )
    if len(version.inputs) != 1 or not version.outputs:
        raise UserError(f"The inputs and outputs of {version.label} are not known.", "Import the model again.")
    custom = ReleaseCustom(
        hardware_profiles=list(variant.profiles),
        model=version.model,
        version=version.version,
        variant=variant.name,
        precision=variant.precision,
        counter=version.release_counter if counter is None else counter,
        input_name=version.inputs[0].name,
        input_shape=list(version.inputs[0].shape),
        output_name=version.outputs[0].name,
        preprocessing=_plain(version.preprocessing),
        golden={
            "sha256": version.golden_digest,
            "size_bytes": version.golden_size_bytes,
            "samples": variant.evidence.golden_samples,
            "target": golden_target_path(version.golden_digest),
        },
        evidence=_plain(variant.evidence),
        lineage={"source": version.source_digest, **variant.lineage},
    )
    return model_target_path(version.model, version.version, variant.name), custom


def _plain(value: object) -> dict[str, Any]:
    """A dataclass or struct as JSON types, without what is not known."""
    fields: Mapping[str, Any] = msgspec.json.decode(msgspec.json.encode(value))
    return {name: entry for name, entry in fields.items() if entry is not None}
