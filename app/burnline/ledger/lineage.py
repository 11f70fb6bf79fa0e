"""What ties a partition's progress to its topics: which ones they are, and what must be in them.

A progress record alone says "everything below offset 1,000 is counted". Of a source topic that was made anew the same
offsets are other events, and of ledgers that were lost nothing is left to count on from. So the record says, too, which
topics it belongs to (by the ids that brokers give, which no topic that is made anew shares) and how many events the
ledgers and closed rollups hold together. What does not fit is refused, with the reason, and never guessed at.
"""

from collections.abc import Mapping

import msgspec
from pydantic import BaseModel, Field


class Lineage(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where one partition's counts come from, and what belongs to them."""

    source_topic_id: str = ""
    """Of the source topic, as the brokers say it; empty where they say none."""
    state_topic_ids: Mapping[str, str] = {}
    """Of the topics that are written with the progress, by topic name."""
    events: int = 0
    """Events in the ledgers and closed rollups of the partition."""
    lost_events: int = 0
    """Offsets that were gone from the source topic before they were read."""
    offset_base: int = 0
    """Offsets of former source topics: added where records keep offsets, so that they are unique over all of them and
    tell of which topic they are."""
    begun_at_ms: int = 0
    """When the present source topic was accepted or counting began anew, Unix epoch ms; 0 from the very beginning."""
    begun_from: Mapping[str, int] = {}
    """Where the partitions of topics ended then, by topic name, and from which offset on the source topic was counted:
    what stands below belongs to what was before. Empty where it was not kept."""
    kept_events: int = 0
    """Events that the ledgers held then, and kept."""

    def with_events(self, more: int, lost: int = 0) -> "Lineage":
        """After so many more events were counted, and so many were lost."""
        if not more and not lost:
            return self
        return msgspec.structs.replace(self, events=self.events + more, lost_events=self.lost_events + lost)


class SourceLineage(BaseModel):
    """Which topics a progress belongs to, and how much they must hold."""

    source_topic_id: str = Field(default="", description="Id of the usage topic; empty where brokers tell none.")
    state_topic_ids: dict[str, str] = Field(
        default_factory=dict, description="Ids of the topics written together with the progress, by name."
    )
    events: int = Field(default=0, ge=0, description="Events in the partition's ledgers and closed rollups.")
    lost_events: int = Field(default=0, ge=0, description="Offsets gone from the usage topic before they were read.")
    offset_base: int = Field(
        default=0,
        ge=0,
        description="Offsets of former usage topics, part of since_offset and last_offset in the records.",
    )
    begun_at_ms: int = Field(
        default=0, ge=0, description="When the usage topic was accepted or counted anew, Unix epoch ms; 0: never."
    )
    begun_from: dict[str, int] = Field(
        default_factory=dict,
        description="Offsets, by topic name, from which on records belong to the counting that began then.",
    )
    kept_events: int = Field(default=0, ge=0, description="Events of former usage topics, kept in the ledgers then.")
