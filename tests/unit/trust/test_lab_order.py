"""Which orders a lab device carries out: signed by the approvers, for it, now, and once."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.signer import CryptoSigner

from edgeyard.trust.lab_order import sign_lab_order, verify_lab_order
from edgeyard.trust.refusal import RefusedError
from edgeyard.wire.error import WireError
from edgeyard.wire.lab import (
    LabFile,
    LabOrder,
    SignedLabOrder,
    decode_order,
    decode_signed_order,
    encode_order,
    encode_signed_order,
)
from tests.unit.trust.repository_simulator import PROFILE, RepositorySimulator

NOW = 1_800_000_000.0
ORDER = LabOrder(
    site="plant",
    device="press-1",
    serial=7,
    expires_at=NOW + 60,
    hardware_profile=PROFILE,
    title="yard-vision 2",
    original=LabFile("fp32", "a" * 64, 1000),
    candidates=[LabFile("int8-s8s8", "b" * 64, 300)],
    samples=LabFile("golden", "c" * 64, 5000),
    input_name="x",
    input_shape=[None, 3],
    output_name="y",
    preprocessing={},
)


def _verify(keys: RepositorySimulator, data: bytes, **other: object) -> LabOrder:
    facts: dict[str, object] = {
        "site": "plant", "device": "press-1", "hardware_profile": PROFILE, "now": NOW, "last_serial": 6, **other,
    }  # fmt: skip
    return verify_lab_order(keys.root, data, **facts)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def site() -> RepositorySimulator:
    return RepositorySimulator()


def test_an_order_of_the_approvers_is_carried_out(site: RepositorySimulator) -> None:
    assert _verify(site, sign_lab_order(ORDER, site.approvers[0])) == ORDER


def test_nobody_else_can_order(site: RepositorySimulator) -> None:
    for signer in (site.director_signer, site.snapshot_signer, site.root_signer, CryptoSigner.generate_ed25519()):
        with pytest.raises(RefusedError, match="not signed by enough"):
            _verify(site, sign_lab_order(ORDER, signer))


def test_an_order_needs_as_many_approvers_as_a_release() -> None:
    site = RepositorySimulator(approvers=3, threshold=2)
    with pytest.raises(RefusedError, match="not signed by enough"):
        _verify(site, sign_lab_order(ORDER, site.approvers[0]))
    assert _verify(site, sign_lab_order(ORDER, *site.approvers[1:])) == ORDER


@pytest.mark.parametrize(
    ("other", "attack"),
    [
        ({"device": "press-2"}, "mix-and-match"),
        ({"site": "other"}, "mix-and-match"),
        ({"hardware_profile": "pi4"}, "wrong hardware"),
        ({"now": NOW + 60}, "freeze"),
        ({"last_serial": 7}, "rollback"),
    ],
)
def test_an_order_for_another_device_or_time_is_refused(
    site: RepositorySimulator, other: dict[str, object], attack: str
) -> None:
    with pytest.raises(RefusedError) as caught:
        _verify(site, sign_lab_order(ORDER, site.approvers[0]), **other)
    assert caught.value.attack == attack


def test_a_changed_order_is_refused(site: RepositorySimulator) -> None:
    signed = decode_signed_order(sign_lab_order(ORDER, site.approvers[0]))
    changed = encode_order(msgspec.structs.replace(ORDER, serial=8))
    with pytest.raises(RefusedError, match="not signed by enough"):
        _verify(site, encode_signed_order(SignedLabOrder(changed, signed.signatures)))


def test_a_signature_under_the_bare_bytes_is_none(site: RepositorySimulator) -> None:
    """What an approver signs as TUF metadata can never be shown as an order, nor the other way round."""
    data = encode_order(ORDER)
    bare = site.approvers[0].sign(data)
    with pytest.raises(RefusedError, match="not signed by enough"):
        _verify(site, encode_signed_order(SignedLabOrder(data, {bare.keyid: bare.signature})))


def test_an_order_has_one_form_of_bytes() -> None:
    data = encode_order(ORDER)
    assert decode_order(data) == ORDER
    with pytest.raises(WireError, match="canonical"):
        decode_order(data.replace(b'":"', b'": "', 1))


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_in_words(site: RepositorySimulator, data: bytes) -> None:
    with pytest.raises(RefusedError, match="cannot be read"):
        _verify(site, data)


def test_a_signature_that_is_no_hex_is_refused(site: RepositorySimulator) -> None:
    keyid = site.approvers[0].public_key.keyid
    with pytest.raises(RefusedError):
        _verify(site, encode_signed_order(SignedLabOrder(encode_order(ORDER), {keyid: "not hex"})))
