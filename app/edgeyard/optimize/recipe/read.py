"""From YAML to a recipe: every message names the line, and says what is allowed there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from edgeyard.domain.error import UserError
from edgeyard.domain.identifier import check_title, is_identifier
from edgeyard.optimize.recipe.recipe import ORIGINAL, Recipe, RecipeStep
from edgeyard.optimize.recipe.setting import setting_facts, settings_of
from edgeyard.optimize.recipe.yaml_tree import MAX_TEXT_BYTES, Value, read_yaml, refuse
from edgeyard.optimize.step import Pass

MAX_STEPS = 200
RESERVED = (ORIGINAL, "run-off", "latency")
"""Ids that mean something else in events and files."""
_TOP_KEYS = ("title", "steps")
_STEP_KEYS = ("id", "pass", "from", "settings", "offer", "unless")


@dataclass(frozen=True, slots=True)
class _Written:
    """A step and where its parts stand."""

    step: RecipeStep
    line: int
    source_line: int


def load_recipe(path: Path) -> Recipe:
    """Read the recipe in a file; `UserError` when it cannot be read or is not one."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_TEXT_BYTES + 1)
        return read_recipe(data.decode("utf-8"))
    except OSError as error:
        raise UserError(f"The recipe {path} cannot be read ({error.strerror}).", "Choose a YAML file.") from error
    except UnicodeDecodeError as error:
        raise UserError(f"The recipe {path.name} is no text in UTF-8.", "Choose a YAML file.") from error


def read_recipe(text: str, passes: Mapping[str, Pass] | None = None) -> Recipe:
    """The recipe that `text` holds, its steps in an order in which each comes after its source.

    Raises:
        UserError: no YAML, unknown keys, passes or settings, values out of bounds, sources that do not exist or form a
            cycle; with the line and what is allowed.
    """
    known = _all_passes() if passes is None else passes
    tree = read_yaml(text)
    entries = _mapping(tree, "the recipe", _TOP_KEYS)
    title = _title(entries.get("title"))
    listed = entries.get("steps")
    if listed is None or not isinstance(listed.content, list) or not listed.content:
        line = listed.line if listed else tree.line
        raise refuse(line, "there are no steps.", "Write `steps:` and below it a list, each with `id` and `pass`.")
    if len(listed.content) > MAX_STEPS:
        raise refuse(listed.content[MAX_STEPS].line, f"there are more than {MAX_STEPS} steps.", "Use fewer.")
    written: dict[str, _Written] = {}
    for value in listed.content:
        read = _step(value, known)
        if read.step.id in written:
            raise refuse(
                read.line,
                f"the id {read.step.id} is used on line {written[read.step.id].line} already.",
                "Give each step an id of its own.",
            )
        written[read.step.id] = read
    return Recipe(_in_order(written), title)


def _all_passes() -> Mapping[str, Pass]:
    from edgeyard.optimize.passes import PASSES

    return PASSES


def _mapping(value: Value, what: str, allowed: tuple[str, ...]) -> dict[str, Value]:
    if not isinstance(value.content, dict):
        raise refuse(value.line, f"{what} must be a mapping.", f"Its keys are {', '.join(allowed)}.")
    for key in value.content:
        if key not in allowed:
            raise refuse(
                value.key_lines[key], f"{what} has no `{key[:80]}`.", f"Allowed are {', '.join(allowed) or 'none'}."
            )
    entries: dict[str, Value] = value.content
    return entries


def _title(value: Value | None) -> str:
    if value is None:
        return ""
    try:
        return check_title(str(value.content), "title")
    except UserError as error:
        raise refuse(value.line, error.what, error.todo) from error


def _step(value: Value, passes: Mapping[str, Pass]) -> _Written:
    entries = _mapping(value, "a step", _STEP_KEYS)
    for needed in ("id", "pass"):
        if needed not in entries:
            raise refuse(value.line, f"the step has no `{needed}`.", f"Add `{needed}:`.")
    step_id = entries["id"].content
    if not isinstance(step_id, str) or not is_identifier(step_id) or step_id in RESERVED:
        reserved = f" (not {', '.join(RESERVED)})"
        raise refuse(
            entries["id"].line,
            f"{str(step_id)[:80]!r} cannot be an id.",
            f"Use lower-case letters, digits and hyphens, at most 63{reserved}.",
        )
    kind = entries["pass"].content
    if not isinstance(kind, str) or kind not in passes:
        raise refuse(entries["pass"].line, f"there is no pass {str(kind)[:80]!r}.", f"Choose from {', '.join(passes)}.")
    source = entries.get("from")
    if source is not None and not isinstance(source.content, str):
        raise refuse(source.line, "`from` names no step.", f"Name the id of a step, or {ORIGINAL}.")
    offer = entries.get("offer")
    if offer is not None and not isinstance(offer.content, bool):
        raise refuse(offer.line, "`offer` is neither true nor false.", "Write true or false.")
    unless = entries.get("unless")
    if unless is not None and not isinstance(unless.content, str):
        raise refuse(unless.line, "`unless` names no step.", "Name the id of a step.")
    step = RecipeStep(
        step_id,
        kind,
        source.content if source else ORIGINAL,
        _settings(entries.get("settings"), passes[kind]),
        offer.content if offer else True,
        unless.content if unless else "",
    )
    return _Written(step, value.line, source.line if source else value.line)


def _settings(value: Value | None, each: Pass) -> dict[str, Any]:
    if value is None or value.content is None:
        return {}
    facts = setting_facts(each.settings_type)
    entries = _mapping(value, f"the pass {each.kind}", tuple(facts))
    plain: dict[str, Any] = {}
    for name, entry in entries.items():
        plain[name] = entry.plain()
        try:
            msgspec.convert(plain[name], facts[name].type)
        except msgspec.ValidationError as error:
            raise refuse(
                entry.line,
                f"{each.kind} cannot have {name}: {str(plain[name])[:80]} ({error}).",
                f"Allowed is {facts[name].allowed}.",
            ) from error
    try:
        settings_of(each.settings_type, plain)
    except msgspec.ValidationError as error:
        raise refuse(
            value.line, f"the settings of {each.kind} do not fit together: {error}.", "Change them."
        ) from error
    return plain


def _in_order(written: dict[str, _Written]) -> tuple[RecipeStep, ...]:
    """Each step after what it works on and what it may be spared by, otherwise as they stand."""
    for step_id, read in written.items():
        for needed in _needed(read.step):
            if needed not in written:
                raise refuse(
                    read.source_line,
                    f"{step_id} needs {needed[:80]!r}, which is no step.",
                    f"Name one of {', '.join((ORIGINAL, *written))}.",
                )
    done: dict[str, RecipeStep] = {}
    for step_id in written:
        _put(step_id, (), written, done)
    return tuple(done.values())


def _put(step_id: str, way: tuple[str, ...], written: dict[str, _Written], done: dict[str, RecipeStep]) -> None:
    if step_id in done:
        return
    if step_id in way:
        cycle = (*way[way.index(step_id) :], step_id)
        raise refuse(
            written[step_id].source_line,
            f"the steps wait for each other: {' from '.join(cycle)}.",
            f"Let one of them work on {ORIGINAL}.",
        )
    for needed in _needed(written[step_id].step):
        _put(needed, (*way, step_id), written, done)
    done[step_id] = written[step_id].step


def _needed(step: RecipeStep) -> tuple[str, ...]:
    return tuple(name for name in (step.source, step.unless) if name not in {ORIGINAL, ""})
