"""Rates that go before the catalogue's: looked at, set and deleted."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import ConfigDict, Field, ValidationError
from redis.asyncio.client import Pipeline

from burnline.api.access.principal import Editor, Principal, Viewer
from burnline.api.envelope import Envelope, ask_freshness, freshness_from
from burnline.api.parameters import instant_ms, instant_text, invalid, query_instant_ms, two_names
from burnline.api.problems import Mistake, Problem, responses
from burnline.api.resources import Resources, WithResources
from burnline.api.view.catalogue import book_of_topic, projected_book
from burnline.api.view.cursors import CursorText, read_cursor, write_cursor
from burnline.api.view.generation import current, missing, read_together
from burnline.api.view.rate_shapes import CardOut, ChangeOut, RateBody, RateDeleted, RateOut, RateWritten
from burnline.api.view.rates import (
    Order,
    card_at,
    changes_of,
    of_model,
    order_of,
    provider_of,
    rates_from,
    rows,
    state_of,
)
from burnline.api.view.shapes import NextCursor
from burnline.api.writing import read_entries, write
from burnline.pricing.book import RateBook
from burnline.pricing.card import RateCard
from burnline.pricing.doubts import doubts
from burnline.pricing.inheritance import (
    PARTS,
    TERMS,
    Inherit,
    dropped,
    rate_field,
    replaced_card,
    with_inherited,
    with_inherited_terms,
)
from burnline.pricing.valuation import ValuationRate, rate_key
from burnline.readmodel.keys import Keys
from burnline.topics.catalogue import topics_for

router = APIRouter(tags=["rates"])

BELOW = "valuation-rates"
MAX_PAGE = 500
_ORDER = "valuation-rates"

_Provider = Annotated[
    str, Path(description="Provider as events name it, or the catalogue's id; * for any.", examples=["openai"])
]
_Model = Annotated[str, Path(description="Model as events name it; a slash may stand as it is.", examples=["gpt-4o"])]


_OrgQuery = Annotated[str | None, Query(max_length=256, description="The organisation whose own rates are meant, too.")]


class RateRow(RateOut):
    """A set rate, and the card that its provider and model have now."""

    model_config = ConfigDict(title="ValuationRateRow")

    card: Annotated[CardOut | None, Field(description="null: a pattern, which concerns many models.")]


class RateList(Envelope):
    """A page of the rates that were set."""

    rows: list[RateRow]
    next_cursor: NextCursor


class RateOfModel(Envelope):
    """What a model costs, and why."""

    at: Annotated[str, Field(description="The event time that was asked for.", examples=["2026-11-24T00:00:00Z"])]
    card: CardOut
    overrides: Annotated[list[RateOut], Field(description="Set rates that may price it, by their time.")]
    history: Annotated[list[ChangeOut], Field(description="Their changes, newest first, as far as they are kept.")]


async def _names(request: Request, provider: _Provider, model: _Model) -> tuple[str, str]:  # noqa: ARG001  # for the OpenAPI document
    return two_names(request, BELOW)


_Names = Annotated[tuple[str, str], Depends(_names)]


@router.get("/valuation-rates", summary="Which rates were set?")
async def list_rates(
    resources: WithResources,
    caller: Viewer,
    provider: Annotated[str | None, Query(max_length=256, description="Only this provider's.")] = None,
    model: Annotated[str | None, Query(max_length=256, description="Only this model's.")] = None,
    org_id: Annotated[str | None, Query(max_length=256, description="Only this organisation's own.")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE, description="Rows in a page.")] = 100,
    cursor: CursorText = None,
) -> RateList:
    """The rates that go before the catalogue's, each with the card that is in force for it now.

    Those of organisations that the caller may not see are left out. A pattern has no card of its own. A model that is
    not listed has the catalogue's rate: `/valuation-rates/{provider}/{model}` shows it.
    """
    _keys, found, fresh = await _projected(resources)
    after = read_cursor(cursor, _ORDER, Order)
    wanted = [
        rate
        for rate in found.values()
        if _may_see(caller, rate)
        and org_id in (None, rate.org_id)
        and (provider is None or rate.provider == provider.strip().lower())
        and (model is None or rate.model.lower() == model.strip().lower())
        and (after is None or order_of(rate) > after)
    ]
    page, now_ms = wanted[:limit], resources.now_ms()
    book = (await projected_book(resources)).with_overrides(found.values())
    return RateList(
        **fresh,
        rows=[
            RateRow(
                **RateOut.of(rate, state_of(rate, found.values(), now_ms)).model_dump(),
                card=_card_out(book, rate, now_ms),
            )
            for rate in page
        ],
        next_cursor=write_cursor(_ORDER, order_of(page[-1])) if len(wanted) > limit else None,
    )


@router.get("/valuation-rates/{provider}/{model:path}", summary="What does a model cost, and why?")
async def show_rate(
    resources: WithResources,
    caller: Viewer,
    names: _Names,
    org_id: _OrgQuery = None,
    at: Annotated[
        str | None, Query(description="Event time, ISO 8601; now if absent.", examples=["2026-11-24T00:00:00Z"])
    ] = None,
) -> RateOfModel:
    """The rate card in force at an event time, the rule that matched, and the overrides that there are and were.

    Never a 404: a model without a rate has a card that is not priced, and its rule says why.
    """
    at_ms = resources.now_ms() if at is None else query_instant_ms("at", at)
    provider, model = _checked(*names)
    if org_id is not None and not caller.sees(org_id):
        raise _hidden(org_id)
    keys, found, fresh = await _projected(resources)
    book = (await projected_book(resources)).with_overrides(found.values())
    history = await changes_of(resources, keys, book, provider, model, org_id)
    if await current(resources) != keys:
        raise missing()  # the keys may be half deleted
    return RateOfModel(
        **fresh,
        at=instant_text(at_ms),
        card=CardOut.of(card_at(book, provider, model, at_ms, org_id)),
        overrides=rows(of_model(found, book, provider, model, org_id), found, resources.now_ms()),
        history=history,
    )


@router.put(
    "/valuation-rates/{provider}/{model:path}", summary="Set a rate from a time on", responses=responses(404, 409)
)
async def set_rate(
    resources: WithResources,
    caller: Editor,
    names: _Names,
    body: RateBody,
    *,
    confirm: Annotated[
        bool, Query(description="Set it even if it is 1000 times the catalogue's, or a thousandth of it.")
    ] = False,  # a query parameter
    inherit: Annotated[
        Inherit,
        Query(description="How cached input, cache writes and reasoning that the body does not name are taken over."),
    ] = Inherit.PROPORTIONAL,
    dry_run: Annotated[bool, Query(description="Answer what would take effect, and write nothing.")] = False,
) -> RateWritten:
    """Set what a model costs at a provider for event times from `effective_from` on, until a later rate for the two.

    A rate that the body does not name is inherited from the card that it replaces: input and output as they are, their
    parts, rates of long requests and hourly cache writes in proportion or unchanged, as `inherit` says, and a fee. What
    that card has and the new one does not (`dropped`) ends.
    Answered once every in-sync replica has it; workers follow within two seconds. Events that are counted keep what
    they were charged. The same again changes nothing. A rate at least 1000 times the catalogue's, or at most a
    thousandth of it, is taken for a mistake (409) unless `confirm=true`.
    """
    _may_set(caller, body.org_id)
    now_ms = resources.now_ms()
    _rate(*names, body)
    topic = topics_for(resources.settings).valuation_rates
    before, places = await read_entries(resources.settings, topic, ValuationRate.parse)
    base = await book_of_topic(resources)
    below, after = base.with_overrides(before.values()), dict(before)
    rate, replaced = _whole_rate(names, body, below, inherit, now_ms)
    if not confirm:
        _doubt(rate, body.stated(), base, now_ms)
    changed = before.get(rate.key()) != rate
    partition, offset = None, None
    if not changed:
        _, partition, offset = places[rate.key()]
    elif not dry_run:
        _, partition, offset = await write(resources.settings, topic, rate.key(), rate)
    after[rate.key()] = rate
    book = base.with_overrides(after.values())
    return RateWritten(
        rate=RateOut.of(rate, state_of(rate, after.values(), now_ms)),
        changed=changed,
        dry_run=dry_run,
        topic=topic.name,
        partition=partition,
        offset=offset,
        inherited=_inherited(body, replaced),
        dropped=[] if rate.is_pattern else dropped(_card_of(book, rate, rate.effective_from), replaced),
        card=_card_out(book, rate, rate.effective_from),
        before=_card_out(below, rate, rate.effective_from),
    )


@router.delete("/valuation-rates/{provider}/{model:path}", summary="Delete a rate", responses=responses(404, 409))
async def delete_rate(
    resources: WithResources,
    caller: Editor,
    names: _Names,
    org_id: _OrgQuery = None,
    effective_from: Annotated[
        str | None, Query(description='Which one, by its time (or "always"); needed where there are several.')
    ] = None,
) -> RateDeleted:
    """Delete a rate: what lies below it counts again, for events to come."""
    _may_set(caller, org_id)
    at_ms = None if effective_from is None else query_instant_ms("effective_from", effective_from)
    provider, model = _checked(*names)
    topic = topics_for(resources.settings).valuation_rates
    before, _ = await read_entries(resources.settings, topic, ValuationRate.parse)
    rate = _meant(before, provider, model, org_id, at_ms)
    base = await book_of_topic(resources)
    place = await write(resources.settings, topic, rate.key(), None)
    after = [other for key, other in before.items() if key != rate.key()]
    return RateDeleted(
        rate=RateOut.of(rate, state_of(rate, before.values(), resources.now_ms())),
        **place._asdict(),
        card=_card_out(base.with_overrides(after), rate, rate.effective_from),
    )


async def _projected(resources: Resources) -> tuple[Keys, dict[str, ValuationRate], dict[str, Any]]:
    """Rates in the projection, the keys they were read by, and the envelope's fields."""

    def ask(pipe: Pipeline, keys: Keys) -> None:
        pipe.hgetall(keys.rates)
        ask_freshness(pipe, keys)

    keys, (rates, *fresh) = await read_together(resources, ask)
    return keys, rates_from(rates), freshness_from(fresh, resources.now_ms()).envelope()


