"""The progress record: how far a source partition is in the ledgers. Written in the same transaction as they are."""

from typing import Annotated

import msgspec
from pydantic import BaseModel, Field

from burnline.events.usage import END_TIME_MS
from burnline.ledger.lineage import Lineage, SourceLineage

VERSION = 1

_Natural = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_EventTimeMs = Annotated[int, msgspec.Meta(ge=0, lt=END_TIME_MS)]


MAX_CATALOGUES = 64
"""Newest catalogues that are remembered: one for each day of two months."""


class CatalogueSince(msgspec.Struct, frozen=True):
    """From which offset on events were charged by a catalogue, until the next one; overrides go before it."""

    version: str
    since_offset: _Natural
    since_ms: _Natural
    """The log's time then."""


def charged_by(known: tuple[CatalogueSince, ...], offset: int) -> str | None:
    """The catalogue that an event at an offset was charged by, None if that is not known."""
    return next((each.version for each in reversed(known) if each.since_offset <= offset), None)


def going_on_by(
    known: tuple[CatalogueSince, ...], version: str, offset: int, logged_ms: int
) -> tuple[CatalogueSince, ...]:
    """The catalogues, when events from an offset on are charged by this one.

    One that was in force for no event, as where two come after each other between two batches, is left out.
    """
    if known and known[-1].version == version:
        return known
    before = tuple(each for each in known if each.since_offset < offset)
    if before and before[-1].version == version:
        return before
    return (*before, CatalogueSince(version, offset, logged_ms))[-MAX_CATALOGUES:]


class Progress(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far one source partition has been applied. Key of its record: the partition's number."""

    version: int
    source_topic: str
    source_partition: _Natural
    next_offset: _Natural
    watermark_ms: _EventTimeMs
    written_at_ms: _Natural
    appended_at_ms: _Natural = 0
    """0 in records of before it was kept."""
    lineage: Lineage | None = None
    """None in records from before there were any."""
    old_ids_until_offset: _Natural | None = None
    """Below it event ids of sessions are looked for as they were known before organisations were told apart. None in
    records of before that."""
    catalogues: tuple[CatalogueSince, ...] = ()
    """Which prices were in force from which offset on; of before the first one it is not known."""

    @property
    def key(self) -> bytes:
        """Key of the record."""
        return str(self.source_partition).encode()

    def encode(self) -> bytes:
        """Value of the record."""
        return msgspec.json.encode(self)

    @classmethod
    def decode(cls, value: bytes) -> "Progress":
        """What `encode` wrote.

        Raises:
            ValueError: The value is damaged or of a newer version.
        """
        try:
            progress = msgspec.json.decode(value, type=cls)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise ValueError(f"not a progress record: {error}: {value[:200]!r}") from error
        if progress.version != VERSION:
            raise ValueError(f"progress record version={progress.version}: this is Burnline for version {VERSION}")
        return progress


class SourceCatalogue(BaseModel):
    """From which offset on events were charged by a catalogue."""

    version: str = Field(description="Twelve hexadecimal digits; burnline rates catalogue prints the installed one's.")
    since_offset: int = Field(ge=0)
    since_ms: int = Field(ge=0, description="The log's time then, Unix epoch ms.")


class SourceProgress(BaseModel):
    """How far the worker has come on one partition of the usage topic."""

    version: int = Field(ge=1, le=VERSION)
    source_topic: str
    source_partition: int = Field(ge=0)
    next_offset: int = Field(ge=0, description="Every event before this offset is in the ledgers, or a dead letter.")
    watermark_ms: int = Field(description="Greatest event time seen on the partition, none ahead of the log, ms.")
    written_at_ms: int = Field(description="When this was written, Unix epoch ms by the worker's clock.")
    appended_at_ms: int = Field(0, ge=0, description="When the log took the newest record applied, Unix epoch ms.")
    lineage: SourceLineage | None = Field(
        default=None, description="Which topics it belongs to, and how much they must hold."
    )
    old_ids_until_offset: int | None = Field(
        None,
        ge=0,
        description="Events before it are also looked for among ids that were written before sessions were told apart "
        "by organisation; null in records of before that.",
    )
    catalogues: list[SourceCatalogue] = Field(
        [],
        max_length=MAX_CATALOGUES,
        description="Which catalogue's prices were in force from which offset on, ascending; set rates go before them.",
    )
