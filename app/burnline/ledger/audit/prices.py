"""By which catalogue each stretch of a partition's log was charged, so that it is recounted by the same."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from burnline.ledger.policy import Policy
from burnline.ledger.progress import CatalogueSince
from burnline.pricing.book import RateBook

Books = Callable[[str], RateBook | None]
"""The rates over the catalogue of a version; None if that catalogue is not kept."""


def no_books(_: str) -> RateBook | None:
    """No catalogue is kept."""
    return None


class PricesCharged:
    """The catalogues of one partition. Where one is not kept, or not known, that of now stands in for it."""

    def __init__(self, known: Sequence[CatalogueSince], policy: Policy, books: Books) -> None:
        """Take over a policy that prices by the rates in force now.

        Args:
            known: Of the partition's progress, ascending.
            policy: Is given the book of each stretch.
            books: Finds them.
        """
        self._known = known
        self._policy = policy
        self._now = policy.book
        self._books = books
        self._priced_as: dict[str, set[str]] = {}

    def stretches(self, offsets: Sequence[int]) -> Iterator[slice]:
        """Stretches of ascending offsets; before each comes out, the policy prices as it was charged."""
        if not self._known:
            yield slice(0, len(offsets))
            return
        begins = [bisect_left(offsets, each.since_offset) for each in self._known]
        versions = [None, *(each.version for each in self._known)]
        for version, (start, stop) in zip(versions, pairwise((0, *begins, len(offsets))), strict=True):
            if start < stop:
                self._price_by(version)
                yield slice(start, stop)

    def end(self) -> None:
        """Price by the rates in force again."""
        self._price_by(None)

    def _price_by(self, version: str | None) -> None:
        book = self._now if version is None else self._book(version) or self._now
        if self._policy.book is not book:
            self._note_names()
            self._policy.set_book(book)

    def _note_names(self) -> None:
        for (_, model), card in self._policy.cards.items():
            self._priced_as.setdefault(model, set()).add(card.model.lower())

    def names_of(self, model: str) -> set[str]:
        """What a model that events name is called by the cards that priced it, in lower case."""
        self._note_names()
        return {model.strip().lower(), *self._priced_as.get(model, ())}

    def _book(self, version: str) -> RateBook | None:
        return self._now if version == self._now.catalogue_version else self._books(version)

    def not_kept(self, first_offset: int, next_offset: int) -> list[str]:
        """Versions of catalogues that cannot be recounted by, of those that charged events in `[first, next)`."""
        ends = (*(each.since_offset for each in self._known[1:]), next_offset)
        charged = (
            each.version
            for each, end in zip(self._known, ends, strict=False)  # there may be none of either
            if max(first_offset, each.since_offset) < min(end, next_offset)
        )
        return [version for version in dict.fromkeys(charged) if self._book(version) is None]
