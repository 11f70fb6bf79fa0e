"""When a sink is told nothing: both ends, over midnight, over the change of clocks."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from burnline.notify.muting import MuteTime, muted_since_ms

BERLIN = "Europe/Berlin"
NIGHTS = {"from": "22:00", "to": "06:00", "time_zone": BERLIN}
WEEKEND = {"days": ["sat", "sun"], "from": "00:00", "to": "24:00", "time_zone": BERLIN}
FRIDAY_NIGHT = {**NIGHTS, "days": ["fri"]}


def ms(text: str) -> int:
    """A moment in Berlin."""
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(BERLIN)).timestamp() * 1000)


@pytest.mark.parametrize(
    ("mute", "now", "since"),
    [
        pytest.param(NIGHTS, "2026-11-27T21:59:59.999", None, id="just before it begins"),
        pytest.param(NIGHTS, "2026-11-27T22:00", "2026-11-27T22:00", id="as it begins"),
        pytest.param(NIGHTS, "2026-11-28T05:59:59.999", "2026-11-27T22:00", id="over midnight"),
        pytest.param(NIGHTS, "2026-11-28T06:00", None, id="as it ends"),
        pytest.param(WEEKEND, "2026-11-28T00:00", "2026-11-28T00:00", id="saturday begins"),
        pytest.param(WEEKEND, "2026-11-29T23:59:59.999", "2026-11-29T00:00", id="sunday ends"),
        pytest.param(WEEKEND, "2026-11-30T00:00", None, id="monday"),
        pytest.param(FRIDAY_NIGHT, "2026-11-28T03:00", "2026-11-27T22:00", id="the day is that of its beginning"),
        pytest.param(FRIDAY_NIGHT, "2026-11-28T23:00", None, id="not the night after"),
        pytest.param(NIGHTS, "2026-03-29T05:30", "2026-03-28T22:00", id="clocks go forward"),
        pytest.param(NIGHTS, "2026-10-25T05:30", "2026-10-24T22:00", id="clocks go back"),
    ],
)
def test_when_a_sink_is_told_nothing(mute: dict[str, Any], now: str, since: str | None) -> None:
    found = muted_since_ms([MuteTime.model_validate(mute)], ms(now))
    assert found == (None if since is None else ms(since))


def test_of_several_that_hold_the_earliest_beginning_counts() -> None:
    mutes = [MuteTime.model_validate(one) for one in (WEEKEND, NIGHTS)]
    assert muted_since_ms(mutes, ms("2026-11-28T03:00")) == ms("2026-11-27T22:00")
    assert muted_since_ms([], ms("2026-11-28T03:00")) is None


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        pytest.param({"time_zone": "Mars/Olympus"}, "Mars/Olympus", id="no such zone"),
        pytest.param({"from": "25:00"}, "from", id="no time"),
        pytest.param({"days": ["today"]}, "days", id="no day"),
        pytest.param({"days": []}, "days", id="on no day"),
        pytest.param({"until": "06:00"}, "until", id="a field that is not there"),
    ],
)
def test_a_mistake_is_named(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        MuteTime.model_validate({**NIGHTS, **changes})
