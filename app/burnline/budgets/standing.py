"""How budgets stand: for each subject the budgets that count, with what is spent and where it is heading. Pure."""

from collections.abc import Callable, Iterable
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import NamedTuple

from burnline.budgets.budget import ANY, Budget, Budgets, Scope, Subject
from burnline.budgets.outlook import Outlook, outlook, reached, recent_from_ms, saturation
from burnline.budgets.periods import Span, period_of
from burnline.finance.days import QUARTER_MS

_RATIO = Decimal("0.0001")

Spent = Callable[[Subject, Span], int]
"""What a subject has spent in a period, pico-USD."""


class Standing(NamedTuple):
    """How one budget of one subject stands at a moment.

    Attributes:
        subject: Who spends.
        budget: The budget that counts for it.
        span: The period that the moment is in.
        saturation: What part of the amount is used.
        reached_percent: The highest threshold that is reached; 0 if none is.
        outlook: Sums, and where they are heading.
    """

    subject: Subject
    budget: Budget
    span: Span
    saturation: Fraction
    reached_percent: int
    outlook: Outlook


def standing(subject: Subject, budget: Budget, spent: Spent, at_ms: int) -> Standing:
    """How a budget of a subject stands at a moment, epoch milliseconds."""
    span = period_of(budget, at_ms)
    spent_pico = spent(subject, span)
    recent = Span(recent_from_ms(at_ms), (at_ms // QUARTER_MS + 1) * QUARTER_MS)
    return Standing(
        subject,
        budget,
        span,
        saturation(budget, spent_pico),
        reached(budget, spent_pico),
        outlook(budget, span, spent_pico, spent(subject, recent), at_ms),
    )


def standings(budgets: Budgets, spenders: Iterable[Subject], spent: Spent, at_ms: int) -> list[Standing]:
    """How all budgets stand, the fullest first: those that are named, and those of everybody who has spent."""
    named = (Subject(one.scope, one.org_id, one.name) for one in budgets.entries.values())
    subjects = {subject for subject in named if ANY not in (subject.org_id, subject.name)} | set(spenders)
    found = [standing(subject, budget, spent, at_ms) for subject in subjects for budget in budgets.of(subject)]
    return sorted(
        found, key=lambda one: (-one.saturation, list(Scope).index(one.subject.scope), one.subject, one.budget.period)
    )


def first_needed_ms(budgets: Budgets, at_ms: int) -> int:
    """From when on usage is needed to say how these budgets stand at a moment."""
    return min([recent_from_ms(at_ms), *(period_of(one, at_ms).start_ms for one in budgets.entries.values())])


def ratio_text(ratio: Fraction) -> str:
    """A ratio with four decimals, halves to even."""
    return f"{(Decimal(ratio.numerator) / Decimal(ratio.denominator)).quantize(_RATIO, ROUND_HALF_EVEN):f}"
