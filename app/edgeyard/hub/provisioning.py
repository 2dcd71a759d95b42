"""Taking newcomers in: join tokens, certificates, and the first token for the first desktop."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from cryptography import x509
from msgspec import Meta

from edgeyard.domain.device import Device
from edgeyard.domain.error import UserError
from edgeyard.domain.hardware import deployable_profiles, is_deployable
from edgeyard.domain.identifier import OPERATOR_PREFIX, check_identifier
from edgeyard.hub.http_error import HttpError
from edgeyard.hub.hub_state import HubState
from edgeyard.hub.network_port import reachable_host
from edgeyard.store.certificate import add_certificate, certified_names, current_certificate
from edgeyard.store.database import Connection
from edgeyard.store.device import add_device
from edgeyard.store.journal import note
from edgeyard.store.token import add_token, find_token, use_token
from edgeyard.trust.device_key import certificate_end, certificate_fingerprint
from edgeyard.trust.durable_file import write_durably
from edgeyard.trust.join_token import JoinToken, hash_secret, new_secret
from edgeyard.trust.site_ca import issue_certificate
from edgeyard.wire.message import JoinAnswer, JoinRequest

_CERTIFICATE_DAYS = {"device": 3 * 365, "operator": 365}
_MAX_COMMON_NAME = 64
"""What a certificate allows (RFC 5280, ub-common-name)."""
_FIRST_TOKEN_TTL_S = 30 * 86_400.0
_MAX_TOKEN_TTL_S = 90 * 86_400.0
MAX_TOKENS_AT_ONCE = 1000
_log = logging.getLogger(__name__)


class TokenRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /v1/tokens: `count` tokens of a role; an empty hardware profile allows any."""

    role: Literal["device", "operator"]
    hardware_profile: Annotated[str, Meta(max_length=64)] = ""
    ttl_s: Annotated[float, Meta(gt=0, le=_MAX_TOKEN_TTL_S)] = 86_400.0
    note: Annotated[str, Meta(max_length=200)] = ""
    count: Annotated[int, Meta(ge=1, le=MAX_TOKENS_AT_ONCE)] = 1


def make_tokens(state: HubState, request: TokenRequest, created_by: str) -> list[str]:
    """New join tokens as text. Device tokens pin the release root, so they need one (409 before that)."""
    root_sha256 = state.releases.first_root_sha256()
    if request.role == "device" and not root_sha256:
        raise HttpError(
            409,
            "This site has no release root yet, so devices cannot join.",
            "Make it first: sign a version (edgeyard model sign), or open “Add devices…” in the window.",
        )
    if request.hardware_profile and not is_deployable(request.hardware_profile):
        raise HttpError(
            400,
            f"The hardware profile {request.hardware_profile!r} is not known.",
            f"Use one of: {', '.join(deployable_profiles())}.",
        )
    now = state.clock()
    secrets = [new_secret() for _ in range(request.count)]
    with state.lease.write() as connection:
        for secret in secrets:
            add_token(
                connection,
                hash_secret(secret),
                request.role,
                now + request.ttl_s,
                created_by,
                now,
                hardware_profile=request.hardware_profile,
                note=request.note,
            )
        note(connection, created_by, "tokens.create", request.role, f"{request.count} join tokens", now)
    return [_token(state, secret, request.role, root_sha256).encode() for secret in secrets]


def ensure_first_token(state: HubState) -> None:
    """Leave an operator token for the desktop on this machine while no operator has a certificate that holds."""
    now = state.clock()
    path = state.folder.first_token_file
    secret = new_secret()
    token = _token(state, secret, "operator", "")
    with state.database.read() as connection:
        if _has_operator(connection, now) or _is_usable(connection, path, token.url, now):
            return
    # The file first: if the hub ends in between, the next start finds a token the database does not know.
    write_durably(path, token.encode().encode())
    with state.lease.write() as connection:
        add_token(
            connection, hash_secret(secret), "operator", now + _FIRST_TOKEN_TTL_S, "hub", now, note="first operator"
        )


