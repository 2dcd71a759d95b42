"""Which key would sign here, how it is sealed, and what opens it."""

from __future__ import annotations

import os
from dataclasses import dataclass

from edgeyard.commands.release_signing import APPROVER_KEY, signing_key_exists
from edgeyard.commands.workspace import Workspace
from edgeyard.trust.key_vault import KeyringUnlock, PassphraseUnlock, Unlock, keyring_available

PASSPHRASE_VARIABLE = "EDGEYARD_PASSPHRASE"  # noqa: S105 - a variable name
MIN_PASSPHRASE_CHARACTERS = 8


@dataclass(frozen=True, slots=True)
class KeyState:
    """The approver's key on this machine. `protection` is how it is sealed, or how a new one would be."""

    name: str
    exists: bool
    protection: str
    unlocked: bool

    @property
    def asks_passphrase(self) -> bool:
        """Whether a person has to type one."""
        return self.protection == "passphrase" and not self.unlocked

    @property
    def sentence(self) -> str:
        """Names the key and says how it is opened."""
        if self.unlocked:
            how = "unlocked for this session"
        elif self.protection == "keyring":
            how = "sealed by this computer's keyring"
        else:
            how = "sealed with a passphrase"
        if self.exists:
            return f"Signs with the key “{self.name}”, {how}."
        return f"Makes the key “{self.name}” on this machine, {how}, and signs with it."


def read_key_state(workspace: Workspace) -> KeyState:
    """Look at the vault; for a worker thread, since asking for the keyring may take a moment. Raises `UserError`."""
    exists = signing_key_exists(workspace)
    given = len(os.environ.get(PASSPHRASE_VARIABLE, "")) >= MIN_PASSPHRASE_CHARACTERS
    protection = workspace.vault.protection(APPROVER_KEY) if exists else _best_protection(given=given)
    return KeyState(APPROVER_KEY, exists, protection, protection == "passphrase" and given)


def _best_protection(*, given: bool) -> str:
    # A passphrase in the environment is somebody's explicit wish, as in the demo.
    return "passphrase" if given or keyring_available() is None else "keyring"


def make_unlock(state: KeyState, passphrase: str) -> Unlock:
    """What opens the key: the keyring, the passphrase of the environment, or the one that was typed."""
    if state.protection == "keyring":
        return KeyringUnlock()
    return PassphraseUnlock(os.environ[PASSPHRASE_VARIABLE] if state.unlocked else passphrase)


def passphrase_trouble(state: KeyState, passphrase: str, repeated: str) -> str:
    """What is wrong with what was typed, or nothing. A new key's passphrase is typed twice."""
    if not state.asks_passphrase:
        return ""
    if not passphrase:
        return "Type the passphrase of the signing key." if state.exists else "Choose a passphrase for the new key."
    if state.exists:
        return ""
    if len(passphrase) < MIN_PASSPHRASE_CHARACTERS:
        return f"Use at least {MIN_PASSPHRASE_CHARACTERS} characters."
    return "" if passphrase == repeated else "Both passphrases must be the same."
