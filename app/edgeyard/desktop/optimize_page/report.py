"""A study as one page to keep or hand on: HTML without anything from elsewhere, and the same as PDF."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from edgeyard import __version__
from edgeyard.commands.study import Study
from edgeyard.desktop.optimize_page.candidate_words import (
    accuracy_words,
    difference_words,
    measured_lines,
    memory_words,
    picked_words,
    speed_words,
)
from edgeyard.desktop.plan.evidence_words import amount, duration
from edgeyard.desktop.widget import words
from edgeyard.optimize.engine.result import JobResult
from edgeyard.optimize.recipe.write import recipe_to_text

_STYLE = """
body { font-family: Inter, Helvetica, Arial, sans-serif; font-size: 10pt; color: #1A1E22; }
h1 { font-size: 17pt; } h2 { font-size: 12pt; margin-top: 16pt; }
table { border-collapse: collapse; width: 100%; }
th { text-align: left; color: #56606A; font-weight: normal; border-bottom: 1px solid #D3D8DD; padding: 3pt 8pt 3pt 0; }
td { padding: 3pt 8pt 3pt 0; border-bottom: 1px solid #ECEFF1; vertical-align: top; }
.quiet { color: #56606A; } pre { font-size: 8pt; }
"""

_EXPLAINED = (
    '<p class="quiet">Accuracy with its 95 % Wilson interval; the difference is judged sample by sample (McNemar).'
    " Speed is the latency of one sample beside the original in the same run.</p>"
)


def report_html(study: Study, result: JobResult) -> str:
    """The whole report."""
    summary = result.summary
    facts = [
        ("Model", str(study.request.model)),
        ("SHA-256", summary.sha256),
        ("Data", f"{study.request.data} ({_counts(result.samples)})"),
        ("Size", words.size(summary.size_bytes)),
        ("Work", f"{amount(summary.multiply_adds)} multiply-adds, {amount(summary.parameters)} parameters"),
        ("May lose", f"{result.max_drop * 100:.1f} points of accuracy"),
        ("Measured on", result.host),
        (
            "Took",
            f"{duration(result.duration_s)} ({'all steps ran' if result.ended == 'complete' else 'time was over'})",
        ),
        ("Made with", f"Edgeyard {__version__}"),
    ]
    parts = [
        f"<h1>{escape(study.request.title)}</h1>",
        _table((), facts),
        "<h2>Picked</h2>",
        _table(("Hardware", "Variant", "Why"), _picked(result)),
        "<h2>Variants</h2>",
        _table(("Variant", "Size", "Accuracy", "Against original", "Speed", "Memory"), _variants(result)),
        _EXPLAINED,
        "<h2>Where it was measured</h2>",
        _table(("Variant", "Figures"), _measured(result)),
        "<h2>Not made</h2>" if result.rejected else "",
        _table(("Step", "Why"), [(f"{r.name}: {r.title}", r.reason) for r in result.rejected])
        if result.rejected
        else "",
        "<h2>Recipe</h2>",
        f"<pre>{escape(recipe_to_text(result.recipe))}</pre>",
    ]
    title = f"Optimization of {escape(study.request.title)}"
    body = "\n".join(part for part in parts if part)
    head = f'<head><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style></head>'
    return f"<!doctype html>\n<html>{head}\n<body>{body}</body></html>\n"


def write_pdf(html: str, path: str) -> None:
    """The report as a PDF of A4 pages. Call it on the window's thread. Raises `OSError` when it cannot be written."""
    from PySide6.QtCore import QMarginsF
    from PySide6.QtGui import QPageLayout, QPageSize, QPdfWriter, QTextDocument

    # Where the writer cannot open its file it says nothing.
    with open(path, "wb"):  # noqa: PTH123 - only to see whether it can be written
        pass
    writer = QPdfWriter(path)
    writer.setPageLayout(
        QPageLayout(QPageSize(QPageSize.PageSizeId.A4), QPageLayout.Orientation.Portrait, QMarginsF(15, 15, 15, 15))
    )
    document = QTextDocument()
    document.setHtml(html)
    document.print_(writer)


def _picked(result: JobResult) -> Iterable[tuple[str, ...]]:
    for choice in result.choices:
        yield picked_words([choice.profile]), choice.picked or "none", choice.reasons.get(choice.picked, "")


def _variants(result: JobResult) -> Iterable[tuple[str, ...]]:
    for candidate in result.candidates:
        evidence = candidate.evidence
        yield (
            candidate.name,
            words.size(candidate.size_bytes),
            accuracy_words(evidence),
            difference_words(evidence),
            speed_words(evidence),
            memory_words(evidence),
        )


def _measured(result: JobResult) -> Iterable[tuple[str, ...]]:
    for candidate in result.candidates:
        for line in measured_lines(candidate):
            yield candidate.name, line


def _counts(samples: dict[str, int]) -> str:
    return ", ".join(f"{count:,} for {name}" for name, count in samples.items() if count)


def _table(titles: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    head = "".join(f"<th>{escape(title)}</th>" for title in titles)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table>{f'<tr>{head}</tr>' if head else ''}{body}</table>"