def _has_operator(connection: Connection, now: float) -> bool:
    """Whether somebody can make tokens: without that, a site whose certificates ended could never be entered again."""
    certificates = (current_certificate(connection, name) for name in certified_names(connection, "operator"))
    return any(pem is not None and certificate_end(pem).timestamp() > now for pem in certificates)


def _is_usable(connection: Connection, path: Path, url: str, now: float) -> bool:
    """Whether the token in the file still lets somebody in."""
    try:
        token = JoinToken.decode(path.read_text())
    except (FileNotFoundError, UnicodeDecodeError, UserError):
        return False
    stored = find_token(connection, hash_secret(token.secret))
    return stored is not None and stored.used_at is None and stored.expires_at > now and token.url == url


def join(state: HubState, request: JoinRequest) -> JoinAnswer:
    """Take a newcomer in: use its token up, issue its certificate, remember it, all in one transaction.

    A newcomer that did not get the answer may ask again with the same token, name and key, and gets the same answer.
    """
    check_identifier(request.name, f"{request.role} name")
    if request.role == "device" and not is_deployable(request.hardware_profile):
        raise HttpError(
            400,
            f"The hardware profile {request.hardware_profile!r} is not known.",
            f"Use one of: {', '.join(deployable_profiles())}.",
        )
    now = state.clock()
    role: Literal["device", "operator"] = "operator" if request.role == "operator" else "device"
    common_name = OPERATOR_PREFIX + request.name if role == "operator" else request.name
    if len(common_name) > _MAX_COMMON_NAME:
        raise HttpError(400, f"The name {request.name} is too long.", f"Use at most {_MAX_COMMON_NAME - 9} characters.")
    certificate = issue_certificate(
        state.identity.ca,
        request.csr_pem,
        common_name,
        role,
        (),
        datetime.fromtimestamp(now, UTC),
        _CERTIFICATE_DAYS[role],
    )
    with state.lease.write() as connection:
        repeated = _repeated(connection, request, common_name, certificate)
        if repeated is None:
            _take_in(connection, request, common_name, certificate, now)
    if repeated is None:
        _log.info("%s joined as %s", common_name, request.role)
        state.access_changed()
    return JoinAnswer(
        site=state.site,
        name=request.name,
        certificate_pem=repeated or certificate,
        ca_pem=state.identity.ca.certificate_pem,
        mqtt_host=reachable_host(state.broker.host),
        mqtt_port=state.broker.port,
        release_root=state.releases.first_root().decode(),
        director_root=state.director_root.decode(),
    )


def _take_in(connection: Connection, request: JoinRequest, common_name: str, certificate: str, now: float) -> None:
    token = use_token(connection, hash_secret(request.secret), request.role, common_name, now)
    if token.hardware_profile and token.hardware_profile != request.hardware_profile:
        raise HttpError(
            403,
            f"This join token is for {token.hardware_profile} devices, not for {request.hardware_profile}.",
            "Ask an operator for a token of the right hardware profile.",
        )
    if request.role == "device":
        device = Device(
            id=request.name,
            hardware_profile=request.hardware_profile,
            labels=request.labels,
            joined_at=now,
            agent_version=request.agent_version,
        )
        add_device(connection, device, certificate, now)
    else:
        add_certificate(connection, common_name, "operator", certificate, now)
    note(connection, token.created_by, f"{request.role}.join", request.name, token.note, now)


def _repeated(connection: Connection, request: JoinRequest, common_name: str, certificate: str) -> str | None:
    """The certificate already issued for this very request, if its first answer was lost."""
    token = find_token(connection, hash_secret(request.secret))
    if token is None or token.used_by != common_name or token.role != request.role:
        return None
    issued = current_certificate(connection, common_name)
    return issued if issued and _public_key(issued) == _public_key(certificate) else None


def _public_key(pem: str) -> object:
    return x509.load_pem_x509_certificate(pem.encode()).public_key()


def _token(state: HubState, secret: str, role: Literal["device", "operator"], root_sha256: str) -> JoinToken:
    url = f"https://{reachable_host(state.settings.https_host)}:{state.settings.https_port}"
    return JoinToken(
        url=url,
        ca_sha256=certificate_fingerprint(state.identity.ca.certificate_pem),
        root_sha256=root_sha256,
        secret=secret,
        role=role,
    )
