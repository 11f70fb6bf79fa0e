"""How budgets stand: whose, and in which order."""

from fractions import Fraction

import pytest

from burnline.budgets.budget import Budgets, Scope, Subject
from burnline.budgets.periods import Span
from burnline.budgets.standing import first_needed_ms, ratio_text, standings
from burnline.finance.days import QUARTER_MS
from tests.budgets.examples import USD, budget

NOON_MS = 1_795_824_000_000 + 12 * 3_600_000
"""2026-11-28 in UTC."""


def test_those_named_stand_and_those_of_everybody_who_has_spent() -> None:
    held = Budgets([budget(), budget(name="*", amount_usd="10"), budget(scope="org", name="", amount_usd="1000")])
    spent = {"bot": 50 * USD, "other": 8 * USD, "": 58 * USD}
    spenders = [Subject(Scope.AGENT, "acme", "other"), Subject(Scope.TEAM, "acme", "platform")]
    found = standings(held, spenders, lambda subject, _: spent[subject.name], NOON_MS)
    assert [(one.subject.text(), one.budget.key(), one.saturation, one.reached_percent) for one in found] == [
        ("agent acme/other", "agent/acme/*@day", Fraction(8, 10), 80),
        ("agent acme/bot", "agent/acme/bot@day", Fraction(1, 2), 50),
        ("org acme", "org/acme@day", Fraction(58, 1000), 0),
    ]


def test_usage_is_needed_from_the_begin_of_the_longest_period() -> None:
    held = Budgets([budget(), budget(period="month")])
    assert first_needed_ms(held, NOON_MS) == 1_793_491_200_000  # the first of November
    assert first_needed_ms(Budgets(), NOON_MS) == NOON_MS - 3 * QUARTER_MS


def test_the_burn_is_of_the_last_hour() -> None:
    spans: list[Span] = []

    def spent(_: Subject, span: Span) -> int:
        spans.append(span)
        return 3 * USD

    (found,) = standings(Budgets([budget()]), [], spent, NOON_MS + 1)
    assert spans[1] == Span(NOON_MS - 3 * QUARTER_MS, NOON_MS + QUARTER_MS)
    assert found.outlook.burn_pico_per_hour == pytest.approx(4 * USD, rel=1e-6)


@pytest.mark.parametrize(
    ("ratio", "text"), [((1, 3), "0.3333"), ((2, 3), "0.6667"), ((3, 1), "3.0000"), ((0, 1), "0.0000")]
)
def test_a_ratio_has_four_decimals(ratio: tuple[int, int], text: str) -> None:
    assert ratio_text(Fraction(*ratio)) == text
