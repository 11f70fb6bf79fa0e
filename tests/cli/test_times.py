"""Times on the command line."""

import pytest
import typer

from burnline.cli.times import clock_ms, epoch_ms


@pytest.mark.parametrize(
    ("text", "at_ms"),
    [
        pytest.param("2025-10-09T08:53:20Z", 1_760_000_000_000, id="utc"),
        pytest.param("2025-10-09T08:53:20", 1_760_000_000_000, id="no offset is utc"),
        pytest.param("2025-10-09T10:53:20+02:00", 1_760_000_000_000, id="offset"),
        pytest.param("2025-10-09T08:53:20.007Z", 1_760_000_000_007, id="milliseconds"),
        pytest.param("2025-10-09 08:53", 1_759_999_980_000, id="blank between"),
        pytest.param("2025-10-09", 1_759_968_000_000, id="day"),
        pytest.param("20251009", 1_759_968_000_000, id="day without dashes"),
        pytest.param("1760000000000", 1_760_000_000_000, id="epoch milliseconds"),
    ],
)
def test_times(text: str, at_ms: int) -> None:
    assert epoch_ms(text) == at_ms


def test_now_is_the_clock() -> None:
    before = clock_ms()
    assert before <= epoch_ms("now") <= clock_ms()


@pytest.mark.parametrize("text", ["always", "0"])
def test_always_is_a_time_only_where_it_makes_sense(text: str) -> None:
    assert epoch_ms(text, always=True) == 0
    with pytest.raises(typer.BadParameter):
        epoch_ms(text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("soon", id="word"),
        pytest.param("1760000000", id="seconds"),
        pytest.param("2025-13-01", id="no such month"),
        pytest.param("2001-09-09T01:46:39Z", id="too early"),
        pytest.param("2286-11-20T17:46:40Z", id="too late"),
    ],
)
def test_no_times(text: str) -> None:
    with pytest.raises(typer.BadParameter, match=r"no time|outside"):
        epoch_ms(text, always=True)
