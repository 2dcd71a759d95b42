"""This machine's operator: its certificate for the hub, got once with a join token."""

from __future__ import annotations

import getpass
import re
from dataclasses import dataclass
from pathlib import Path

import msgspec

from edgeyard.commands.hub_client import HubClient
from edgeyard.commands.site_folder import SiteFolder
from edgeyard.domain.error import UserError
from edgeyard.domain.identifier import OPERATOR_PREFIX, check_identifier
from edgeyard.trust.device_key import create_private_key, make_csr
from edgeyard.trust.durable_file import write_durably
from edgeyard.trust.join_client import request_join
from edgeyard.trust.join_token import JoinToken
from edgeyard.wire.message import JoinRequest

_MAX_IDENTITY_BYTES = 64 * 1024


class _Saved(msgspec.Struct, frozen=True):
    site: str
    name: str
    hub_url: str
    mqtt_host: str
    mqtt_port: int


@dataclass(frozen=True, slots=True)
class OperatorIdentity:
    """Who works here: `name` is the certificate name (`operator.anna`); the files are for TLS."""

    site: str
    name: str
    hub_url: str
    mqtt_host: str
    mqtt_port: int
    ca_file: Path
    certificate_file: Path
    key_file: Path

    def connect(self) -> HubClient:
        """A client for the hub, as this operator."""
        return HubClient(self.hub_url, self.ca_file, self.certificate_file, self.key_file)


def load_identity(folder: SiteFolder) -> OperatorIdentity | None:
    """The operator identity of this machine, or `None` before it joined. Raises `UserError` when it is damaged."""
    path = folder.operator / "identity.json"
    try:
        data = path.read_bytes()
        saved = msgspec.json.decode(data[:_MAX_IDENTITY_BYTES], type=_Saved)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise UserError(
            f"The operator identity in {path} cannot be read.",
            "Move the file away and join again with a new operator token (edgeyard hub token --role operator).",
        ) from error
    return _identity(folder, saved)


def join_as_operator(folder: SiteFolder, token_text: str, name: str = "") -> OperatorIdentity:
    """Join the site as an operator; the private key is made here and stays here. Raises `UserError`."""
    token = JoinToken.decode(token_text)
    operator = check_identifier(name or _user_name(), "operator name")
    key_pem = _own_key(folder)
    request = JoinRequest(token.secret, "operator", operator, make_csr(key_pem, OPERATOR_PREFIX + operator))
    answer = request_join(token, request)
    saved = _Saved(answer.site, answer.name, token.url, answer.mqtt_host, answer.mqtt_port)
    identity = _identity(folder, saved)
    write_durably(identity.certificate_file, answer.certificate_pem.encode())
    write_durably(identity.ca_file, answer.ca_pem.encode())
    # Last, because its presence says that the others are complete.
    write_durably(folder.operator / "identity.json", msgspec.json.encode(saved))
    return identity


def join_with_first_token(folder: SiteFolder) -> OperatorIdentity | None:
    """Use the token that a hub on this machine left for its first operator; `None` when there is none (yet)."""
    try:
        text = folder.first_token_file.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"The first operator token in {folder.first_token_file} cannot be read.",
            "Make a new one on the hub's machine: edgeyard hub token --role operator.",
        ) from error
    identity = join_as_operator(folder, text)
    folder.first_token_file.unlink(missing_ok=True)
    return identity


def _identity(folder: SiteFolder, saved: _Saved) -> OperatorIdentity:
    return OperatorIdentity(
        saved.site,
        saved.name,
        saved.hub_url,
        saved.mqtt_host,
        saved.mqtt_port,
        folder.operator / "ca.pem",
        folder.operator / "certificate.pem",
        folder.operator / "key.pem",
    )


def _own_key(folder: SiteFolder) -> bytes:
    """The private key, kept before joining: the hub gives the same key the same answer when the first one was lost."""
    path = folder.operator / "key.pem"
    try:
        return path.read_bytes()
    except FileNotFoundError:
        key_pem = create_private_key()
        write_durably(path, key_pem)
        return key_pem


def _user_name() -> str:
    """The login name, made fit for a certificate name."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):
        name = ""
    return re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-")[:40] or "operator"
