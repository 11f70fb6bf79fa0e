"""Explain this dollar: one event of the log, to the last digit."""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field
from redis.asyncio.client import Pipeline

from burnline.api.access.principal import Principal, Viewer
from burnline.api.problems import Problem, responses
from burnline.api.resources import Resources, WithResources
from burnline.api.view.generation import read_together
from burnline.api.view.rate_shapes import CardOut
from burnline.api.view.rates import rates_from
from burnline.api.writing import TIMEOUT_S, ask_brokers
from burnline.charges.explanation import Explanation, SessionCost, as_json
from burnline.charges.look_up import Withheld, look_up
from burnline.pricing.money import pico_from_text
from burnline.readmodel.keys import Keys
from burnline.readmodel.rows import decode_session
from burnline.topics.errors import TopicMissing
from burnline.topics.fetching import NoSuchRecord

router = APIRouter(tags=["charges"])

_MAX_OFFSET = 2**63 - 2


class Step(BaseModel):
    """A disjoint part of the tokens: quantity × rate = amount. Rate and amount are empty where there is no rate."""

    model_config = ConfigDict(title="ChargeStep")

    part: Annotated[str, Field(examples=["cached input"])]
    quantity: int
    rate_usd: Annotated[str, Field(examples=["1.25"])]
    per: Annotated[str, Field(examples=["million tokens"])]
    amount_usd: Annotated[str, Field(examples=["0.00075"])]


class DeadLetter(BaseModel):
    """Why it is no usage event."""

    model_config = ConfigDict(title="ChargeDeadLetter")

    reason: str
    field: str
    detail: str
    recorded: Annotated[bool, Field(description="On a dead letter; else it is what is found now.")]


class ExplainedCharge(BaseModel):
    """All there is to say of one event, by the rates that are set now over the catalogue that charged it."""

    model_config = ConfigDict(title="Charge")

    topic: str
    partition: int
    offset: int
    key: str | None
    value: Annotated[str | None, Field(description="What arrived, as it stands in the log.")]
    dead_letter: DeadLetter | None
    event: Annotated[dict[str, Any] | None, Field(description="As it was read; token counts are inclusive.")]
    rates_as_of_ms: Annotated[int, Field(description="Unix epoch, milliseconds.")]
    catalogue_version: Annotated[str | None, Field(description="Of the catalogue that `card` is made of.")]
    charged_by_catalogue_version: Annotated[
        str | None, Field(description="Of those in force when it was counted; null if that is not known.")
    ]
    card: Annotated[CardOut | None, Field(description="The rate card for its time, and the rule that matched.")]
    steps: Annotated[list[Step], Field(description="The arithmetic; each token in one part. They sum to the cost.")]
    cost_usd: str | None
    cache_savings_usd: str | None
    unpriced_tokens: int | None
    applied: Annotated[bool, Field(description="Whether the worker has come past it.")]
    counted: Annotated[
        bool | None, Field(description="Whether it is in the sums; null where the log before it is too long to say.")
    ]
    repeat_of: Annotated[int | None, Field(description="Offset of the same event, which is counted there.")]
    repeat_differs_in: Annotated[
        list[str], Field(description="Fields in which it is not what it repeats; the first one counts.")
    ]
    standing: Annotated[str, Field(description="The same in a sentence.")]
    session_cost_usd: Annotated[
        str | None, Field(description="What its session has spent in all; null if it has no ledger that you may see.")
    ]


@router.get("/charges/{partition}/{offset}", summary="Explain this dollar", responses=responses(404))
async def explain_charge(
    resources: WithResources,
    caller: Viewer,
    partition: Annotated[int, Path(ge=0, lt=2**31, description="Partition of the usage topic.", examples=[2])],
    offset: Annotated[int, Path(ge=0, le=_MAX_OFFSET, description="Offset there.", examples=[81204])],
) -> ExplainedCharge:
    """What arrived, its disjoint token parts, the rate used and why, the arithmetic, and whether it was counted.

    The rate is that of the catalogue by which the event was charged, as far as that is kept, and the rates over it that
    are set now; an event that was counted before such a rate was set keeps what it was charged.

    A token that is bound to organisations gets the same 404 for an event of another as for none.
    """
    found = await _found(resources, caller, partition, offset)
    if isinstance(found, Explanation):
        session = await _session(resources, found)
        said = as_json(found._replace(session=session))
        if session is not None and not caller.sees(session.org_id):
            said["session_cost_usd"] = None  # the event is the caller's, its session is not
        return ExplainedCharge.model_validate(said)
    # Whoever sees some organisations only must not learn where others' events are.
    detail = found if caller.orgs is None else f"You have no event at offset {offset} of partition {partition}."
    raise Problem(404, detail, kind="no-such-charge")


async def _found(resources: Resources, caller: Principal, partition: int, offset: int) -> Explanation | str:
    """The explanation, or why there is none."""
    _, (rates,) = await read_together(resources, _ask_rates)
    overrides = rates_from(rates)

    def explained() -> Explanation | str:
        try:
            return look_up(
                resources.settings,
                partition,
                offset,
                now_ms=resources.now_ms(),
                timeout_s=TIMEOUT_S,
                rates=overrides.values,
                may_see=lambda event: caller.orgs is None or (event is not None and caller.sees(event.org_id)),
            )
        except NoSuchRecord as error:
            there = f"offsets {error.first} to {error.end - 1}" if error.end > error.first else "no offsets yet"
            return f"{error} The partition holds {there}."
        except TopicMissing as error:
            if partition < resources.settings.partitions:
                raise
            return str(error)
        except Withheld as error:
            return str(error)

    return await ask_brokers(explained)


async def _session(resources: Resources, found: Explanation) -> SessionCost | None:
    """The cost of the event's session, by the projection; None without a ledger."""
    event = found.event
    if event is None:
        return None

    def ask(pipe: Pipeline, keys: Keys) -> None:
        pipe.hvals(keys.session(event.session_id))

    _, (values,) = await read_together(resources, ask)
    rows = [row for row in map(decode_session, values) if row.org_id == event.org_id]
    if not rows:
        return None
    return SessionCost(event.session_id, rows[0].org_id, sum(pico_from_text(row.cost_usd) for row in rows))


def _ask_rates(pipe: Pipeline, keys: Keys) -> None:
    pipe.hgetall(keys.rates)
