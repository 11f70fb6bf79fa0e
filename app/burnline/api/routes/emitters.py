"""Who publishes, and what of it is refused or looks wrong."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from redis.asyncio.client import Pipeline

from burnline.api.access.principal import Viewer
from burnline.api.resources import WithResources
from burnline.api.view.catalogue import projected_book
from burnline.api.view.generation import read_together
from burnline.api.view.rates import rates_from
from burnline.api.writing import TIMEOUT_S, ask_brokers
from burnline.letters.emitting import read_emitters
from burnline.readmodel.keys import Keys

router = APIRouter(tags=["emitters"])

MOST_LAST = 10_000


class EmitterOut(BaseModel):
    """One producer, and what it sent; what is empty it does not say."""

    model_config = ConfigDict(title="Emitter")

    source: Annotated[str, Field(description="Of its CloudEvents; `otel` for events of the relay.")]
    org_id: str
    agent_id: str
    events: Annotated[int, Field(description="Records that were looked at.")]
    newest_ms: Annotated[int, Field(description="When the log took the newest one, Unix epoch ms.")]
    suspicious: Annotated[int, Field(description="Refused, repeated, twins, late and unpriced ones together.")]
    refused: int
    reasons: Annotated[dict[str, int], Field(description="Refused ones by reason and field.")]
    ahead: Annotated[int, Field(description="Refused for being ahead of the log's clock.")]
    repeated: Annotated[int, Field(description="Ids that their session had before; they count once.")]
    twins: Annotated[int, Field(description="Same session, model and counts within two seconds, another id.")]
    late: Annotated[int, Field(description="Older than the windows reach back: counted, without any alarm.")]
    unpriced: Annotated[int, Field(description="Events with tokens that have no rate.")]
    tokens: int
    unpriced_tokens: int
    unpriced_share: Annotated[float, Field(ge=0, le=1, description="Of the tokens.")]


class Emitters(BaseModel):
    """Producers, those with most to look at first; 200 of them are told apart."""

    emitters: list[EmitterOut]


@router.get("/emitters", summary="Who sends what is refused or looks wrong")
async def emitters(
    resources: WithResources,
    caller: Viewer,
    last: Annotated[int, Query(ge=1, le=MOST_LAST, description="Newest records of each partition.")] = 1_000,
) -> Emitters:
    """The newest records of the usage topic by who sent them, read when you ask.

    A token that is bound to organisations sees the producers of these; what names no organisation is for the others.
    """
    _, (rates,) = await read_together(resources, _ask_rates)
    book = (await projected_book(resources)).with_overrides(rates_from(rates).values())
    found = await ask_brokers(lambda: read_emitters(resources.settings, book, newest=last, timeout_s=TIMEOUT_S))
    return Emitters(
        emitters=[
            EmitterOut.model_validate(who._asdict() | sent.as_dict())
            for who, sent in found.rows()
            if caller.orgs is None or caller.sees(who.org_id)
        ]
    )


def _ask_rates(pipe: Pipeline, keys: Keys) -> None:
    pipe.hgetall(keys.rates)
