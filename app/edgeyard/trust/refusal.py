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
