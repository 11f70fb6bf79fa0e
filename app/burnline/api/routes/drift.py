"""What publishers say that calls cost, beside what rates say."""

import asyncio
from typing import Annotated, Self

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from burnline.api.access.principal import Viewer
from burnline.api.amounts import Ratio, Usd, ratio_text, unpriced_of
from burnline.api.envelope import Envelope
from burnline.api.questions import Month, Period, find
from burnline.api.resources import WithResources
from burnline.finance.drift import Drift, drifts
from burnline.finance.frames import totals
from burnline.pricing.money import usd_text

router = APIRouter(tags=["finance"])

MAX_MODELS = 1000


class DriftSums(BaseModel):
    """Both costs of the events that were compared."""

    compared_cost_usd: Usd = Field(description="By the rates, of events that also say what they cost.")
    reported_usd: Usd = Field(description="What those same events say.")
    drift_usd: Usd = Field(description="Reported less ours: above zero where rates are too low.", examples=["-0.75"])
    drift_ratio: Ratio = Field(description="That as a part of ours; null where nothing was compared.")
    uncompared_reported_usd: Usd = Field(description="What events without a rate say; it is what is charged for them.")

    @classmethod
    def of(cls, drift: Drift) -> Self:
        """From both costs."""
        return cls(**_fields(drift))


class DriftRow(DriftSums):
    """One provider's model."""

    provider: str = Field(description="Empty where nobody knows it.", examples=["openai"])
    model: str = Field(examples=["gpt-4o"])


class ReportedDrift(Envelope):
    """Where rates and reported costs differ."""

    period: Period
    total: DriftSums
    groups: int = Field(ge=0, description="How many models have a reported cost.", examples=[4])
    models: list[DriftRow] = Field(description="Furthest off first.")


@router.get("/reported-drift", summary="Do the rates say what publishers say that calls cost?")
async def reported_drift(
    resources: WithResources,
    caller: Viewer,
    asked: Month,
    limit: Annotated[int, Query(ge=1, le=MAX_MODELS, description="Models at most.")] = 100,
) -> ReportedDrift:
    """By provider and model, over the period. A rate that is not what is billed shows here first."""
    found = await find(resources, caller, asked)
    whole = await asyncio.to_thread(totals, found.frame)
    answer = await asyncio.to_thread(drifts, found.frame, limit)
    return ReportedDrift(
        **found.freshness.envelope(unpriced_of(whole)),
        period=asked.period(),
        total=DriftSums.of(answer.total),
        groups=answer.groups,
        models=[DriftRow(**_fields(each.drift), provider=each.provider, model=each.model) for each in answer.models],
    )


def _fields(drift: Drift) -> dict[str, str | None]:
    return {
        "compared_cost_usd": usd_text(drift.ours),
        "reported_usd": usd_text(drift.reported),
        "drift_usd": usd_text(drift.amount),
        "drift_ratio": ratio_text(drift.ratio),
        "uncompared_reported_usd": usd_text(drift.uncompared),
    }
