from typing import Any

import pytest

from stoker.jobs.sizes import size


@pytest.mark.parametrize(
    ("written", "bytes"),
    [
        (0, 0),
        (65536, 65536),
        ("65536", 65536),
        ("256KiB", 262_144),
        (" 256 kib ", 262_144),
        ("1MB", 1_000_000),
        ("0.1MB", 100_000),
        ("1.5KiB", 1536),
        ("2GiB", 2**31),
        ("7B", 7),
    ],
)
def test_sizes_are_read_as_bytes(written: int | str, bytes: int) -> None:
    assert size(written) == bytes


@pytest.mark.parametrize(
    "wrong", [-1, True, 1.5, None, "", "KiB", "1XB", "1.0001KB1", "0.0001KB", "-1KB", "1e3", "9" * 40]
)
def test_what_is_no_size_is_refused_with_what_would_be_right(wrong: Any) -> None:
    with pytest.raises(ValueError, match="is not a size: write bytes, or text such as '256KiB'"):
        size(wrong)
