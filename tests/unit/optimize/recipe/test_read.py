"""Recipes from YAML: what is read, and that every refusal names the line and what is allowed there."""

import contextlib
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, field

from edgeyard.domain.error import UserError
from edgeyard.optimize.passes import PASSES
from edgeyard.optimize.recipe.read import MAX_STEPS, load_recipe, read_recipe
from edgeyard.optimize.recipe.recipe import Recipe, RecipeStep
from edgeyard.optimize.recipe.write import recipe_to_text
from edgeyard.optimize.recipe.yaml_tree import MAX_TEXT_BYTES, MAX_VALUES
from edgeyard.optimize.step import Settings

GOOD = """\
title: Two ways to eight bits
steps:
  - id: int8-pruned        # may stand before what it works on
    pass: int8-static
    from: half
    settings: {form: s8s8, samples: 64}
  - id: half
    pass: fp16
    offer: false
"""


class StandInSettings(Settings, frozen=True):
    share: Annotated[float, Meta(gt=0, le=0.9, description="share")] = 0.5
    count: Annotated[int, Meta(ge=1, description="count")] = 1
    names: Annotated[tuple[Annotated[str, Meta(max_length=5)], ...], Meta(max_length=3, description="names")] = ()
    mode: Annotated[Literal["a", "b"], Meta(description="mode")] = "a"
    flag: Annotated[bool, Meta(description="flag")] = False
    limits: Annotated[dict[str, float], Meta(description="limits")] = field(default_factory=dict)
    perhaps: Annotated[float | None, Meta(description="perhaps")] = None

    def __post_init__(self) -> None:
        if self.flag and self.mode == "b":
            raise ValueError("flag is for mode a")


class StandIn:
    kind, title, text, settings_type = "stand-in", "Stand-in", "For tests.", StandInSettings


PLAIN: dict = {"fp16": PASSES["fp16"], "stand-in": StandIn()}


def test_a_recipe_is_put_in_order_and_defaults_are_left_to_the_pass() -> None:
    recipe = read_recipe(GOOD)
    assert recipe.title == "Two ways to eight bits"
    assert [step.id for step in recipe.steps] == ["half", "int8-pruned"]
    assert recipe.steps[0] == RecipeStep("half", "fp16", "fp32", {}, offer=False)
    assert recipe.steps[1].settings == {"form": "s8s8", "samples": 64}
    assert [step.id for step in recipe.way_to("int8-pruned")] == ["half", "int8-pruned"]
    assert [step.id for step in recipe.descendants("half")] == ["int8-pruned"]


