"""The budget notice, v1: what subscribers of the topic `budget-notices` read, and its CloudEvents headers.

Record key: scope, organisation and name, as a JSON array. Value: `BudgetNotice` as JSON.
"""

import json
from typing import Annotated, Self
from uuid import UUID, uuid5

from pydantic import BaseModel, ConfigDict, Field

from burnline.budgets.budget import Scope
from burnline.budgets.periods import told_once_in
from burnline.budgets.standing import Standing, ratio_text
from burnline.detection.anomaly import DecimalText, Severity, SignedDecimalText, rfc3339
from burnline.pricing.money import usd_text

NOTICE_NAMESPACE = UUID("0f6f0c0a-9a53-5a0c-8f51-1f0b7a0e6f5c")
"""Namespace of the name-based UUIDs (RFC 9562, version 5) that identify budget notices. Never change it."""

EpochMs = Annotated[int, Field(description="Unix epoch, milliseconds.", ge=0)]


class BudgetNotice(BaseModel):
    """A threshold of a budget is reached: told once in its period, and never again for lower ones."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    notice_id: Annotated[str, Field(description="The same after a replay; another for another period or amount.")]
    severity: Annotated[Severity, Field(description="critical from 100 % on.")]
    scope: Scope
    org_id: str
    name: Annotated[str, Field(description="Team, project or agent; empty for an organisation.")]
    budget: Annotated[str, Field(description="Key of the budget.", examples=["agent/acme/*@day"])]
    amount_usd: DecimalText
    promise: Annotated[
        str, Field(description="What is told of once in a period: the amount, and what runtimes are asked to do then.")
    ]
    period: str
    time_zone: str
    period_start: EpochMs
    period_end: EpochMs
    threshold_percent: Annotated[int, Field(ge=1, description="The highest that is reached.")]
    spent_usd: Annotated[DecimalText, Field(description="In the period, when it was reached.")]
    remaining_usd: SignedDecimalText
    saturation: Annotated[str, Field(description="Spent over amount, four decimals.", examples=["0.8012"])]
    burn_usd_per_hour: Annotated[DecimalText, Field(description="Of the last hour.")]
    projected_usd: Annotated[DecimalText | None, Field(description="What the period comes to at its own pace.")]
    exhausted_at: Annotated[EpochMs | None, Field(description="When it is used up at that burn, if in the period.")]
    reached_at: Annotated[EpochMs, Field(description="When the log had taken what reached it.")]
    offsets: Annotated[
        dict[str, int],
        Field(description="By partition of usage, the offset up to which the ledgers then held all events."),
    ]
    summary: Annotated[str, Field(description="It in words.")]

    @classmethod
    def of(cls, one: Standing, reached_at: int, offsets: dict[int, int]) -> Self:
        """From how a budget stands."""
        budget, ahead = one.budget, one.outlook
        named = (
            budget.key(), one.subject.org_id, one.subject.name, budget.promise,
            str(told_once_in(budget.period, one.span)), str(one.reached_percent),
        )  # fmt: skip
        return cls(
            notice_id=str(uuid5(NOTICE_NAMESPACE, "\n".join(named))),
            severity=Severity.CRITICAL if one.saturation >= 1 else Severity.WARNING,
            scope=one.subject.scope,
            org_id=one.subject.org_id,
            name=one.subject.name,
            budget=budget.key(),
            amount_usd=budget.amount_usd,
            promise=budget.promise,
            period=budget.period,
            time_zone=budget.time_zone,
            period_start=one.span.start_ms,
            period_end=one.span.end_ms,
            threshold_percent=one.reached_percent,
            spent_usd=usd_text(ahead.spent_pico),
            remaining_usd=usd_text(ahead.remaining_pico),
            saturation=ratio_text(one.saturation),
            burn_usd_per_hour=usd_text(ahead.burn_pico_per_hour),
            projected_usd=None if ahead.projected_pico is None else usd_text(ahead.projected_pico),
            exhausted_at=ahead.exhausted_at_ms,
            reached_at=reached_at,
            offsets={str(partition): offset for partition, offset in sorted(offsets.items())},
            summary=_summary(one),
        )


def _summary(one: Standing) -> str:
    ahead, budget = one.outlook, one.budget
    used = f"{float(100 * one.saturation):.1f} % of {budget.amount_usd} USD per {budget.period} used"
    if ahead.remaining_pico <= 0:
        over = usd_text(-ahead.remaining_pico)
        return f"{one.subject.text()}: {used}, {usd_text(ahead.spent_pico)} USD spent; over by {over} USD"
    when = "" if ahead.exhausted_at_ms is None else f"; used up at {rfc3339(ahead.exhausted_at_ms)} at the present burn"
    return f"{one.subject.text()}: {used}, {usd_text(ahead.spent_pico)} USD spent{when}"


def notice_key(notice: BudgetNotice) -> bytes:
    """The record's key: all notices of a subject stay in order."""
    return json.dumps([notice.scope, notice.org_id, notice.name], ensure_ascii=False, separators=(",", ":")).encode()


def cloudevent_headers(notice: BudgetNotice) -> list[tuple[str, bytes]]:
    """The record's headers: a CloudEvent 1.0 in binary mode of the Kafka protocol binding."""
    attributes = {
        "ce_specversion": "1.0",
        "ce_id": notice.notice_id,
        "ce_source": "/burnline/budgets",
        "ce_type": "burnline.budget.threshold_reached.v1",
        "ce_time": rfc3339(notice.reached_at),
        "ce_subject": notice.budget,
        "content-type": "application/json",
    }
    return [(name, value.encode()) for name, value in attributes.items()]
