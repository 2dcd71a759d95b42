"""Joining a site with a one-time token: the same few requests for a device's agent and for an operator's desktop."""

from __future__ import annotations

import hashlib
import re
import ssl
import time
import warnings
from typing import Any
from urllib.parse import urlsplit

import msgspec
import urllib3

from edgeyard.domain.error import UserError
from edgeyard.trust.device_key import certificate_fingerprint
from edgeyard.trust.join_token import JoinToken
from edgeyard.trust.refusal import TooLongError
from edgeyard.trust.time_floor import BUILD_TIME
from edgeyard.trust.tls import client_context
from edgeyard.wire.message import JoinAnswer, JoinRequest

TIMEOUT = urllib3.Timeout(connect=5.0, read=30.0)
_MAX_ANSWER_BYTES = 256 * 1024


class HubAwayError(UserError):
    """The hub cannot be reached at this moment; it may be restarting."""


class _HubWords(msgspec.Struct):
    what: str
    todo: str = ""


def open_pool(url: str, context: ssl.SSLContext, *, check_name: bool = True) -> urllib3.HTTPSConnectionPool:
    """A small connection pool to a hub; `context` decides whom to trust and which certificate to show."""
    # A device whose clock lies in 1970 is expected (`request_join`); the warning would tell its user nothing.
    urllib3.disable_warnings(urllib3.exceptions.SystemTimeWarning)
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        raise UserError(f"{url[:200]!r} is not the address of a hub.", "Use an address such as https://hub.local:8643.")
    return urllib3.HTTPSConnectionPool(
        parts.hostname,
        parts.port or 443,
        ssl_context=context,
        assert_hostname=None if check_name else False,
        timeout=TIMEOUT,
        retries=False,
        maxsize=2,
    )


def hub_error(response: urllib3.BaseHTTPResponse) -> UserError:
    """The hub's own words in a refusal, bounded; or a plain sentence when the answer is not the hub's."""
    try:
        words = msgspec.json.decode(read_bounded(response, 64 * 1024), type=_HubWords)
    except (msgspec.DecodeError, UserError):
        return UserError(f"The hub answered with HTTP status {response.status}.", "See the hub's log.")
    return UserError(words.what, words.todo)


def read_bounded(response: urllib3.BaseHTTPResponse, limit_bytes: int) -> bytes:
    """The body of a response; raises `TooLongError` when it is longer than `limit_bytes`."""
    data = response.read(limit_bytes + 1, decode_content=True)
    if len(data) > limit_bytes:
        raise TooLongError(
            f"The hub's answer is over {limit_bytes} bytes.", "Check that the address is that of an Edgeyard hub."
        )
    return data


def fetch(pool: urllib3.HTTPSConnectionPool, method: str, path: str, limit_bytes: int, **options: Any) -> bytes:
    """One request with a bounded answer. Raises `UserError` (the hub's refusal) or `HubAwayError`."""
    data = _request(pool, method, path, limit_bytes, missing_ok=False, **options)
    return data or b""


def fetch_optional(pool: urllib3.HTTPSConnectionPool, method: str, path: str, limit_bytes: int) -> bytes | None:
    """As `fetch`, but `None` where the hub has no such thing (status 404)."""
    return _request(pool, method, path, limit_bytes, missing_ok=True)


def _request(
    pool: urllib3.HTTPSConnectionPool, method: str, path: str, limit_bytes: int, *, missing_ok: bool, **options: Any
) -> bytes | None:
    try:
        response = pool.request(method, path, preload_content=False, **options)
        try:
            if missing_ok and response.status == 404:
                return None
            if response.status >= 300:
                raise hub_error(response)
            return read_bounded(response, limit_bytes)
        finally:
            response.drain_conn()
            response.release_conn()
    except urllib3.exceptions.HTTPError as error:
        raise HubAwayError(
            f"The hub at {pool.host}:{pool.port} cannot be reached ({_cause(error)}).",
            "Check that the hub is running, and that this machine reaches it over the network.",
        ) from error


def request_join(token: JoinToken, request: JoinRequest) -> JoinAnswer:
    """Join with a token: learn the site's CA, hold it against the token's fingerprint, then ask for a certificate.

    A machine whose clock lies before this program was built cannot tell which certificates are valid; the token pins
    the authority, so it may join all the same. Raises `UserError` when the hub is not the one the token was made by,
    refuses, or cannot be reached.
    """
    ca_pem = _fetch_ca(token)
    pool = open_pool(token.url, client_context(ca_pem, ignore_time=time.time() < BUILD_TIME))
    body = msgspec.json.encode(request)
    data = fetch(pool, "POST", "/v1/join", _MAX_ANSWER_BYTES, body=body, headers={"Content-Type": "application/json"})
    try:
        answer = msgspec.json.decode(data, type=JoinAnswer)
    except msgspec.DecodeError as error:
        raise UserError(
            "The hub's answer to the join cannot be read.", "Check that both run the same version."
        ) from error
    if certificate_fingerprint(answer.ca_pem) != token.ca_sha256:
        raise UserError("The hub answered with another site's certificate authority.", "Ask for a new join token.")
    # What is believed of releases from now on hangs on this root, so it must be the one the token was made with.
    if token.root_sha256 and hashlib.sha256(answer.release_root.encode()).hexdigest() != token.root_sha256:
        raise UserError(
            "The hub answered with a release root that is not the one this token was made with.",
            "Check the hub, and who has access to it; then ask for a new join token.",
        )
    return answer


def _fetch_ca(token: JoinToken) -> str:
    # Nothing is trusted yet and nothing secret is sent: the fingerprint in the token decides about what comes back.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", urllib3.exceptions.InsecureRequestWarning)
        data = fetch(open_pool(token.url, context, check_name=False), "GET", "/v1/ca", 16 * 1024)
    pem = data.decode("ascii", "replace")
    try:
        known = certificate_fingerprint(pem) == token.ca_sha256
    except ValueError:
        known = False
    if not known:
        raise UserError(
            f"The hub at {token.url} is not the one this token was made for: its certificate authority differs.",
            "Check the address and the network for someone in between, and ask for a new join token.",
        )
    return pem


def plain_reason(problem: object) -> str:
    """Why a connection failed, in one line without the names of Python objects that urllib3 puts in front."""
    line = (str(problem).splitlines() or [""])[0]
    return re.sub(r"^\w+\(host=.*?\): |\[Errno -?\d+\] ", "", line)[:200]


def _cause(error: urllib3.exceptions.HTTPError) -> str:
    return plain_reason(getattr(error, "reason", None) or error)