def test_a_file_is_read_and_a_missing_or_foreign_one_refused(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "recipe.yaml"
    with pytest.raises(UserError, match="cannot be read"):
        load_recipe(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="no text"):
        load_recipe(path)
    path.write_bytes(b"a" * (MAX_TEXT_BYTES + 5))
    with pytest.raises(UserError, match="over 64 KiB"):
        load_recipe(path)
    path.write_text(GOOD)
    assert load_recipe(path) == read_recipe(GOOD)


@pytest.mark.parametrize(
    ("text", "line", "words", "todo"),
    [
        ("steps:\n  - id: a\n    pass: magic\n", 3, "no pass 'magic'", "Choose from fp16"),
        ("steps:\n  - id: a\n", 2, "no `pass`", "Add `pass:`"),
        ("steps:\n  - pass: fp16\n", 2, "no `id`", "Add `id:`"),
        ("steps:\n  - id: a\n    pass: fp16\n    form: b\n", 4, "no `form`", "id, pass, from, settings, offer, unless"),
        ("hello: 1\nsteps: []\n", 1, "no `hello`", "title, steps"),
        ("title: x\nsteps: []\n", 2, "no steps", "a list"),
        ("title: x\n", 1, "no steps", "a list"),
        ("- a\n", 1, "must be a mapping", "title, steps"),
        ("steps:\n  - half\n", 2, "must be a mapping", "id, pass"),
        ("title: ''\nsteps:\n  - {id: a, pass: fp16}\n", 1, "title", "printable"),
        ("steps:\n  - id: a\n    pass: fp16\n  - id: a\n    pass: fp16\n", 4, "used on line 2", "of its own"),
        ("steps:\n  - id: fp32\n    pass: fp16\n", 2, "cannot be an id", "not fp32"),
        ("steps:\n  - id: A/../b\n    pass: fp16\n", 2, "cannot be an id", "lower-case"),
        ("steps:\n  - id: a\n    pass: fp16\n    from: b\n", 4, "is no step", "fp32, a"),
        ("steps:\n  - id: a\n    pass: fp16\n    from: [b]\n", 4, "names no step", "fp32"),
        ("steps:\n  - id: a\n    pass: fp16\n    unless: b\n", 2, "a needs 'b'", "fp32, a"),
        ("steps:\n  - id: a\n    pass: fp16\n    unless: 3\n", 4, "`unless` names no step", "a step"),
        ("steps:\n- {id: a, pass: fp16, unless: b}\n- {id: b, pass: fp16, from: a}\n", 2, "a from b from a", "fp32"),
        ("steps:\n  - id: a\n    pass: fp16\n    offer: yes\n", 4, "neither true nor false", "true or false"),
        ("steps:\n  - id: a\n    pass: fp16\n    from: a\n", 4, "wait for each other: a from a", "fp32"),
        (
            "steps:\n- {id: a, pass: fp16, from: c}\n- {id: b, pass: fp16, from: a}\n- {id: c, pass: fp16, from: b}\n",
            2, "a from c from b from a", "fp32",
        ),
        (
            "steps:\n- id: a\n  pass: stand-in\n  settings:\n    mode: c\n",
            5, "mode: c", "one of a, b",
        ),
        (
            "steps:\n- id: a\n  pass: stand-in\n  settings:\n    mode: b\n    count: 0\n",
            6, "count: 0", "a whole number from 1 up",
        ),
        ("steps:\n- id: a\n  pass: stand-in\n  settings:\n    colour: red\n", 5, "no `colour`", "share, count"),
        ("steps:\n- id: a\n  pass: stand-in\n  settings: [1]\n", 4, "must be a mapping", "share, count"),
        ("steps:\n- &x {id: a, pass: fp16}\n- *x\n", 2, "anchors", "Write the values out"),
        ("steps: !!python/object:os.system\n", 1, "tag", "Leave it out"),
        ("steps:\n  - id: a\n    id: b\n", 3, "occurs twice", "Keep one"),
        ("? [a]\n: b\n", 1, "plain text", "name: value"),
        ("steps: []\n---\nsteps: []\n", 2, "second document", "one recipe per file"),
        ("steps:\n  - id: 'a\n", 3, "unexpected end", "YAML"),
        ("steps:\n\t- a\n", 2, "cannot start any token", "YAML"),
        ("a: " + "[" * 2000 + "]" * 2000, 1, "nested more than", "flat"),
        ("a: [" + "1," * (MAX_VALUES + 5) + "]", 1, "holds more than", "fewer"),
    ],
)  # fmt: skip
def test_a_refusal_names_the_line_and_what_is_allowed(text: str, line: int, words: str, todo: str) -> None:
    with pytest.raises(UserError) as caught:
        read_recipe(text, PLAIN)
    assert caught.value.what.startswith(f"Line {line} of the recipe: ")
    assert words in caught.value.what
    assert todo in caught.value.todo


@pytest.mark.parametrize("text", ["", "# nothing\n", "a: \x07\n", "a" * (MAX_TEXT_BYTES + 1)])
def test_what_has_no_lines_is_refused_too(text: str) -> None:
    with pytest.raises(UserError, match="recipe"):
        read_recipe(text)


def test_there_may_not_be_too_many_steps() -> None:
    steps = "".join(f"  - {{id: s{n}, pass: fp16}}\n" for n in range(MAX_STEPS + 1))
    with pytest.raises(UserError, match=f"Line {MAX_STEPS + 2} of the recipe: there are more than"):
        read_recipe(f"steps:\n{steps}")


@pytest.mark.parametrize(
    ("setting", "allowed"),
    [
        ("share: 0", "a number above 0 to 0.9"),
        ("count: 0.5", "a whole number from 1 up"),
        ("count: true", "a whole number from 1 up"),
        ("names: [abcdef]", "a list of text of at most 5 characters, at most 3"),
        ("names: 3", "a list of text of at most 5 characters, at most 3"),
        ("flag: yes", "true or false"),
        ("limits: {a: b}", "a mapping of text to a number"),
        ("perhaps: no", "a number or null"),
    ],
)
def test_what_is_allowed_is_said_for_every_type(setting: str, allowed: str) -> None:
    with pytest.raises(UserError) as caught:
        read_recipe(f"steps:\n- id: a\n  pass: stand-in\n  settings:\n    {setting}\n", PLAIN)
    assert caught.value.what.startswith("Line 5 of the recipe: stand-in cannot have")
    assert caught.value.todo == f"Allowed is {allowed}."


def test_settings_that_do_not_fit_together_are_refused() -> None:
    text = "steps:\n- id: a\n  pass: stand-in\n  settings:\n    flag: true\n    mode: b\n"
    with pytest.raises(UserError, match=r"Line 5 .*do not fit together: flag is for mode a"):
        read_recipe(text, PLAIN)


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    with contextlib.suppress(UserError):
        read_recipe(text)


names = st.from_regex(r"[a-z][a-z0-9]{0,5}", fullmatch=True).filter(lambda name: name not in {"fp32", "latency"})
settings = st.fixed_dictionaries(
    {},
    optional={
        "share": st.floats(0, 0.9, exclude_min=True),
        "count": st.integers(1, 10**14),
        "names": st.lists(st.text(max_size=5), max_size=3),
        "flag": st.booleans(),
        "limits": st.dictionaries(st.text(min_size=1, max_size=8), st.floats(-1e30, 1e30), max_size=3),
        "perhaps": st.none() | st.floats(-1e9, 1e9),
    },
)


@given(st.lists(st.tuples(names, settings, st.booleans()), min_size=1, max_size=6, unique_by=lambda s: s[0]), st.data())
def test_what_is_written_is_read_again(written: list, data: st.DataObject) -> None:
    steps = []
    for step_id, values, offer in written:
        source = data.draw(st.sampled_from(["fp32", *(step.id for step in steps)]))
        unless = data.draw(st.sampled_from(["", *(step.id for step in steps)]))
        steps.append(RecipeStep(step_id, "stand-in", source, values, offer, unless))
    recipe = Recipe(tuple(steps), data.draw(st.sampled_from(["", "true", "A: b # c", "Größe ½"])))
    assert read_recipe(recipe_to_text(recipe), PLAIN) == recipe
