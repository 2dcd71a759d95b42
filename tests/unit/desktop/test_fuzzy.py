"""Finding by a few letters."""

from __future__ import annotations

import re
import time

from hypothesis import given
from hypothesis import strategies as st

from edgeyard.desktop.shell.fuzzy import NameIndex, score

NAMES = st.lists(st.text(alphabet="ab-1 \n.*", max_size=8), max_size=8)


def best(names: list[str], query: str) -> str:
    return names[NameIndex(names).search(query, 5)[0][1]]


def test_an_exact_name_wins_over_longer_ones() -> None:
    assert best(["press-70", "press-7", "xpress-7"], "press-7") == "press-7"


def test_beginnings_win_over_middles_and_middles_over_letters_apart() -> None:
    assert best(["a-line", "line-a", "l-i-n-e"], "line") == "line-a"
    assert best(["l-i-n-e", "xline"], "line") == "xline"


def test_letters_in_order_are_enough() -> None:
    assert best(["assembly-00130", "press-00177"], "pr177") == "press-00177"


@given(NAMES, st.text(alphabet="ab-1 .*[", min_size=1, max_size=5))
def test_exactly_the_names_that_hold_the_letters_in_order_are_found(names: list[str], query: str) -> None:
    letters = [re.escape(letter) for letter in query.lower() if letter != " "]
    flat = [name.lower().replace("\n", " ") for name in names]
    wanted = {n for n, name in enumerate(flat) if letters and re.search(".*".join(letters), name)}
    assert {n for _, n in NameIndex(names).search(query, 100)} == wanted or not query.strip()


def test_ten_thousand_names_take_no_noticeable_time() -> None:
    index = NameIndex([f"press-hall-{number:05}" for number in range(10_000)])
    started = time.thread_time()
    for query in ("p", "press", "prs77", "zzz", "pppppppppppp"):
        index.search(query, 40)
    assert time.thread_time() - started < 0.5


def test_scores_lie_between_nothing_and_one() -> None:
    assert score("fleet", "fleet") == 1.0
    assert score("fleet", "xyz") == 0.0
    assert 0 < score("new group", "grp") < score("new group", "group") < 1
