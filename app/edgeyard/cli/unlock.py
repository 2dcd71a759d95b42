"""Asking for what opens the signing key."""

from __future__ import annotations

import getpass
import os
import sys

from edgeyard.commands.workspace import Workspace
from edgeyard.domain.error import UserError
from edgeyard.trust.key_vault import KeyringUnlock, PassphraseUnlock, Unlock, keyring_available

PASSPHRASE_VARIABLE = "EDGEYARD_PASSPHRASE"  # noqa: S105 - a variable name


def ask_unlock(workspace: Workspace) -> Unlock:
    """The keyring where the key is kept there, else a passphrase from the environment or the terminal."""
    names = workspace.vault.names()
    protection = workspace.vault.protection(names[0]) if names else ("keyring" if keyring_available() else "passphrase")
    if protection == "keyring":
        return KeyringUnlock()
    given = os.environ.get(PASSPHRASE_VARIABLE, "")
    if given:
        return PassphraseUnlock(given)
    if not sys.stdin.isatty():
        raise UserError(
            "The signing key is sealed with a passphrase.", f"Run in a terminal, or set {PASSPHRASE_VARIABLE}."
        )
    prompt = "Passphrase of the signing key: " if names else "Choose a passphrase for the new signing key: "
    return PassphraseUnlock(getpass.getpass(prompt))
