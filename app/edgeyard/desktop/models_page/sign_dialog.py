"""Signing a version by itself, without rolling it out."""

from __future__ import annotations

from edgeyard.desktop.desk import Desk
from edgeyard.desktop.plan.alive import while_alive
from edgeyard.desktop.plan.key_dialog import KeyDialog, Work
from edgeyard.desktop.plan.signing_key import read_key_state
from edgeyard.domain.model import ModelVersion

_WHAT_IT_MEANS = (
    "Signing says that you vouch for these variants: devices install nothing that is not signed. What is signed can no "
    "longer be changed or deleted. It goes to no device by this."
)


class SignDialog(KeyDialog):
    """Names the key, asks for what opens it, uploads and signs."""

    def __init__(self, desk: Desk, version: ModelVersion) -> None:
        super().__init__(desk, f"Sign {version.label}", "Sign")
        self._version = version
        self._arrange(_WHAT_IT_MEANS)
        desk.bridge.run(read_key_state, while_alive(self, self._show_key), while_alive(self, self.trouble.show_error))

    def _prepare(self) -> tuple[Work, str]:
        from edgeyard.commands.release_signing import sign_version

        version_id = self._version.id
        work: Work = lambda workspace, unlock, tell: sign_version(workspace, version_id, unlock, tell)  # noqa: E731
        return work, f"{self._version.label} is signed."
