"""A state in parts, and back."""

import pytest

from burnline.detector.state import PART_BYTES, PROGRESS_KEY, Progress, decode_progress, encode, joined, parts_of


def newest(records: list[tuple[bytes, bytes | None]], before: dict[bytes, bytes] | None = None) -> dict[bytes, bytes]:
    """What a reader of the compacted topic has."""
    held = dict(before or {})
    for key, value in records:
        if value is None:
            held.pop(key, None)
        else:
            held[key] = value
    return held


@pytest.mark.parametrize(
    ("size", "parts"),
    [(0, 0), (1, 1), (PART_BYTES, 1), (PART_BYTES + 1, 2)],
    ids=["empty", "one-byte", "one-part", "a-byte-more"],
)
def test_a_state_comes_back(size: int, parts: int) -> None:
    state = bytes(range(256)) * (size // 256) + bytes(range(size % 256))
    assert joined(newest(parts_of(state, 0))) == (state, parts)


def test_a_shorter_state_leaves_nothing_of_a_longer_one() -> None:
    held = newest(parts_of(b"x" * (3 * PART_BYTES), 0))
    held = newest(parts_of(b"y", 3), held)
    assert joined(held) == (b"y", 1)
    assert len(held) == 2


def test_there_may_be_none() -> None:
    assert joined({PROGRESS_KEY: b"{}"}) is None


@pytest.mark.parametrize(
    ("change", "complaint"),
    [({b"state/1": b"z"}, "not those of one state"), ({b"state": b"{}"}, "no parts"), ({}, "part 1 of 2 is missing")],
    ids=["another-part", "head", "missing"],
)
def test_a_damaged_state_is_told(change: dict[bytes, bytes], complaint: str) -> None:
    held = newest(parts_of(b"x" * (PART_BYTES + 1), 0)) | change
    if not change:
        del held[b"state/1"]
    with pytest.raises(ValueError, match=complaint):
        joined(held)


def test_progress_comes_back() -> None:
    progress = Progress(7, "me", {0: 12, 3: 9}, 5)
    assert decode_progress(encode(progress)) == progress
    with pytest.raises(ValueError, match="no progress"):
        decode_progress(b'{"sequence": 1}')
