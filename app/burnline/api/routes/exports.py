"""Tables to take away: allocations as CSV and Parquet, and FOCUS."""

import asyncio
import io
from collections.abc import Iterator
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query
from starlette.responses import StreamingResponse

from burnline.api.access.principal import Viewer
from burnline.api.amounts import unpriced_of
from burnline.api.envelope import Envelope
from burnline.api.problems import Problem
from burnline.api.questions import BY_AGENT, Found, Grain, GroupBy, Question, Week, find, grouping
from burnline.api.resources import WithResources
from burnline.api.view.catalogue import projected_book
from burnline.api.view.generation import read_together
from burnline.api.view.rates import rates_from
from burnline.finance.delimited import Style, csv_chunks
from burnline.finance.exports import Table, allocations, by_span, of_days, parquet_frame
from burnline.finance.focus import COLUMNS, cells, charges
from burnline.finance.frames import Dimension, totals
from burnline.finance.unit_prices import CardRates

router = APIRouter(prefix="/exports", tags=["exports"])

CSV = "text/csv; charset=utf-8; header=present"
PARQUET = "application/vnd.apache.parquet"
MAX_ROWS = 500_000
"""Groups in one file; before FOCUS makes a row of each token kind."""
_PIECE = 1 << 16
_READABLE = " '!\"#$&()*+,/:;<=>?@[]^`{|}"
"""Characters that stand in a header as they are."""

Bom = Annotated[bool, Query(description="Begin with a byte order mark, by which Excel knows UTF-8.")]
Guard = Annotated[
    bool,
    Query(
        description="Put an apostrophe before text that a spreadsheet would run, and write characters that break lines "
        "or hide as their codes."
    ),
]
ExcelIds = Annotated[
    bool,
    Query(
        description='Write ids that Excel takes for numbers or dates (00123, 1-2) as ="00123", which it keeps as text.'
    ),
]


def _answers(media_type: str, what: str) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI document's word on a file, whose headers say how fresh it is."""
    text = {"type": "string"}
    headers = {
        "X-Burnline-As-Of": "Event time up to which it holds, ISO 8601; empty as long as there are no events.",
        "X-Burnline-Lag-Events": "Events that have been written and are not in the ledgers yet.",
        "X-Burnline-Lag-Seconds": "Age of the picture by the wall clock.",
        "X-Burnline-Unpriced-Tokens": "Tokens without a rate; they are in no cost.",
        "X-Burnline-Unpriced-Low-Usd": "What they cost at least.",
        "X-Burnline-Unpriced-High-Usd": "What they cost at most.",
        "X-Burnline-Notes": "Names in filters that were never seen; only where there are such. Percent-encoded.",
    }
    described = {name: {"description": said, "schema": text} for name, said in headers.items()}
    content = {media_type.partition(";")[0]: {"schema": text | ({"format": "binary"} if media_type == PARQUET else {})}}
    return {200: {"description": what, "content": content, "headers": described}}


@router.get(
    "/allocations.csv",
    summary="Who spent it, as CSV",
    response_class=StreamingResponse,
    responses=_answers(CSV, "A row per group, dearest first."),
)
async def allocations_csv(
    resources: WithResources,
    caller: Viewer,
    asked: Week,
    group_by: GroupBy = BY_AGENT,
    guard: Guard = True,  # noqa: FBT002  # FastAPI gives it by its name
    excel_ids: ExcelIds = False,  # noqa: FBT002
    bom: Bom = False,  # noqa: FBT002
) -> StreamingResponse:
    """As `/allocations`, all groups. For Excel: `?bom=true&excel_ids=true`."""
    found, table = await _allocated(resources, caller, asked, group_by)
    pieces = csv_chunks(table.header, table.rows(), Style(guard, excel_ids, bom))
    return _file(pieces, CSV, "allocations.csv", asked, found)


@router.get(
    "/allocations.parquet",
    summary="Who spent it, as Parquet",
    response_class=StreamingResponse,
    responses=_answers(PARQUET, "A row per group, dearest first; amounts are decimals of 12 places."),
)
async def allocations_parquet(
    resources: WithResources, caller: Viewer, asked: Week, group_by: GroupBy = BY_AGENT
) -> StreamingResponse:
    """As `/allocations`, all groups."""
    found, table = await _allocated(resources, caller, asked, group_by)
    written = await asyncio.to_thread(_parquet, table)
    return _file(_pieces(written), PARQUET, "allocations.parquet", asked, found)


