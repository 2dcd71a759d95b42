"""What the details panel says of a model, a version or a variant: sections of facts. No Qt in here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edgeyard.desktop.models_page.lab_facts import LabPicture, variant_lab_facts, version_lab_facts
from edgeyard.desktop.models_page.model_rows import Row, count_running, original
from edgeyard.desktop.plan import evidence_words
from edgeyard.desktop.plan.fact import Fact, Section
from edgeyard.desktop.widget import words
from edgeyard.domain.hardware import PROFILES, profile_title
from edgeyard.domain.model import Evidence, ModelVersion, Preprocessing, Variant


def describe(row: Row, running: Mapping[str, int], lab: LabPicture | None = None) -> list[Section]:
    """The sections for the row that is chosen."""
    lab = lab or LabPicture()
    if row.variant is not None and row.version is not None:
        return _describe_variant(row.version, row.variant, running, lab)
    if row.version is not None:
        return _describe_version(row.version, running, lab)
    return _describe_model(row.model.versions if row.model else (), running)


def _describe_model(versions: Sequence[ModelVersion], running: Mapping[str, int]) -> list[Section]:
    facts = []
    for version in versions:
        first = original(version)
        accuracy = f", {evidence_words.accuracy(first.evidence)}" if first else ""
        runs = words.count(count_running(version, running), "device")
        facts.append(Fact(f"Version {version.version}", f"{runs}{accuracy}", version.note))
    return [Section("Versions", tuple(facts))]


def _describe_version(version: ModelVersion, running: Mapping[str, int], lab: LabPicture) -> list[Section]:
    sections = [
        Section("Why, for each kind of hardware", tuple(_choice(version, profile) for profile in _profiles(version))),
        Section("On lab devices", version_lab_facts(version, lab)),
        Section("Where it runs", _where(version.variants, running)),
        Section("Model", _model_facts(version)),
        Section("Preprocessing", _preprocessing_facts(version.preprocessing)),
        Section("Lineage", _lineage_facts(version)),
    ]
    return [section for section in sections if section.facts]


def _describe_variant(
    version: ModelVersion, variant: Variant, running: Mapping[str, int], lab: LabPicture
) -> list[Section]:
    reasons = tuple(
        Fact(
            profile_title(profile), "chosen" if profile in variant.profiles else "not chosen", _reason(variant, profile)
        )
        for profile in _profiles(version)
        if profile in variant.reasons
    )
    digests = (
        Fact("Digest", variant.digest[:16], copy=variant.digest),
        *(_lineage_fact(name, value) for name, value in sorted(variant.lineage.items())),
    )
    sections = [
        Section("What was measured", _evidence_facts(variant.evidence)),
        Section("On lab devices", variant_lab_facts(variant, lab)),
        Section("Why, for each kind of hardware", reasons),
        Section("Where it runs", _where((variant,), running)),
        Section(f"Lineage of {version.label} ({variant.name})", digests),
    ]
    return [section for section in sections if section.facts]


def _evidence_facts(evidence: Evidence) -> tuple[Fact, ...]:
    if evidence.accuracy is None:
        return tuple(Fact("", sentence=line) for line in evidence_words.evidence_lines(evidence))
    interval = evidence_words.interval(evidence)
    spread = f" ({interval})" if interval else ""
    facts = [Fact("Accuracy", f"{evidence_words.accuracy(evidence)}{spread}, {evidence.samples:,} samples")]
    if evidence.golden_accuracy is not None:
        share = words.percent(evidence.golden_accuracy)
        facts.append(Fact("Self-test set", f"{share}, {evidence.golden_samples:,} samples"))
    if evidence.agreement is not None:
        facts.append(Fact("Agreement", f"{words.percent(evidence.agreement)} with the original"))
    if evidence.latency_p50_ms is not None:
        p50, p95 = (evidence_words.milliseconds(v) for v in (evidence.latency_p50_ms, evidence.latency_p95_ms))
        facts.append(Fact("Latency", f"p50 {p50}, p95 {p95}"))
        facts.append(Fact("Speed", evidence_words.speed(evidence.latency_ratio)))
    if evidence.measured_on:
        facts.append(Fact("Measured on", evidence.measured_on))
    return tuple(facts)


def _reason(variant: Variant, profile: str) -> str:
    """Why, without the word that stands beside it already."""
    reason = variant.reasons.get(profile, "")
    for word in ("Chosen: ", "Not chosen: "):
        reason = reason.removeprefix(word)
    return reason[:1].upper() + reason[1:]


def _profiles(version: ModelVersion) -> list[str]:
    named = {profile for variant in version.variants for profile in (*variant.profiles, *variant.reasons)}
    known = [profile for profile in PROFILES if profile in named]
    return known + sorted(named - set(known))


def _choice(version: ModelVersion, profile: str) -> Fact:
    chosen = next((variant for variant in version.variants if profile in variant.profiles), None)
    if chosen is not None:
        return Fact(profile_title(profile), chosen.name, _reason(chosen, profile))
    reasons = [_reason(variant, profile) for variant in version.variants if profile in variant.reasons]
    return Fact(profile_title(profile), "none", reasons[0] if reasons else "No variant fits this hardware.")


def _where(variants: Sequence[Variant], running: Mapping[str, int]) -> tuple[Fact, ...]:
    found = [(variant, running[variant.digest]) for variant in variants if running.get(variant.digest)]
    return tuple(Fact(variant.name, words.count(count, "device")) for variant, count in found) or (
        Fact("", sentence="No device runs it now."),
    )


def _model_facts(version: ModelVersion) -> tuple[Fact, ...]:
    facts = [Fact("Input" if not i else "", evidence_words.contract(t)) for i, t in enumerate(version.inputs)]
    facts += [Fact("Output" if not i else "", evidence_words.contract(t)) for i, t in enumerate(version.outputs)]
    facts += [
        Fact("Parameters", evidence_words.amount(version.parameters)),
        Fact("Multiply-adds", f"{evidence_words.amount(version.multiply_adds)} a sample"),
        Fact("ONNX opset", str(version.opset)),
        Fact("Imported", words.both_clocks(version.created_at).split("\n", maxsplit=1)[0]),
    ]
    return tuple(facts)


def _preprocessing_facts(preprocessing: Preprocessing) -> tuple[Fact, ...]:
    if preprocessing.layout == "RAW":
        return (Fact("", sentence="None: samples are the model's input as they are."),)
    resize = preprocessing.resize
    facts = [
        Fact("Resize", f"{resize.height} × {resize.width}, {resize.mode}" if resize else ""),
        Fact("Colour", preprocessing.color if preprocessing.color != "RGB" else ""),
        Fact("Layout", preprocessing.layout),
        Fact("Scale", f"÷ {preprocessing.scale:g}"),
        Fact("Mean", ", ".join(f"{value:.4g}" for value in preprocessing.mean)),
        Fact("Deviation", ", ".join(f"{value:.4g}" for value in preprocessing.std)),
        Fact("Classes", f"{len(preprocessing.classes)}", ", ".join(preprocessing.classes)),
    ]
    return tuple(fact for fact in facts if fact.value not in {"", "0"})


def _lineage_facts(version: ModelVersion) -> tuple[Fact, ...]:
    facts = [Fact("Source", version.source_digest[:16], copy=version.source_digest)]
    if version.golden_digest:
        size = words.size(version.golden_size_bytes)
        facts.append(Fact("Self-test set", f"{version.golden_digest[:16]} · {size}", copy=version.golden_digest))
    facts += [Fact(variant.name, variant.digest[:16], copy=variant.digest) for variant in version.variants]
    return tuple(facts)


def _lineage_fact(name: str, value: str) -> Fact:
    shown = value if len(value) <= 24 else f"{value[:16]}…"
    return Fact(name.replace("_", " ").capitalize(), shown, copy=value)
