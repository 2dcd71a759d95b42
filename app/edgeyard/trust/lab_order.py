"""Orders to lab devices: which unapproved files a device may run, signed by the site's approvers.

Candidates are not released, so an order never touches a slot. A device carries one out only when all of this holds:
1. it was started as a lab device, by someone at the device;
2. as many approvers signed the order as the release root that the device trusts asks of a release;
3. the order is for this site, this device and its hardware profile;
4. it has not expired at the effective time, and its serial is above every one the device has seen.
The signed bytes begin with a line of their own, so that no order can pass for TUF metadata, nor metadata for an order.
"""

from __future__ import annotations

from securesystemslib.signer import Signature, Signer
from tuf.api.exceptions import RepositoryError

from edgeyard.trust.refusal import refused
from edgeyard.trust.tuf_metadata import read_root
from edgeyard.wire.error import WireError
from edgeyard.wire.lab import (
    LabOrder,
    SignedLabOrder,
    decode_order,
    decode_signed_order,
    encode_order,
    encode_signed_order,
)

_CONTEXT = b"edgeyard lab order 1\n"


def sign_lab_order(order: LabOrder, *signers: Signer) -> bytes:
    """Sign an order; the bytes are what the hub hands on."""
    data = encode_order(order)
    signatures = {made.keyid: made.signature for made in (signer.sign(_CONTEXT + data) for signer in signers)}
    return encode_signed_order(SignedLabOrder(data, signatures))


def verify_lab_order(
    root: bytes, data: bytes, *, site: str, device: str, hardware_profile: str, now: float, last_serial: int
) -> LabOrder:
    """The order, if this device may carry it out; `root` is the release root it trusts. Raises `RefusedError`."""
    try:
        signed = decode_signed_order(data)
        order = decode_order(signed.order)
    except WireError as error:
        raise refused("arbitrary software", f"The lab order cannot be read ({error}).") from error
    signatures = {keyid: Signature(keyid, value) for keyid, value in signed.signatures.items()}
    try:
        read_root(root).signed.verify_delegate("targets", _CONTEXT + signed.order, signatures)
    except (RepositoryError, ValueError) as error:
        raise refused("arbitrary software", "The lab order is not signed by enough of the site's approvers.") from error
    if (order.site, order.device) != (site, device):
        raise refused("mix-and-match", f"The lab order is for {order.device} of {order.site}, not for this device.")
    if order.hardware_profile != hardware_profile:
        raise refused("wrong hardware", f"The lab order is for {order.hardware_profile}; this is {hardware_profile}.")
    if now >= order.expires_at:
        raise refused("freeze", "The lab order has expired.")
    if order.serial <= last_serial:
        raise refused("rollback", f"The lab order has the serial {order.serial}; this device has had {last_serial}.")
    return order
