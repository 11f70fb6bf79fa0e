"""Which policy holds for an agent, and when it lets an incident be told."""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from burnline.detection.learned.policy import ANY, Policies, Policy, Quiet

BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = Quiet(time(22), time(6), ZoneInfo("UTC"))


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("whom", "holds"),
    [
        (("acme", "nightly"), "both"),
        (("acme", "other"), "org"),
        (("initech", "nightly"), "agent"),
        (("initech", "other"), "any"),
    ],
    ids=lambda value: "/".join(value) if isinstance(value, tuple) else value,
)
def test_the_most_specific_one_holds_alone(whom: tuple[str, str], holds: str) -> None:
    policies = Policies(
        [Policy("any"), Policy("org", "acme"), Policy("both", "acme", "nightly"), Policy("agent", ANY, "nightly")]
    )
    assert policies.of(*whom).name == holds
    assert [policy.name for policy in policies.all()] == ["both", "agent", "org", "any"]


def test_without_any_nothing_is_asked() -> None:
    assert Policies().of("acme", "agent-7") == Policy()
    assert Policy().lets_tell(at("2026-03-02T03:00:00"), 0)


def test_two_about_the_same_are_refused_by_their_names() -> None:
    with pytest.raises(ValueError, match=r"'first' and 'second' are both about any agent of org acme"):
        Policies([Policy("first", "acme"), Policy("second", "acme")])


@pytest.mark.parametrize(
    ("moment", "quiet"),
    [
        ("2026-03-02T21:59:59.999", False),
        ("2026-03-02T22:00:00", True),
        ("2026-03-03T00:00:00", True),
        ("2026-03-03T05:59:59.999", True),
        ("2026-03-03T06:00:00", False),
    ],
)
def test_quiet_hours_may_go_over_midnight(moment: str, *, quiet: bool) -> None:
    assert NIGHT.holds(at(moment)) is quiet
    assert Policy(quiet=(NIGHT,)).lets_tell(at(moment), 1) is not quiet


@pytest.mark.parametrize(
    ("moment", "quiet"),
    [("2026-01-05T10:59:59", False), ("2026-01-05T11:00:00", True), ("2026-07-06T10:00:00", True)],
    ids=["winter-before", "winter", "summer-an-hour-earlier"],
)
def test_quiet_hours_are_those_of_their_time_zone(moment: str, *, quiet: bool) -> None:
    assert Quiet(time(12), time(13), BERLIN).holds(at(moment)) is quiet


@pytest.mark.parametrize(("spent", "told"), [(99, False), (100, True)])
def test_an_incident_is_told_from_its_minimum_on(spent: int, *, told: bool) -> None:
    assert Policy(minimum_pico_usd=100).lets_tell(0, spent) is told
