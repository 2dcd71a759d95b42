"""One-time join tokens as text."""

from __future__ import annotations

import pytest

from edgeyard.domain.error import UserError
from edgeyard.trust.join_token import JoinToken, hash_secret, new_secret

TOKEN = JoinToken("https://hub.local:8643", "a" * 64, "b" * 64, new_secret(), "device")


def test_a_token_survives_copying() -> None:
    text = TOKEN.encode()
    assert text.startswith("ejt1.")
    assert not set(text) - set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")
    assert JoinToken.decode(text) == TOKEN
    assert JoinToken.decode(f"  {text}\n") == TOKEN
    assert len(text) < 500


def test_secrets_are_fresh_and_kept_as_hashes() -> None:
    secrets = {new_secret() for _ in range(50)}
    assert len(secrets) == 50
    assert all(len(secret) >= 32 for secret in secrets)
    assert len(hash_secret(TOKEN.secret)) == 64
    assert TOKEN.secret not in hash_secret(TOKEN.secret)


@pytest.mark.parametrize("text", ["", "ejt1.", "ejt2." + TOKEN.encode()[5:], TOKEN.encode()[:-3], "ejt1." + "A" * 5000])
def test_what_is_no_token_says_what_to_do(text: str) -> None:
    with pytest.raises(UserError, match="ejt1"):
        JoinToken.decode(text)


@pytest.mark.parametrize(
    "change",
    [
        {"url": "http://hub.local"},
        {"url": "https://" + "h" * 400},
        {"ca_sha256": ""},
        {"ca_sha256": "A" * 64},
        {"root_sha256": "b"},
        {"secret": "short"},
        {"role": "hub"},
    ],
)
def test_a_token_of_other_words_is_damaged(change: dict[str, str]) -> None:
    fields = {name: getattr(TOKEN, name) for name in TOKEN.__struct_fields__}
    with pytest.raises(UserError, match="damaged"):
        JoinToken.decode(JoinToken(**{**fields, **change}).encode())
