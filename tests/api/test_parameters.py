"""Times and names as requests say them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from burnline.api.parameters import instant_ms, instant_text, two_names
from burnline.events.usage import END_TIME_MS, MIN_TIME_MS


@pytest.mark.parametrize(
    ("text", "at_ms"),
    [
        pytest.param("always", 0, id="always"),
        pytest.param("2025-10-01T00:00:00Z", 1_759_276_800_000, id="utc"),
        pytest.param("2025-10-01T05:30:00+05:30", 1_759_276_800_000, id="offset"),
        pytest.param("2025-10-01T00:00:00.0019Z", 1_759_276_800_001, id="whole-milliseconds"),
        pytest.param("2001-09-09T01:46:40Z", MIN_TIME_MS, id="the-first"),
    ],
)
def test_times(text: str, at_ms: int) -> None:
    assert instant_ms(text) == at_ms


@pytest.mark.parametrize(
    "text",
    ["", "now", "0", "1759276800000", "2025-10-01", "2025-10-01T00:00:00", "2001-09-09T01:46:39.999Z",
     "2286-11-20T17:46:40Z"],
)  # fmt: skip
def test_no_times(text: str) -> None:
    with pytest.raises(ValueError, match="must"):
        instant_ms(text)


@given(st.one_of(st.just(0), st.integers(MIN_TIME_MS, END_TIME_MS - 1)))
def test_what_is_written_is_read(at_ms: int) -> None:
    assert instant_ms(instant_text(at_ms)) == at_ms


@pytest.mark.parametrize(
    ("path", "names"),
    [
        pytest.param("/api/things/a/b", ("a", "b"), id="plain"),
        pytest.param("/api/things/a%2Fb/c", ("a/b", "c"), id="slash-in-the-first"),
        pytest.param("/api/things/a/b%2Fc", ("a", "b/c"), id="slash-in-the-second"),
        pytest.param("/api/things/a/b/c", ("a", "b/c"), id="bare-slash"),
        pytest.param("/api/things/a/b?x=1", ("a", "b"), id="query"),
        pytest.param("/api/things/%C3%A9/%2A", ("é", "*"), id="encoded"),
        pytest.param("/api/things/things/things/x", ("things", "things/x"), id="called-like-the-path"),
    ],
)
def test_names_by_the_path_as_it_was_sent(path: str, names: tuple[str, str]) -> None:
    assert two_names(Request({"type": "http", "raw_path": path.encode()}), "things") == names
