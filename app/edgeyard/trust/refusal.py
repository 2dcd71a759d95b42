"""A refusal of what was offered, named after the attack it would be, in words for the report and the UI."""

from __future__ import annotations

from typing import Literal

from edgeyard.domain.error import UserError

Attack = Literal["rollback", "freeze", "mix-and-match", "wrong hardware", "arbitrary software", "endless data"]
"""Names as in the Uptane and TUF literature."""


class RefusedError(UserError):
    """Signed metadata or a file was refused; `attack` names what it would have been."""

    def __init__(self, attack: Attack, what: str, todo: str = "") -> None:
        super().__init__(f"Refused ({attack}): {what}", todo)
        self.attack: Attack = attack


class TooLongError(UserError):
    """An answer was longer than asked for, and reading it was ended."""


class MetadataUnavailableError(UserError):
    """A repository lacks a file that it names; most likely it is being written. Nothing is wrong yet: ask again."""


def refused(attack: Attack, what: str) -> RefusedError:
    """A refusal on a device, where nobody stands who could do something about it."""
    return RefusedError(attack, what, "The device keeps the model it runs. Check the hub and who has access to it.")
