"""What every answer carries: up to which event time it holds, how far it is behind, and what it could not price."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field
from redis.asyncio.client import Pipeline

from burnline.api.resources import Resources
from burnline.api.view.generation import read_together
from burnline.pricing.money import usd_text
from burnline.readmodel.keys import Keys
from burnline.readmodel.rows import ProgressRow, decode_progress

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Lag(BaseModel):
    """How far the answer is behind the events."""

    model_config = ConfigDict(title="Lag")

    events: int = Field(ge=0, description="Events that have been written and are not in the ledgers yet.", examples=[0])
    seconds: float = Field(
        ge=0,
        description="Age of the picture by the wall clock: since the projector last looked or, where events wait, "
        "since the partition that waits longest last moved on.",
        examples=[0.8],
    )


class Unpriced(BaseModel):
    """Tokens of models without a rate. They are in no cost; the bounds say what they may come to."""

    model_config = ConfigDict(title="Unpriced")

    tokens: int = Field(ge=0, description="Tokens without a rate, input and output.", examples=[1200])
    low_usd: str = Field(
        description="At least, in USD: at the cheapest input rate of the provider (of all, if it is unknown).",
        examples=["0.00012"],
    )
    high_usd: str = Field(description="At most, in USD: at the dearest output rate.", examples=["0.72"])

    @classmethod
    def of(cls, tokens: int, low_pico_usd: int, high_pico_usd: int) -> Self:
        """From sums in pico-USD."""
        return cls(tokens=tokens, low_usd=usd_text(low_pico_usd), high_usd=usd_text(high_pico_usd))


class Note(BaseModel):
    """A filter's value that is not known: the answer is empty, and not because nothing was spent."""

    model_config = ConfigDict(title="Note")

    parameter: str = Field(description="The filter.", examples=["org_id"])
    value: str = Field(description="Its value.", examples=["northwnd"])
    known: bool = Field(description="Whether usage of it was seen.", examples=[False])
    did_you_mean: str | None = Field(description="A name that was seen, and is near.", examples=["northwind"])
    detail: str = Field(description="A sentence.", examples=["No usage of organisation 'northwnd' was seen."])


class Envelope(BaseModel):
    """What every answer carries; answers inherit from it."""

    as_of: datetime | None = Field(
        description="Every event that the log had taken by then is in the answer: when it took the newest one applied "
        "or, where events wait to be applied, that of the partition that is furthest behind. A partition "
        "without new events holds nothing back. Null as long as there are no events.",
        examples=["2026-11-24T04:00:00.123000Z"],
    )
    lag: Lag
    unpriced: Unpriced
    notes: list[Note] = Field(
        default_factory=list,
        description="Values of filters that nobody has used whose usage you may see: a misspelt name is not 0 USD.",
    )


@dataclass(frozen=True, slots=True)
class Freshness:
    """How fresh the projection is.

    Attributes:
        as_of_ms: Every event that the log had taken by then is in it, epoch ms; None without events.
        lag_events: Events behind the ledgers' offsets.
        lag_ms: Age of the picture, by the wall clock.
        notes: What is to be said of the question.
    """

    as_of_ms: int | None
    lag_events: int
    lag_ms: int
    notes: tuple[Note, ...] = ()

    def envelope(self, unpriced: Unpriced | None = None) -> dict[str, Any]:
        """The fields of an `Envelope`, to be spread into an answer's constructor; nothing unpriced by default."""
        as_of = None if self.as_of_ms is None else _EPOCH + timedelta(milliseconds=self.as_of_ms)
        lag = Lag(events=self.lag_events, seconds=self.lag_ms / 1000)
        return {"as_of": as_of, "lag": lag, "unpriced": unpriced or Unpriced.of(0, 0, 0), "notes": list(self.notes)}


def freshness_of(
    progress: Mapping[int, ProgressRow], ends: Mapping[int, int], seen_at_ms: int | None, now_ms: int
) -> Freshness:
    """How fresh a projection with this progress is.

    Args:
        progress: Per source partition, how far the ledgers are.
        ends: Per source partition, where `usage` ended at `seen_at_ms`.
        seen_at_ms: When the projector last looked; None if it never did.
        now_ms: The wall clock.
    """
    waiting = {
        number: end - (progress[number].next_offset if number in progress else 0) for number, end in ends.items()
    }
    behind = {number: events for number, events in waiting.items() if events > 0}
    moved = [progress[number].written_at_ms for number in behind if number in progress]
    looked = [] if seen_at_ms is None else [seen_at_ms]
    reached = {number: each.reached_ms for number, each in progress.items() if each.reached_ms > 0}
    held_back = [at_ms for number, at_ms in reached.items() if number in behind]
    return Freshness(
        as_of_ms=min(held_back) if held_back else max(reached.values(), default=None),
        lag_events=sum(behind.values()),
        lag_ms=max(0, now_ms - min([*moved, *looked], default=now_ms)),
    )


def ask_freshness(pipe: Pipeline, keys: Keys) -> None:
    """Queue what `freshness_from` needs: three commands."""
    pipe.hgetall(keys.progress)
    pipe.hgetall(keys.ends)
    pipe.get(keys.seen_at_ms)


def freshness_from(answers: Iterable[Any], now_ms: int) -> Freshness:
    """Freshness out of the three answers to `ask_freshness`."""
    progress, ends, seen_at_ms = answers
    return freshness_of(
        {int(number): decode_progress(value) for number, value in progress.items()},
        {int(number): int(end) for number, end in ends.items()},
        None if seen_at_ms is None else int(seen_at_ms),
        now_ms,
    )


async def freshness(resources: Resources) -> Freshness:
    """How fresh the projection is, read by itself.

    Raises:
        Problem: 503, there is no projection.
        redis.RedisError: Redis is away.
    """
    _, answers = await read_together(resources, ask_freshness)
    return freshness_from(answers, resources.now_ms())
