"""Providers, models and prices in genai-prices' own format (`data.json`), as far as a catalogue follows from them.

What says nothing about a price (names, descriptions, how responses are read) is passed over when a document is read,
and left out when one is written. What would change a price and is not known here is refused: a condition that is
passed over would make a discount hold always.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, time
from decimal import Decimal
from typing import Any

from genai_prices.types import (
    ClauseAnd,
    ClauseContains,
    ClauseEndsWith,
    ClauseEquals,
    ClauseOr,
    ClauseRegex,
    ClauseStartsWith,
    ConditionalPrice,
    MatchLogic,
    ModelInfo,
    ModelPrice,
    PriceVariant,
    Provider,
    StartDateConstraint,
    Tier,
    TieredPrices,
    TimeOfDateConstraint,
)

Fields = Mapping[str, Any]
Constraint = StartDateConstraint | TimeOfDateConstraint


class CatalogueError(ValueError):
    """A text that is no catalogue, or one that this version cannot price by; the message names where and why."""


def read_providers(document: object) -> list[Provider]:
    """Providers out of a parsed document; its fractions are to be `Decimal`.

    Raises:
        CatalogueError: It is no such document; the message names provider, model and field.
    """
    if not isinstance(document, list) or not document:
        raise CatalogueError("the list of providers is no list, or an empty one")
    return [_read(f"provider {_id(each)}", _provider, each) for each in document]


def written_providers(providers: Iterable[Provider]) -> list[dict[str, Any]]:
    """The document that `read_providers` reads; equal prices make equal documents, however they were spelt."""
    return [_without_nothing(_written_provider(each)) for each in providers]


def _read(where: str, read: Callable[[Any], Any], value: Any) -> Any:
    try:
        return read(value)
    except CatalogueError as error:
        raise CatalogueError(f"{where}: {error}") from error
    except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError) as error:
        said = f"misses {error}" if isinstance(error, KeyError) else str(error)
        raise CatalogueError(f"{where}: {said or type(error).__name__}") from error


def _id(entry: object) -> str:
    return f"{entry.get('id')!r:.80}" if isinstance(entry, Mapping) else f"{entry!r:.80}"


def _provider(entry: Fields) -> Provider:
    models = [_read(f"model {_id(each)}", _model, each) for each in entry["models"]]
    claims = entry.get("model_match")
    return Provider(
        id=_text(entry["id"]),
        name=_text(entry["id"]),
        api_pattern="",
        model_match=None if claims is None else _clause(claims),
        fallback_model_providers=[_text(each) for each in entry.get("fallback_model_providers") or ()] or None,
        models=models,
    )


def _model(entry: Fields) -> ModelInfo:
    prices, variants = entry["prices"], entry.get("price_variants")
    return ModelInfo(
        id=_text(entry["id"]),
        match=_clause(entry["match"]),
        prices=[_conditional(each) for each in prices] if isinstance(prices, list) else _price(prices),
        price_variants=[_variant(each) for each in variants] if variants else None,
    )


def _conditional(entry: Fields) -> ConditionalPrice:
    _only(entry, "constraint", "prices")
    return ConditionalPrice(_constraint(entry.get("constraint")), prices=_price(entry["prices"]))


def _variant(entry: Fields) -> PriceVariant:
    _only(entry, "when", "prices", "constraint")
    when = {_text(name): _text(value) for name, value in entry["when"].items()}
    return PriceVariant(when, _price(entry["prices"]), _constraint(entry.get("constraint")))


def _constraint(entry: Fields | None) -> Constraint | None:
    if entry is None:
        return None
    if "start_date" in entry:
        _only(entry, "start_date")
        return StartDateConstraint(date.fromisoformat(entry["start_date"]))
    _only(entry, "start_time", "end_time")
    return TimeOfDateConstraint(time.fromisoformat(entry["start_time"]), time.fromisoformat(entry["end_time"]))


def _price(entry: Fields) -> ModelPrice:
    return ModelPrice(**{unit: _rate(unit, value) for unit, value in entry.items() if value is not None})


def _rate(unit: str, value: Any) -> Decimal | TieredPrices:
    if not isinstance(value, Mapping):
        return _amount(unit, value)
    _only(value, "base", "tiers")
    tiers = [Tier(_line(unit, each["start"]), _amount(unit, each["price"])) for each in value["tiers"]]
    return TieredPrices(_amount(unit, value["base"]), tiers)


def _line(unit: str, value: Any) -> int:
    if type(value) is not int or value < 1:
        raise CatalogueError(f"{unit}: a tier starts at {value!r:.40}, which is no number of tokens")
    return value


def _amount(unit: str, value: Any) -> Decimal:
    amount = Decimal(value) if isinstance(value, int | str | Decimal) and not isinstance(value, bool) else None
    if amount is None or not amount.is_finite() or amount < 0:
        raise CatalogueError(f"{unit}={value!r:.40} is no price in USD")
    return amount


_TEXTS: dict[str, Callable[[str], MatchLogic]] = {
    "equals": ClauseEquals,
    "starts_with": ClauseStartsWith,
    "ends_with": ClauseEndsWith,
    "contains": ClauseContains,
    "regex": ClauseRegex,
}
_WHOLES: dict[str, Callable[[list[MatchLogic]], MatchLogic]] = {"or": ClauseOr, "and": ClauseAnd}


def _clause(entry: Fields) -> MatchLogic:
    ((kind, value),) = entry.items()
    if kind in _WHOLES:
        return _WHOLES[kind]([_clause(each) for each in value])
    if kind not in _TEXTS:
        raise CatalogueError(f"matches by {kind!r:.40}, which is not known here")
    return _TEXTS[kind](_text(value))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise CatalogueError(f"{value!r:.40} is no text")
    return value


def _only(entry: Fields, *known: str) -> None:
    unknown = sorted(entry.keys() - set(known))
    if unknown:
        raise CatalogueError(f"{unknown[0]!r:.40} is not known here, and prices may depend on it")


def _written_provider(provider: Provider) -> dict[str, Any]:
    return {
        "id": provider.id,
        "model_match": None if provider.model_match is None else _written_clause(provider.model_match),
        "fallback_model_providers": provider.fallback_model_providers or None,
        "models": [_without_nothing(_written_model(each)) for each in provider.models],
    }


def _written_model(model: ModelInfo) -> dict[str, Any]:
    prices = model.prices
    return {
        "id": model.id,
        "match": _written_clause(model.match),
        "prices": _written_price(prices)
        if isinstance(prices, ModelPrice)
        else [_without_nothing(_written_conditional(each)) for each in prices],
        "price_variants": [
            _without_nothing({"when": each.when, **_written_conditional(each)}) for each in model.price_variants or ()
        ]
        or None,
    }


def _written_conditional(price: ConditionalPrice | PriceVariant) -> dict[str, Any]:
    constraint = price.constraint
    if isinstance(constraint, StartDateConstraint):
        said = {"start_date": constraint.start_date.isoformat()}
    elif constraint is not None:
        said = {"start_time": _of_day(constraint.start_time), "end_time": _of_day(constraint.end_time)}
    return {"constraint": None if constraint is None else said, "prices": _written_price(price.prices)}


def _of_day(at: time) -> str:
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).isoformat()


def _written_price(price: ModelPrice) -> dict[str, Any]:
    return {unit: _written_rate(value) for unit, value in sorted(vars(price).items()) if value is not None}


def _written_rate(rate: Decimal | TieredPrices) -> Any:
    if isinstance(rate, Decimal):
        return _plain(rate)
    return {
        "base": _plain(rate.base),
        "tiers": [{"start": tier.start, "price": _plain(tier.price)} for tier in rate.tiers],
    }


def _plain(amount: Decimal) -> Decimal:
    """The same amount with neither an exponent nor zeros at its end: 2.50 and 2.5 are one price."""
    return Decimal(f"{amount.normalize():f}")


def _written_clause(clause: MatchLogic) -> dict[str, Any]:
    match clause:
        case ClauseEquals():
            return {"equals": clause.equals}
        case ClauseStartsWith():
            return {"starts_with": clause.starts_with}
        case ClauseEndsWith():
            return {"ends_with": clause.ends_with}
        case ClauseContains():
            return {"contains": clause.contains}
        case ClauseRegex():
            return {"regex": clause.regex}
        case ClauseOr():
            return {"or": [_written_clause(part) for part in clause.or_]}
        case ClauseAnd():
            return {"and": [_written_clause(part) for part in clause.and_]}


def _without_nothing(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
