"""The two kinds of trouble: the user's problem (`UserError`, safe to show) and our bug (anything else)."""

from __future__ import annotations


class UserError(Exception):
    """A problem the person can act on; both texts are safe to show and hold no secrets.

    `what` says what happened and what it means; `todo` says what to do about it.
    """

    def __init__(self, what: str, todo: str = "") -> None:
        super().__init__(f"{what} {todo}".strip())
        self.what = what
        self.todo = todo
