"""The parts of the documentation that are made from the program itself: settings, command reference, passes.

    python tests/document_tables.py

writes them into `docs/user-guide.md` and `docs/optimize.md`, between `<!-- made: NAME -->` and `<!-- end: NAME -->`.
`tests/unit/test_docs.py` fails when they are not up to date.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

from edgeyard.cli.main import build_parser
from edgeyard.commands.settings import describe_settings
from edgeyard.optimize.passes import PASSES
from edgeyard.optimize.recipe.setting import setting_facts
from edgeyard.optimize.step import Pass

GUIDE, OPTIMIZE = (Path(__file__).resolve().parents[1] / "docs" / name for name in ("user-guide.md", "optimize.md"))
_SILENT = ("help", "site", "version")
"""Options that mean the same everywhere and are explained once."""


def settings_table() -> str:
    """One row per setting, in the order of their declaration."""
    rows = [
        f"| `{setting.name}` | {f'`{setting.default}`' if setting.default != '' else '(empty)'} "
        f"| {setting.title}. {setting.description} |"
        for setting in describe_settings()
    ]
    return "\n".join(["| setting | default | meaning |", "| --- | --- | --- |", *rows])


def command_reference() -> str:
    """One entry per command, in the order of `edgeyard --help`."""
    return "\n".join(_entry(words, what, parser) for words, what, parser in commands())


def commands() -> Iterator[tuple[str, str, argparse.ArgumentParser]]:
    """Every command that does something: its words, its help, its parser."""
    yield from _below("edgeyard", "", build_parser())


def passes_reference() -> str:
    """One section per pass with a row per setting, in the order of `PASSES`."""
    return "\n\n".join(_pass_section(each) for each in PASSES.values())


def refreshed(text: str) -> str:
    """A page's text with the made parts replaced by what the program says now."""
    for name, make in (("settings", settings_table), ("commands", command_reference), ("passes", passes_reference)):
        begin, end = f"<!-- made: {name} -->", f"<!-- end: {name} -->"
        before, found, rest = text.partition(begin)
        if found:
            text = f"{before}{begin}\n{make()}\n{end}{rest.partition(end)[2]}"
    return text


def _pass_section(each: Pass) -> str:
    lines = [f"### `{each.kind}`: {each.title}", "", each.text]
    facts = setting_facts(each.settings_type)
    if facts:
        lines += ["", "| setting | default | allowed | meaning |", "| --- | --- | --- | --- |"]
        for fact in facts.values():
            default = json.dumps(fact.default, ensure_ascii=False)
            lines.append(f"| `{fact.name}` | `{default}` | {fact.allowed} | {fact.description} |")
    return "\n".join(lines)


def _below(
    words: str, what: str, parser: argparse.ArgumentParser
) -> Iterator[tuple[str, str, argparse.ArgumentParser]]:
    nested = next((a for a in parser._actions if isinstance(a, argparse._SubParsersAction)), None)
    if nested is None:
        yield words, what, parser
        return
    helps = {choice.dest: choice.help or "" for choice in nested._choices_actions}
    for name, inner in nested.choices.items():
        yield from _below(f"{words} {name}", helps.get(name, ""), inner)


def _entry(words: str, what: str, parser: argparse.ArgumentParser) -> str:
    actions = [action for action in parser._actions if action.dest != "help"]
    synopsis = " ".join([words, *map(_usage, actions)])
    explained = [f"`{_name(action)}`: {action.help}." for action in actions if _is_explained(action)]
    return " ".join([f"- `{synopsis}`:", f"{what}.", *explained])


def _usage(action: argparse.Action) -> str:
    value = "" if action.nargs == 0 else _value(action)
    if not action.option_strings:
        return {"?": f"[{value}]", "+": f"{value} [{value} …]"}.get(str(action.nargs), value)
    option = f"{action.option_strings[0]} {value}".strip()
    return option if action.required else f"[{option}]"


def _value(action: argparse.Action) -> str:
    if action.choices:
        return "{" + ",".join(map(str, action.choices)) + "}"
    return str(action.metavar or action.dest.upper())


def _name(action: argparse.Action) -> str:
    return action.option_strings[0] if action.option_strings else _value(action)


def _is_explained(action: argparse.Action) -> bool:
    return bool(action.help) and action.help != argparse.SUPPRESS and action.dest not in _SILENT


if __name__ == "__main__":
    for page in (GUIDE, OPTIMIZE):
        page.write_text(refreshed(page.read_text("utf-8")), "utf-8")