def _card_of(book: RateBook, rate: ValuationRate, at_ms: int) -> RateCard:
    return card_at(book, rate.provider, rate.model, at_ms, rate.org_id)


def _card_out(book: RateBook, rate: ValuationRate, at_ms: int) -> CardOut | None:
    """The card of a rate's model at a time; None for a pattern."""
    return None if rate.is_pattern else CardOut.of(_card_of(book, rate, at_ms))


def _may_see(caller: Principal, rate: ValuationRate) -> bool:
    return rate.org_id is None or caller.sees(rate.org_id)


def _hidden(org_id: str) -> Problem:
    return Problem(403, f"Rates of {org_id!r} are not for a token that is bound to other organisations.")


def _may_set(caller: Principal, org_id: str | None) -> None:
    if caller.orgs is not None and org_id is None:
        raise Problem(
            403,
            "Rates without org_id are every organisation's; a token that is bound to some may only change its own.",
        )
    if org_id is not None and not caller.sees(org_id):
        raise _hidden(org_id)


def _rate(provider: str, model: str, body: RateBody) -> ValuationRate:
    """A rate of a body, those that it does not name at 0: held against the contract.

    Raises:
        Problem: 422.
    """
    stated = {**body.stated(), **body.terms()}
    if body.is_rates and not stated:
        names = ", ".join((*map(rate_field, PARTS), *TERMS, "multiplier", "same_as"))
        raise invalid(Mistake(where="body", detail=f"names no rate: one of {names}"))
    return _valid(provider, model, body, _ZERO | stated if body.is_rates else stated)


