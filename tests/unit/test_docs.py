"""What the documentation says is held against the program: commands, settings, filters, words, paths and links.

Convention of the documentation: a word in capitals (`FOLDER`, `TOKEN`) stands for a value of the reader's; a command
with square brackets is a synopsis, which only stands in the made part of the guide.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeyard.cli.main import build_parser
from edgeyard.domain import filter as filter_language
from edgeyard.domain.device import DeviceStatus
from edgeyard.domain.execution import ExecutionState
from edgeyard.domain.filter import parse_filter
from edgeyard.domain.hardware import PROFILES
from edgeyard.domain.rollout import RolloutAct, RolloutState, WaveState
from edgeyard.optimize.recipe.read import read_recipe
from edgeyard.store.job import Job
from edgeyard.trust.refusal import Attack
from tests import document_tables

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "app" / "edgeyard"
DOCUMENTS = (
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
)
GUIDE = ROOT / "docs" / "user-guide.md"
BOOTSTRAP = "installers/bootstrap.py"

_FENCE = re.compile(r"^( *)```([a-z]*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_REDIRECTION = re.compile(r"\s>\s*\S+$")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_PLACEHOLDER = re.compile(r"[A-Z][A-Z_-]*")
_TOP_LEVEL = ("app", "docs", "installers", "resources", "tests", ".ci")

each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())


def _prose(text: str) -> str:
    return _FENCE.sub("", text)


def _command_lines(text: str) -> Iterator[list[str]]:
    """The words of every line that starts `edgeyard` or a script of ours, in blocks and in running text."""
    bodies = (body.replace("\\\n", " ") for _, _, body in _FENCE.findall(text))
    lines = [_REDIRECTION.sub("", line) for body in bodies for line in body.splitlines()] + _SPAN.findall(_prose(text))
    for line in lines:
        found = re.match(r"\s*(?:ExecStart=\S*/)?(edgeyard(?:\s.*)?|python3? \S+\.py.*)$", line)
        if found and "[" not in line:
            words = shlex.split(found[1], comments=True)
            yield ["7" if _PLACEHOLDER.fullmatch(word) else word for word in words]


def _parses(arguments: list[str]) -> bool:
    try:
        build_parser().parse_args(arguments)
    except SystemExit as end:
        return end.code == 0  # --help and --version
    return True


def _anchors(path: Path) -> set[str]:
    headings = _HEADING.findall(_prose(path.read_text("utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_document
def test_every_command_line_is_one_the_program_understands(document: Path) -> None:
    for words in _command_lines(document.read_text("utf-8")):
        said = f"{document.name}: {' '.join(words)}"
        if words[0] == "edgeyard":
            assert _parses(words[1:]), said
        elif words[1] == BOOTSTRAP:
            command, *arguments = words[2:]
            assert command in {"demo", "test", "run", "install"}, said
            assert command != "demo" or _parses(["demo", *arguments]), said
        else:
            assert (ROOT / words[1]).is_file() or document.parent.joinpath(words[1]).is_file(), said


def test_command_lines_are_found_where_they_stand() -> None:
    block = "```\nedgeyard demo \\\n  --devices N  # some\nExecStart=/opt/bin/edgeyard agent run > out.txt\n```\n"
    text = f"Run `edgeyard hub run` or\n\n{block}"
    assert list(_command_lines(text)) == [
        ["edgeyard", "demo", "--devices", "7"],
        ["edgeyard", "agent", "run"],
        ["edgeyard", "hub", "run"],
    ]


@each_document
def test_every_relative_link_and_image_leads_somewhere(document: Path) -> None:
    for target in _LINK.findall(_prose(document.read_text("utf-8"))):
        if "://" in target or target.startswith("mailto:"):
            continue
        name, _, anchor = target.partition("#")
        path = (document.parent / name).resolve() if name else document
        assert path.exists(), f"{document.name} links to {target}"
        if anchor:
            assert anchor in _anchors(path), f"{document.name} links to {target}"


@each_document
def test_every_source_file_that_is_named_exists(document: Path) -> None:
    for span in _SPAN.findall(_prose(document.read_text("utf-8"))):
        if not re.fullmatch(r"[\w./-]+", span):
            continue
        inside = span.split("/")[0] in _TOP_LEVEL and "/" in span
        if inside or span.endswith(".py"):
            places = (ROOT / span, PACKAGE / span, ROOT / "tests" / span, ROOT / "installers" / span)
            assert any(place.exists() for place in places), f"{document.name} names {span}"


def test_the_made_parts_of_the_guide_are_up_to_date() -> None:
    text = GUIDE.read_text("utf-8")
    assert document_tables.refreshed(text) == text, "run: python tests/document_tables.py"
    for made in (document_tables.settings_table(), document_tables.command_reference()):
        assert made in text
    text = document_tables.OPTIMIZE.read_text("utf-8")
    assert document_tables.refreshed(text) == text, "run: python tests/document_tables.py"
    assert document_tables.passes_reference() in text


@each_document
def test_every_recipe_that_is_shown_can_be_read(document: Path) -> None:
    for _, kind, body in _FENCE.findall(document.read_text("utf-8")):
        if kind == "yaml" and "steps:" in body:
            assert read_recipe(body).steps


def test_every_filter_example_parses_and_the_grammar_s_own_examples_are_among_them() -> None:
    blocks = [body for _, kind, body in _FENCE.findall(GUIDE.read_text("utf-8")) if kind == "filter"]
    examples = [re.split(r"\s{3,}", line)[0] for body in blocks for line in body.splitlines()]
    assert examples
    for example in examples:
        parse_filter(example)
    for line in re.findall(r"^    (\S.*)$", str(filter_language.__doc__), re.MULTILINE):
        *known, last = re.split(r"\s{3,}", line)
        for example in known or [last]:
            assert any(example in given for given in examples), example


def test_every_field_of_the_filter_language_is_in_the_guide() -> None:
    text = GUIDE.read_text("utf-8")
    for name in filter_language._TEXT_FIELDS:
        assert f"`{name}:`" in text
    for name in filter_language._NUMBER_FIELDS:
        assert f"`{name}`" in text


@pytest.mark.parametrize(
    "words",
    [DeviceStatus, ExecutionState, RolloutState, WaveState, PROFILES],
    ids=["device status", "execution state", "rollout state", "wave state", "hardware profile"],
)
def test_every_word_that_is_shown_is_explained(words: type[DeviceStatus]) -> None:
    text = GUIDE.read_text("utf-8")
    missing = [str(word) for word in words if f"`{word}`" not in text]
    assert not missing


def test_every_refusal_and_every_act_is_explained() -> None:
    text = GUIDE.read_text("utf-8")
    for word in (*Attack.__args__, *RolloutAct):  # type: ignore[attr-defined]
        assert f"| {word} |" in text


def test_every_state_of_a_job_is_explained() -> None:
    assert Job.__doc__
    text = GUIDE.read_text("utf-8")
    for word in ("queued", "running", "done", "failed", "cancelled", "interrupted"):
        assert f"`{word}`" in text


def test_every_claim_of_the_threat_model_names_tests() -> None:
    text = (ROOT / "docs" / "threat-model.md").read_text("utf-8")
    claims = text.partition("## Claims and their tests")[2].partition("## Not covered")[0]
    paragraphs = [part for part in claims.split("\n\n") if part.strip()]
    assert paragraphs
    for paragraph in paragraphs:
        named = [span for span in _SPAN.findall(paragraph) if span.startswith("tests/")]
        assert named, f"no test is named: {paragraph[:80]}"


def test_every_decision_is_listed_short_and_whole() -> None:
    folder = ROOT / "docs" / "adr"
    listed = (folder / "README.md").read_text("utf-8")
    for path in sorted(folder.glob("0*.md")):
        text = path.read_text("utf-8")
        assert f"({path.name})" in listed
        assert text.splitlines()[0].startswith(f"# {path.name[:4]} ")
        assert text.splitlines()[0][7:] in listed
        assert len(text.splitlines()) <= 40
        for part in ("**Context.**", "**Decision.**", "**Consequences.**"):
            assert part in text, f"{path.name} lacks {part}"
