from __future__ import annotations

import threading

import pytest

from edgeyard.domain.error import UserError
from edgeyard.store.database import Database
from edgeyard.store.token import add_token, find_token, list_tokens, use_token
from tests.unit.store.sample import NOW, digest


def test_a_token_lets_one_newcomer_in(database: Database) -> None:
    with database.write() as c:
        token_id = add_token(c, digest("a"), "device", NOW + 60, "operator.eve", NOW, "pi5", "hall 3")
        token = use_token(c, digest("a"), "device", "press-1", NOW + 1)
        assert (token.id, token.hardware_profile, token.note) == (token_id, "pi5", "hall 3")
        assert find_token(c, digest("a")) == token
        assert find_token(c, digest("b")) is None
    with database.read() as c:
        [listed] = list_tokens(c)
        assert (listed.used_by, listed.used_at) == ("press-1", NOW + 1)


def test_a_refused_token_says_why(database: Database) -> None:
    with database.write() as c:
        add_token(c, digest("a"), "device", NOW + 60, "eve", NOW)
        add_token(c, digest("b"), "device", NOW + 60, "eve", NOW)
        use_token(c, digest("b"), "device", "press-1", NOW)
        with pytest.raises(UserError, match="does not know"):
            use_token(c, digest("c"), "device", "press-2", NOW)
        with pytest.raises(UserError, match="for a new device, not for a new operator"):
            use_token(c, digest("a"), "operator", "mallory", NOW)
        with pytest.raises(UserError, match="already used by press-1"):
            use_token(c, digest("b"), "device", "press-2", NOW)
        with pytest.raises(UserError, match="expired"):
            use_token(c, digest("a"), "device", "press-2", NOW + 60)
        # None of these used the good one up.
        assert use_token(c, digest("a"), "device", "press-2", NOW).used_by == "press-2"


def test_of_many_newcomers_with_one_token_exactly_one_gets_in(database: Database) -> None:
    with database.write() as c:
        add_token(c, digest("a"), "device", NOW + 60, "eve", NOW)
    together = threading.Barrier(8)
    outcomes: list[str] = []

    def come(name: str) -> None:
        together.wait()
        try:
            with database.write() as c:
                use_token(c, digest("a"), "device", name, NOW)
            outcomes.append(name)
        except UserError as error:
            outcomes.append(error.what)

    threads = [threading.Thread(target=come, args=(f"press-{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [outcome for outcome in outcomes if outcome.startswith("press-")]
    assert len(winners) == 1
    assert outcomes.count(f"This join token was already used by {winners[0]}.") == 7
