"""One catalogue after another: what changes, what looks like a mistake, and which corrections still hold."""

import json
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from genai_prices.types import ModelPrice, Provider, StartDateConstraint

from burnline.pricing.book import RateBook
from burnline.pricing.card import RateCard
from burnline.pricing.catalogue import Catalogue
from burnline.pricing.dated import day_ms
from burnline.pricing.doubts import Doubt, far_apart
from burnline.pricing.listed import CatalogueError, read_providers
from burnline.pricing.supplements import supplemented

MOST_GONE = 0.1
"""So large a part of its models a list loses when it is cut off, and not from one day to the next."""


class Difference(NamedTuple):
    """A model that one catalogue prices otherwise than the other: its cards at the time of asking.

    The cards may be equal: then the prices of other times differ, or those of a service tier.
    """

    provider: str
    model: str
    before: RateCard
    after: RateCard
    doubts: tuple[Doubt, ...]
    """Input or output a thousand times what it was or more, or as small a part of it."""

    @property
    def kind(self) -> str:
        """`new`, `gone` (no rate any more) or `changed`."""
        if not self.before.priced:
            return "new"
        return "changed" if self.after.priced else "gone"


def differences(before: Catalogue, after: Catalogue, now_ms: int) -> list[Difference]:
    """What comes with another catalogue, in its order; what is gone at the end."""
    ours = {(provider, entry.id): entry for provider, entry in before.models()}
    theirs = {(provider, entry.id): entry for provider, entry in after.models()}
    old, new = RateBook(before), RateBook(after)
    found = []
    for provider, model in dict.fromkeys((*theirs, *ours)):
        left, right = ours.get((provider, model)), theirs.get((provider, model))
        if left and right and left.asks_as(right):
            continue
        cards = old.resolve(provider, model, now_ms), new.resolve(provider, model, now_ms)
        if any(card.priced for card in cards):
            found.append(Difference(provider, model, *cards, _doubts(*cards)))
    return found


def _doubts(before: RateCard, after: RateCard) -> tuple[Doubt, ...]:
    if not (before.priced and after.priced):
        return ()
    return tuple(
        each for each in far_apart(after.tiers[0], before.tiers[0]) if each.field.startswith(("input", "output"))
    )


def objections(found: Sequence[Difference], before: Catalogue) -> list[str]:
    """What about another catalogue looks like a mistake, a sentence each; none if it may come into force unasked.

    Prices far from those in force, and so many models that lose their price that the list may be cut off.
    """
    said = [
        f"{each.provider}/{each.model}: {doubt.field}={doubt.value}, in force is {doubt.catalogue_value}"
        for each in found
        for doubt in each.doubts
    ]
    gone, listed = sum(each.kind == "gone" for each in found), sum(1 for _ in before.models())
    if gone > listed * MOST_GONE:
        said.append(f"{gone} of {listed} models would have no price any more")
    return said


def succeeding(providers: Sequence[Provider], installed: Catalogue, source: str) -> Catalogue:
    """A catalogue of a newer list. Of the corrections those hold on whose model the list has as it was corrected.

    Where the list has changed a model since then, it knows better than a correction of before.

    Args:
        providers: The newer list.
        installed: The catalogue whose corrections and regions are taken over.
        source: Where the list came from.
    """
    of_before, of_now = Catalogue(installed.contents.providers), Catalogue(providers)
    corrections = []
    for each in installed.contents.corrections:
        wrong, listed = of_before.listed(each.provider, each.name), of_now.listed(each.provider, each.name)
        if wrong and listed and wrong.asks_as(listed):
            corrections.append(each)
    return Catalogue(providers, corrections, installed.regions, source)


def read_successor(text: bytes, installed: Catalogue, source: str) -> Catalogue:
    """A catalogue out of a newer list in genai-prices' own format, see `succeeding`.

    Raises:
        CatalogueError: It is none.
    """
    try:
        document = json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise CatalogueError(f"the list is not JSON: {error}") from error
    return succeeding(supplemented(read_providers(document)), installed, source)


def newest_price_ms(catalogue: Catalogue, now_ms: int) -> int:
    """The last day up to now on which one of its dated prices began, epoch milliseconds: it is no older than that.

    A list does not say of which day it is. 0 if it has no dated price.
    """
    days = {
        constraint.start_date
        for provider in catalogue.contents.providers
        for model in provider.models
        for price in (*(() if isinstance(model.prices, ModelPrice) else model.prices), *(model.price_variants or ()))
        if isinstance(constraint := price.constraint, StartDateConstraint)
    }
    return max((began for began in map(_ms, days) if began <= now_ms), default=0)


def _ms(day: date) -> int:
    return day_ms(day.year, day.month, day.day)
