"""Sizes as users write them: bytes, or text such as "256KiB" or "1MB"."""

import re

_BYTES = {
    "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30
}  # fmt: skip
_SIZE = re.compile(r"(\d{1,15})(?:\.(\d{1,6}))? ?([A-Z]*)")


def size(value: int | str) -> int:
    """The size in bytes, never negative. Raises ValueError, with what would be right, for all else."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if isinstance(value, str) and (found := _SIZE.fullmatch(value.strip().upper())):
        whole, fraction, unit = found[1], found[2] or "", found[3] or "B"
        # In whole numbers, so that 0.1MB is 100,000 bytes and not nearly so.
        scale: int = 10 ** len(fraction)
        bytes, rest = divmod(int(whole + fraction) * _BYTES.get(unit, 0), scale)
        if unit in _BYTES and not rest:
            return bytes
    raise ValueError(f"{value!r} is not a size: write bytes, or text such as '256KiB' or '1MB'")