@router.get(
    "/trends.csv",
    summary="What was spent, day by day or hour by hour, as CSV",
    response_class=StreamingResponse,
    responses=_answers(CSV, "A row per day or hour and group, oldest first."),
)
async def trends_csv(
    resources: WithResources,
    caller: Viewer,
    asked: Week,
    group_by: GroupBy = BY_AGENT,
    grain: Annotated[Grain, Query(description="By the day, or by the hour: over 31 days at most then.")] = Grain.DAY,
    guard: Guard = True,  # noqa: FBT002  # FastAPI gives it by its name
    excel_ids: ExcelIds = False,  # noqa: FBT002
    bom: Bom = False,  # noqa: FBT002
) -> StreamingResponse:
    """As `/trends`, all groups; without rows for a group that used nothing in a day or hour."""
    spans = asked.spans(grain)
    found = await find(resources, caller, asked)
    table = await asyncio.to_thread(by_span, found.frame, spans, grouping(group_by))
    _refuse_more_than(MAX_ROWS, table.height)
    pieces = csv_chunks(table.header, table.rows(), Style(guard, excel_ids, bom))
    return _file(pieces, CSV, "trends.csv", asked, found)


@router.get(
    "/focus.csv",
    summary="Usage in FOCUS 1.2",
    response_class=StreamingResponse,
    responses=_answers(CSV, "A row per day, combination of all dimensions, token kind, and unit price."),
)
async def focus_csv(
    resources: WithResources,
    caller: Viewer,
    asked: Week,
    guard: Guard = False,  # noqa: FBT002  # FastAPI gives it by its name
    bom: Bom = False,  # noqa: FBT002
) -> StreamingResponse:
    """FinOps Open Cost and Usage Specification 1.2: one row per token kind and unit price, all dimensions told apart.

    Quantity times unit price is cost in every row. Where sums do not tell several prices apart there is no unit price
    (`x_PricingStatus` mixed). List prices are the catalogue's, contracted ones those of rates that were set.
    `BilledCost` sums to the ledgers' cost, exactly. Tokens of models without a rate have no unit price and
    say so, in `ChargeDescription`, `PricingCategory` and `x_PricingStatus`. Texts are as they are, unless `guard`.
    """
    found = await find(resources, caller, asked)
    _, (rates,) = await read_together(resources, lambda pipe, keys: pipe.hgetall(keys.rates))
    base = await projected_book(resources)
    cards = CardRates(base.with_overrides(rates_from(rates).values()), base)
    height, usage = await asyncio.to_thread(of_days, found.frame, asked.days, asked.tz)
    _refuse_more_than(MAX_ROWS, height)
    rows = map(cells, charges(usage, cards))
    pieces = csv_chunks([column.name for column in COLUMNS], rows, Style(guard, bom=bom))
    return _file(pieces, CSV, "focus.csv", asked, found)


async def _allocated(
    resources: WithResources, caller: Viewer, asked: Question, group_by: list[Dimension]
) -> tuple[Found, Table]:
    found = await find(resources, caller, asked)
    table = await asyncio.to_thread(allocations, found.frame, grouping(group_by))
    _refuse_more_than(MAX_ROWS, table.height)
    return found, table


def _refuse_more_than(most: int, height: int) -> None:
    if height > most:
        detail = f"That makes {height} groups, and a file has {most} at most: ask for fewer days, or filter."
        raise Problem(422, detail, kind="too-large")


def _parquet(table: Table) -> bytes:
    out = io.BytesIO()
    parquet_frame(table).write_parquet(out)
    return out.getvalue()


def _pieces(whole: bytes) -> Iterator[bytes]:
    return (whole[start : start + _PIECE] for start in range(0, len(whole), _PIECE))


def _file(
    pieces: Iterator[str] | Iterator[bytes], media_type: str, name: str, asked: Question, found: Found
) -> StreamingResponse:
    envelope = Envelope(**found.freshness.envelope(unpriced_of(totals(found.frame))))
    stem, _, ending = name.partition(".")
    as_of = envelope.as_of
    noted = {"X-Burnline-Notes": quote("; ".join(note.detail for note in envelope.notes), safe=_READABLE)}
    headers = (noted if envelope.notes else {}) | {
        "Content-Disposition": f'attachment; filename="{stem}-{asked.days[0].date}-{asked.days[-1].date}.{ending}"',
        "X-Burnline-As-Of": "" if as_of is None else as_of.isoformat().replace("+00:00", "Z"),
        "X-Burnline-Lag-Events": str(envelope.lag.events),
        "X-Burnline-Lag-Seconds": str(envelope.lag.seconds),
        "X-Burnline-Unpriced-Tokens": str(envelope.unpriced.tokens),
        "X-Burnline-Unpriced-Low-Usd": envelope.unpriced.low_usd,
        "X-Burnline-Unpriced-High-Usd": envelope.unpriced.high_usd,
    }
    return StreamingResponse(pieces, media_type=media_type, headers=headers)