def _valid(provider: str, model: str, body: RateBody, rates: dict[str, Any]) -> ValuationRate:
    said = body.model_dump(include={"note", "org_id", "multiplier", "same_as"})
    fields = {"effective_from": instant_ms(body.effective_from), **said, **rates}
    try:
        return ValuationRate.model_validate({"provider": provider, "model": model, **fields})
    except ValidationError as error:
        raise invalid(*(_mistake(item["loc"], item["msg"]) for item in error.errors())) from None


def _whole_rate(
    names: tuple[str, str], body: RateBody, book: RateBook, inherit: Inherit, now_ms: int
) -> tuple[ValuationRate, RateCard]:
    """The rate with what it inherits, and the card that it inherits from."""
    replaced = replaced_card(book, *names, instant_ms(body.effective_from), now_ms, body.org_id)
    if not body.is_rates:
        return _valid(*names, body, {}), replaced
    try:
        rates = with_inherited(body.stated(), replaced, inherit)
    except ValueError as error:
        raise invalid(Mistake(where="body", detail=str(error))) from None
    terms = with_inherited_terms(rates, body.terms(), replaced, inherit)
    return _valid(*names, body, {**rates, **terms}), replaced


def _inherited(body: RateBody, replaced: RateCard) -> list[str]:
    if not body.is_rates:
        return []
    return [rate_field(part) for part in PARTS if replaced.tiers and rate_field(part) not in body.stated()]


