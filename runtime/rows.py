"""Where a row falls in a split that depends on its text alone.

Left out: shuffling and counting; a split by hash needs neither, and a row never moves when others are added.
"""

import hashlib


def hash_share(text: str) -> float:
    """Map a text to a number that looks uniform on [0, 1) and never changes.

    ``share = first 8 bytes of sha256(text) / 2**64``, so two disjoint ranges of shares never hold the same text.
    The top 53 bits are kept: a float holds no more, and rounding up would reach 1.
    """
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53
