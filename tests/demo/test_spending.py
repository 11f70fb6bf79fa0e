"""What the API says was spent: rows added up, and why there are none."""

import json

import pytest

from burnline.demo.spending import OverHttp, Spending, Spent
from tests.demo.conftest import Serve

ALLOCATIONS = json.dumps(
    {
        "total": {"events": 9, "cost_usd": "9"},
        "allocations": [
            {"group": {"org_id": "acme"}, "events": 3, "cost_usd": "1.5"},
            {"group": {"org_id": "globex"}, "events": 1, "cost_usd": "0.000000000001"},
        ],
    }
)
SPENT = Spent(4, 1_500_000_000_001)


def test_the_rows_are_added_up(serve: Serve) -> None:
    url = serve(ALLOCATIONS)
    spending = Spending(url, ["acme", "globex"])
    assert spending.said == OverHttp(url)
    spending.ask()
    assert spending.said == OverHttp(url, SPENT)


def test_a_problem_is_kept_beside_what_was_said_before(serve: Serve) -> None:
    spending = Spending(serve("{}", status=503), [])
    spending.said = spending.said._replace(spent=SPENT)
    spending.ask()
    assert (spending.said.spent, spending.said.trouble) == (SPENT, "503 Service Unavailable")


def test_nobody_there_is_a_reason_too() -> None:
    spending = Spending("http://127.0.0.1:9", ["acme"])
    spending.ask()
    assert spending.said.spent is None
    assert "Connection refused" in spending.said.trouble


def test_no_proxy_stands_in_between(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    spending = Spending(serve(ALLOCATIONS), ["acme"])
    spending.ask()
    assert spending.said.spent == SPENT
