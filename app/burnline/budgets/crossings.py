"""Which thresholds are reached and not told yet. Pure: the same records in any order of partitions end the same."""

from collections.abc import Iterable

from burnline.budgets.budget import Budget, Budgets, Subject
from burnline.budgets.notice import BudgetNotice
from burnline.budgets.periods import Span, period_of, told_once_in
from burnline.budgets.spending import Changed, Spending
from burnline.budgets.standing import Standing, first_needed_ms, standing
from burnline.finance.days import QUARTER_MS

LATE_MS = 86_400_000
"""What is counted longer than this after its period ended is a backfill, and nobody is told of it."""

ENDLESS = 1 << 100
"""More than anybody spends, in pico-USD."""

_Told = tuple[str, str, str, str, int]
"""Budget's key, organisation, name, promise, begin of the period."""


class Crossings:
    """Budgets, what was told of them, and what is spent."""

    def __init__(self) -> None:
        """Begin with no budgets, nothing spent and nothing told."""
        self._budgets = Budgets()
        self.spending = Spending()
        self._told: dict[_Told, int] = {}
        self._of: dict[Subject, list[tuple[Budget, str]]] = {}
        self._quarter = -1
        self._levels: dict[tuple[Subject, str, int], int] = {}
        """By subject, budget and quarter: how much must have been added to its spending before another look is due."""

    @property
    def budgets(self) -> Budgets:
        """Those that count."""
        return self._budgets

    @budgets.setter
    def budgets(self, budgets: Budgets) -> None:
        self._budgets = budgets
        self._of.clear()
        self._levels.clear()

    def note_told(self, notice: BudgetNotice) -> None:
        """A notice stands on the topic."""
        start_ms = told_once_in(notice.period, Span(notice.period_start, notice.period_end))
        place = notice.budget, notice.org_id, notice.name, notice.promise, start_ms
        self._told[place] = max(notice.threshold_percent, self._told.get(place, 0))
        self._levels.clear()

    def reached_by(self, changed: Iterable[Changed], at_ms: int) -> list[BudgetNotice]:
        """What is to be told after some have spent more.

        Args:
            changed: Who, and in which quarters.
            at_ms: When the log took it, epoch milliseconds.
        """
        if at_ms // QUARTER_MS != self._quarter:  # periods may have begun: all of them do so on quarters
            self._quarter = at_ms // QUARTER_MS
            self._levels.clear()
        found = []
        for subject, quarter_ms in sorted(changed):
            budgets = self._of.get(subject)
            if budgets is None:
                budgets = self._of[subject] = [(budget, budget.key()) for budget in self._budgets.of(subject)]
            if not budgets:
                continue
            added = self.spending.added_pico(subject)
            for budget, key in budgets:
                place = subject, key, quarter_ms
                if added < self._levels.get(place, 0):
                    continue  # not enough for the next threshold, whatever the period holds
                notice = self._judge(subject, budget, quarter_ms, at_ms)
                self._levels[place] = added + self._room(subject, budget, quarter_ms, at_ms)
                if notice is not None:
                    found.append(notice)
        return found

    def _room(self, subject: Subject, budget: Budget, quarter_ms: int, at_ms: int) -> int:
        """How much has to be added, at least, before the next threshold of a period is reached, pico-USD."""
        span = self._span(budget, quarter_ms, at_ms)
        spent = self.spending.spent_pico(subject, span)
        place = budget.key(), subject.org_id, subject.name, budget.promise, told_once_in(budget.period, span)
        told, amount = self._told.get(place, 0), budget.amount_pico_usd
        ahead = [percent for percent in budget.thresholds_percent if percent > told]
        return max(1, min((-(-percent * amount // 100) - spent for percent in ahead), default=ENDLESS))

    @staticmethod
    def _span(budget: Budget, quarter_ms: int, at_ms: int) -> Span:
        """The period that is judged: a late event's own, or the one of now."""
        span = period_of(budget, quarter_ms)
        return period_of(budget, at_ms if span.start_ms <= at_ms < span.end_ms else span.end_ms - 1)

    def reached_now(self, at_ms: int) -> list[BudgetNotice]:
        """What is to be told of the periods that a moment is in: at the start, and when budgets have changed."""
        found = []
        for subject in sorted(self.spending.subjects()):
            for budget in self.budgets.of(subject):
                notice = self._judge(subject, budget, at_ms, at_ms)
                if notice is not None:
                    found.append(notice)
        return found

    def forget(self, at_ms: int) -> None:
        """Let go of what no budget needs any more at a moment."""
        oldest_ms = first_needed_ms(self.budgets, at_ms - LATE_MS)
        self.spending.forget_before(oldest_ms)
        for place in [place for place in self._told if place[-1] < oldest_ms]:
            del self._told[place]

    def standing_of(self, subject: Subject, budget: Budget, at_ms: int) -> Standing:
        """How a budget of a subject stands at a moment."""
        return standing(subject, budget, self.spending.spent_pico, at_ms)

    def _judge(self, subject: Subject, budget: Budget, quarter_ms: int, at_ms: int) -> BudgetNotice | None:
        span = period_of(budget, quarter_ms)
        if span.end_ms + LATE_MS <= at_ms or span.end_ms <= (budget.updated_at or 0):
            return None
        # A late event is judged by its own period; one of now by how it stands now.
        one = self.standing_of(subject, budget, at_ms if span.start_ms <= at_ms < span.end_ms else span.end_ms - 1)
        place = budget.key(), subject.org_id, subject.name, budget.promise, told_once_in(budget.period, one.span)
        if one.reached_percent <= self._told.get(place, 0):
            return None
        self._told[place] = one.reached_percent
        return BudgetNotice.of(one, at_ms, self.spending.offsets)
