"""Every size that is refused before it is decoded, in bytes unless the name says otherwise."""

MAX_RECORDS_MESSAGE_BYTES = 64 * 1024
"""One durable batch as it stands on the wire (compressed)."""
MAX_RECORDS_DECODED_BYTES = 1024 * 1024
"""The same batch after decompression: bounds a zlib bomb."""
MAX_LIVE_MESSAGE_BYTES = 16 * 1024
MAX_DESIRED_MESSAGE_BYTES = 1024
MAX_ACK_MESSAGE_BYTES = 1024
MAX_JOIN_REQUEST_BYTES = 16 * 1024
MAX_METADATA_BYTES = 4 * 1024 * 1024
MAX_ARTIFACT_BYTES = 2 * 1024 * 1024 * 1024
MAX_RECORDS_PER_BATCH = 500
MAX_TEXT_CHARACTERS = 500
"""Reasons and other free text from a device; longer text is cut by the sender and refused by the receiver."""
MAX_LAB_ORDER_BYTES = 64 * 1024
"""The signed bytes of one order to a lab device."""
MAX_LAB_CANDIDATES = 32
