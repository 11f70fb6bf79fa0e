"""The record of a budget, and which budgets count for whom."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from burnline.budgets.budget import Budget, BudgetError, Budgets, Scope, Subject, budget_key
from tests.budgets.examples import budget

NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=12)


def test_what_is_not_said_is_the_default() -> None:
    least = Budget.model_validate({"scope": "org", "org_id": "acme", "amount_usd": "5000"})
    assert (least.period, least.time_zone, least.thresholds_percent) == ("month", "UTC", (50, 80, 95, 100))
    assert least.key() == "org/acme@month"
    assert least.amount_pico_usd == 5_000 * 10**12


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        pytest.param({"amount_usd": "0"}, "amount_usd", id="nothing may be spent"),
        pytest.param({"amount_usd": "1000000000000.1"}, "amount_usd", id="more than there is"),
        pytest.param({"amount_usd": "1e3"}, "amount_usd", id="an exponent"),
        pytest.param({"period": "year"}, "period", id="no such period"),
        pytest.param({"period": "rolling-0h"}, "period", id="rolling over nothing"),
        pytest.param({"period": "rolling-745h"}, "period", id="rolling over more than a month"),
        pytest.param({"time_zone": "Mars/Olympus"}, "time_zone", id="no such zone"),
        pytest.param({"thresholds_percent": []}, "thresholds_percent", id="no thresholds"),
        pytest.param({"thresholds_percent": [0]}, "thresholds_percent", id="a threshold of nothing"),
        pytest.param({"thresholds_percent": [True]}, "thresholds_percent", id="a threshold that is no number"),
        pytest.param({"scope": "galaxy"}, "scope", id="no such scope"),
        pytest.param({"scope": "org"}, "name", id="an organisation's with a name"),
        pytest.param({"name": ""}, "name", id="an agent's without one"),
        pytest.param({"amount": "5"}, "amount", id="an unknown field"),
        pytest.param(
            {"action": "stop", "thresholds_percent": [80]}, "thresholds_percent", id="asked, and never at 100"
        ),
        pytest.param({"action": "stop", "scope": "team"}, "action", id="asked of whom no runtime knows"),
    ],
)
def test_a_mistake_is_refused_by_its_field(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        budget(**fields)
    assert field in str(refused.value)


@pytest.mark.parametrize("period", ["hour", "day", "week", "month", "rolling-1h", "rolling-744h"])
def test_periods_that_there_are(period: str) -> None:
    assert budget(period=period).key() == f"agent/acme/bot@{period}"


@settings(deadline=None)
@given(st.sampled_from([Scope.TEAM, Scope.AGENT]), NAMES, NAMES, NAMES, NAMES)
def test_no_key_stands_for_two(scope: Scope, org: str, name: str, other_org: str, other_name: str) -> None:
    mine, other = Subject(scope, org, name), Subject(scope, other_org, other_name)
    assert (budget_key(mine, "day") == budget_key(other, "day")) is (mine == other)


@settings(deadline=None)
@given(NAMES, NAMES)
def test_a_record_is_read_as_it_was_written(org: str, name: str) -> None:
    written = budget(org_id=org, name=name, thresholds_percent=[100, 50, 50])
    assert Budget.parse(written.key().encode(), written.model_dump_json(exclude_none=True)) == written
    assert written.thresholds_percent == (50, 100)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        pytest.param(b"agent/acme/bot@day", b"[]", "no JSON object", id="no object"),
        pytest.param(b"agent/acme/bot@day", b"{", "not JSON", id="no JSON"),
        pytest.param(b"agent/acme/bot@week", None, 'make the key "agent/acme/bot@day"', id="of another key"),
        pytest.param(b"x", b'{"scope":"agent"}', "org_id: Field required; amount_usd: Field required", id="too little"),
    ],
)
def test_a_record_that_is_none_says_why(key: bytes, value: bytes | None, said: str) -> None:
    with pytest.raises(BudgetError) as refused:
        Budget.parse(key, value if value is not None else budget().model_dump_json(exclude_none=True))
    assert said in str(refused.value)


def test_a_number_counts_as_its_digits() -> None:
    fields = json.loads(budget().model_dump_json(exclude_none=True))
    value = json.dumps(fields).replace('"100"', "0.10")
    assert Budget.parse(b"agent/acme/bot@day", value).amount_usd == "0.1"


BOT = Subject(Scope.AGENT, "acme", "bot")


@pytest.mark.parametrize(
    ("names", "counts"),
    [
        pytest.param([("acme", "bot"), ("*", "bot"), ("acme", "*"), ("*", "*")], ("acme", "bot"), id="both named"),
        pytest.param([("*", "bot"), ("acme", "*"), ("*", "*")], ("*", "bot"), id="the agent of any organisation"),
        pytest.param([("acme", "*"), ("*", "*")], ("acme", "*"), id="each of the organisation"),
        pytest.param([("*", "*")], ("*", "*"), id="each of any"),
        pytest.param([("acme", "other"), ("other", "bot")], None, id="somebody else's"),
    ],
)
def test_the_most_specific_one_counts(names: list[tuple[str, str]], counts: tuple[str, str] | None) -> None:
    found = Budgets(budget(org_id=org, name=name) for org, name in names).of(BOT)
    assert [(one.org_id, one.name) for one in found] == ([] if counts is None else [counts])


def test_each_period_has_one() -> None:
    held = Budgets(
        [budget(), budget(period="month"), budget(name="*", period="month"), budget(name="*", period="hour")]
    )
    assert [one.key() for one in held.of(BOT)] == [
        "agent/acme/bot@day",
        "agent/acme/*@hour",
        "agent/acme/bot@month",
    ]


def test_an_organisation_has_no_name() -> None:
    held = Budgets([budget(scope="org", name=""), budget(scope="org", org_id="*", name="", period="month")])
    assert [one.key() for one in held.of(Subject(Scope.ORG, "acme", ""))] == ["org/acme@day", "org/*@month"]
    assert [one.key() for one in held.of(Subject(Scope.ORG, "beta", ""))] == ["org/*@month"]
