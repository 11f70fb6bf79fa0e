"""The progress record."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.events.usage import END_TIME_MS
from burnline.ledger.progress import Progress, SourceProgress

OFFSETS = st.integers(0, 2**63 - 1)
GOOD = Progress(1, "finops.usage", 3, 17, 1_760_000_000_000, 1_760_000_000_500)


@given(
    st.builds(Progress, st.just(1), st.text(), st.integers(0, 1023), OFFSETS, st.integers(0, END_TIME_MS - 1), OFFSETS)
)
def test_what_is_written_is_read_back(progress: Progress) -> None:
    assert Progress.decode(progress.encode()) == progress
    SourceProgress.model_validate_json(progress.encode())


def test_the_key_is_the_partition() -> None:
    assert GOOD.key == b"3"


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"", id="empty"),
        pytest.param(GOOD.encode()[:-1], id="cut-short"),
        pytest.param(b'{"version":1}', id="fields-missing"),
        pytest.param(msgspec.json.encode({**json.loads(GOOD.encode()), "version": 2}), id="newer-version"),
        pytest.param(msgspec.json.encode({**json.loads(GOOD.encode()), "next_offset": "17"}), id="offset-as-text"),
        pytest.param(b"\xff", id="not-UTF-8"),
    ],
)
def test_damage_is_a_value_error(value: bytes) -> None:
    with pytest.raises(ValueError, match=r"progress record"):
        Progress.decode(value)