def _checked(provider: str, model: str) -> tuple[str, str]:
    """The names of a path, by the rules for those of a rate."""
    rate = _rate(provider, model, _ANY)
    return rate.provider, rate.model


_ZERO = {"input_usd_per_million_tokens": "0", "output_usd_per_million_tokens": "0"}
_ANY = RateBody.model_validate({"effective_from": "always", **_ZERO})


def _mistake(location: tuple[int | str, ...], message: str) -> Mistake:
    part = "path" if location[:1] in (("provider",), ("model",)) else "body"
    name = ".".join((part, *map(str, location)))
    return Mistake(where=name, detail=message.removeprefix("Value error, "))


def _doubt(rate: ValuationRate, stated: dict[str, str], base: RateBook, now_ms: int) -> None:
    if rate.is_pattern:
        return
    catalogue = base.resolve(provider_of(rate.provider), rate.model, rate.effective_from or now_ms)
    found = [doubt for doubt in doubts(rate, catalogue) if doubt.field in stated]
    if found:
        mistakes = [
            Mistake(where=f"body.{doubt.field}", detail=f"{doubt.value}; the catalogue's is {doubt.catalogue_value}")
            for doubt in found
        ]
        said = "; ".join(f"{doubt.field}={doubt.value}, the catalogue's is {doubt.catalogue_value}" for doubt in found)
        raise Problem(
            409,
            f"At least a thousand times the catalogue's {catalogue.provider}/{catalogue.model}, or a thousandth of it: "
            f"{said}. Rates are USD per million tokens. If that is meant, send it with confirm=true.",
            kind="rate-far-from-catalogue",
            errors=mistakes,
        )


def _meant(
    found: dict[str, ValuationRate], provider: str, model: str, org_id: str | None, at_ms: int | None
) -> ValuationRate:
    if at_ms is not None:
        key = rate_key(provider, model, at_ms, org_id)
        if key not in found:
            raise Problem(404, f"There is no rate {key}.")
        return found[key]
    wanted = rate_key(provider, model, 0, org_id)
    same = [rate for rate in found.values() if rate_key(rate.provider, rate.model, 0, rate.org_id) == wanted]
    if len(same) == 1:
        return same[0]
    if not same:
        raise Problem(404, f"There is no rate for {wanted.removesuffix('@0')}.")
    times = ", ".join(instant_text(rate.effective_from) for rate in sorted(same, key=order_of))
    raise Problem(
        409, f"There are {len(same)} rates for it; say which by effective_from: {times}.", kind="several-rates"
    )
