"""The catalogues that stand on the topic `catalogues`: each under its hash, and one record that says which is in force.

A catalogue stays there when another one comes into force, so that an old charge can be worked out again by the prices
that it was charged with.
"""

from collections.abc import Mapping
from typing import Self

import msgspec

from burnline.pricing.catalogue import Catalogue
from burnline.pricing.listed import CatalogueError
from burnline.pricing.snapshot import decode, encode

IN_FORCE = "in-force"
"""Key of the record that says which catalogue is in force."""


class InForce(msgspec.Struct, frozen=True):
    """Which catalogue is in force, since when, and of which day it is at least; epoch milliseconds."""

    version: str
    since_ms: int
    as_of_ms: int
    source: str

    @classmethod
    def decode(cls, value: bytes) -> Self:
        """Read the record.

        Raises:
            CatalogueError: It is none.
        """
        try:
            return msgspec.json.decode(value, type=cls)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise CatalogueError(f"record {IN_FORCE!r}: {error}: {value[:200]!r}") from error


class Shelf:
    """What stands on the topic."""

    def __init__(self, records: Mapping[bytes, bytes]) -> None:
        """Take the newest record of each key; they are read when they are asked for."""
        self._records = records

    @property
    def in_force(self) -> InForce | None:
        """Which catalogue is in force; None where none was ever published: then it is the bundled one.

        Raises:
            CatalogueError: The record cannot be read.
        """
        value = self._records.get(IN_FORCE.encode())
        return None if value is None else InForce.decode(value)

    def holds(self, version: str) -> bool:
        """Whether a catalogue of this hash stands there."""
        return version.encode() in self._records

    def catalogue(self, version: str) -> Catalogue:
        """The catalogue of this hash.

        Raises:
            CatalogueError: It does not stand there, or cannot be read.
        """
        bundled = Catalogue.bundled()
        if version == bundled.version:
            return bundled
        value = self._records.get(version.encode())
        if value is None:
            raise CatalogueError(f"catalogue {version} does not stand on the topic")
        return catalogue_of(version, value)

    def current(self) -> Catalogue:
        """The catalogue in force.

        Raises:
            CatalogueError: It does not stand there, or cannot be read.
        """
        in_force = self.in_force
        return Catalogue.bundled() if in_force is None else self.catalogue(in_force.version)


def catalogue_of(version: str, value: bytes) -> Catalogue:
    """A catalogue out of its record.

    Raises:
        CatalogueError: It cannot be read, or is another one than its key says.
    """
    try:
        snapshot = decode(value)
    except CatalogueError as error:
        raise CatalogueError(f"catalogue {version}: {error}") from error
    if snapshot.version != version:
        raise CatalogueError(f"catalogue {version}: what stands there is {snapshot.version}")
    return Catalogue(*snapshot.contents, source=snapshot.source)


def records_of(catalogue: Catalogue, *, since_ms: int, as_of_ms: int) -> dict[str, bytes]:
    """What has to be written, in one transaction and in this order, for a catalogue to come into force."""
    in_force = InForce(catalogue.version, since_ms, as_of_ms, catalogue.source)
    return {**kept(catalogue), IN_FORCE: msgspec.json.encode(in_force)}


def kept(catalogue: Catalogue) -> dict[str, bytes]:
    """What has to be written for a catalogue to be kept."""
    return {catalogue.version: encode(catalogue.contents, catalogue.source)}
