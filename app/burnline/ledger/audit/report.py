"""What an audit found, as figures and rows; partitions add up."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from burnline.detection.anomaly import rfc3339
from burnline.ledger.audit.cut import Begun
from burnline.ledger.audit.identities import MOST_NAMED, Oddities, Places
from burnline.ledger.audit.outcome import NO_DIFFERENCE, Outcome, Row
from burnline.ledger.audit.sums import Fields
from burnline.ledger.session import SUM_FIELDS
from burnline.pricing.money import usd_text

NO_SUMS: Fields = (0,) * len(SUM_FIELDS)


class Findings:
    """Rows by outcome: all are counted, the first so many of each are kept."""

    def __init__(self, most_rows: int) -> None:
        self._most_rows = most_rows
        self.counts: Counter[Outcome] = Counter()
        self.rows: dict[Outcome, list[Row]] = {}

    def add(self, row: Row) -> None:
        """Take a row."""
        self.counts[row.outcome] += 1
        self._keep(row)

    def extend(self, others: "Findings") -> None:
        """Take all that others have."""
        self.counts += others.counts
        for rows in others.rows.values():
            for row in rows:
                self._keep(row)

    def _keep(self, row: Row) -> None:
        kept = self.rows.setdefault(row.outcome, [])
        if len(kept) < self._most_rows:
            kept.append(row)

    @property
    def differences(self) -> int:
        """How many things differ."""
        return sum(count for outcome, count in self.counts.items() if outcome not in NO_DIFFERENCE)


@dataclass(frozen=True, slots=True)
class PartitionReport:
    """One partition, audited; with the defaults, one that could not be."""

    partition: int
    findings: Findings
    first_offset: int = 0
    """From here on the log was read; what came before is gone, or was left out."""
    whole: bool = False
    """Whether that is where the log once began, and nothing of it went while it was read."""
    begun: Begun | None = None
    """Since when it is counted as it is; None: from the very beginning."""
    next_offset: int = 0
    """The partition's progress."""
    unapplied: int = 0
    """Offsets of the log that the progress does not cover yet: events at most."""
    records: int = 0
    """Read below the progress."""
    repeats: int = 0
    """Repeated event ids among them."""
    oddities: Oddities = field(default_factory=Oddities)
    """Ids among them that stand for several events."""
    refused: int = 0
    """Refused events among them."""
    letters_not_checkable: int = 0
    """Of these, events whose dead letters may be gone by retention."""
    sessions: Counter[Outcome] = field(default_factory=Counter)
    """Sessions by what became of them; retired ones without a ledger among them."""
    recomputed: Fields = NO_SUMS
    """Sums of all sessions that were compared, out of the log."""
    counted: Fields = NO_SUMS
    """The same out of ledgers and closed rollups."""
    not_checkable: Fields = NO_SUMS
    """Sums of the ledgers that cannot be checked."""
    rollups_compared: bool = False
    """Whether closed rollups were compared exactly: not with a part of the log, or while sessions were retired."""
    usage_compared: bool = False
    """Whether usage rollups could be compared: there are some, and the log of some quarters is whole."""
    usage_settled: Fields = NO_SUMS
    """Sums of the usage rollups that were compared exactly."""
    usage_moving: Fields = NO_SUMS
    """Sums of those that workers are still adding to: they must hold at least what the log does."""


class AuditReport:
    """All partitions."""

    def __init__(self, most_rows: int) -> None:
        self.partitions: list[PartitionReport] = []
        self.findings = Findings(most_rows)
        self.places = Places()

    def add(self, report: PartitionReport) -> None:
        """Take a partition."""
        self.partitions.append(report)
        self.findings.extend(report.findings)

    @property
    def agrees(self) -> bool:
        """Whether nothing differs."""
        return not self.findings.differences

    @property
    def sessions(self) -> Counter[Outcome]:
        """Sessions by what became of them."""
        return sum((report.sessions for report in self.partitions), Counter())

    @property
    def recomputed(self) -> Fields:
        """Sums out of the log."""
        return add_fields(report.recomputed for report in self.partitions)

    @property
    def counted(self) -> Fields:
        """Sums out of ledgers and closed rollups."""
        return add_fields(report.counted for report in self.partitions)

    @property
    def not_checkable(self) -> Fields:
        """Sums of ledgers that cannot be checked."""
        return add_fields(report.not_checkable for report in self.partitions)

    @property
    def usage_settled(self) -> Fields:
        """Sums of usage rollups that were compared exactly."""
        return add_fields(report.usage_settled for report in self.partitions)

    @property
    def usage_moving(self) -> Fields:
        """Sums of usage rollups that workers are still adding to."""
        return add_fields(report.usage_moving for report in self.partitions)

    def as_json(self) -> dict[str, Any]:
        """The whole report as a JSON object; amounts in USD as exact decimal strings."""
        return {
            "agrees": self.agrees,
            "differences": self.findings.differences,
            "recomputed": fields_json(self.recomputed),
            "counted": fields_json(self.counted),
            "not_checkable": fields_json(self.not_checkable),
            "usage_rollups": {
                "compared": fields_json(self.usage_settled),
                "still_written": fields_json(self.usage_moving),
            },
            "sessions": {outcome.value: count for outcome, count in sorted(self.sessions.items())},
            "dead_letters": {
                "refused": sum(report.refused for report in self.partitions),
                "not_checkable": sum(report.letters_not_checkable for report in self.partitions),
            },
            "sessions_on_several_partitions": {
                "count": len(self.places.spread),
                "first": [
                    {"org_id": org_id, "session_id": session_id, "partitions": sorted(partitions)}
                    for (org_id, session_id), partitions in islice(self.places.spread.items(), MOST_NAMED)
                ],
            },
            "partitions": [_partition_json(report) for report in self.partitions],
            "findings": {
                outcome.value: {"count": self.findings.counts[outcome], "first": [_row_json(row) for row in rows]}
                for outcome, rows in sorted(self.findings.rows.items())
            },
        }


def add_fields(many: Iterable[Fields]) -> Fields:
    """All of them added up."""
    return tuple(map(sum, zip(NO_SUMS, *many, strict=True)))


def fields_json(fields: Fields) -> dict[str, int | str]:
    """Sums by name, as they stand in a ledger."""
    return {
        name.replace("_pico_usd", "_usd"): usd_text(value) if name.endswith("_pico_usd") else value
        for name, value in zip(SUM_FIELDS, fields, strict=True)
    }


def _partition_json(report: PartitionReport) -> dict[str, Any]:
    return {
        "partition": report.partition,
        "first_offset": report.first_offset,
        "whole": report.whole,
        "begun": None if report.begun is None else _begun_json(report.begun),
        "next_offset": report.next_offset,
        "unapplied": report.unapplied,
        "records": report.records,
        "repeated_event_ids": report.repeats,
        "repeated_with_other_content": report.oddities.other_content,
        "event_ids_of_other_sessions": report.oddities.other_session,
        "refused": report.refused,
        "sessions": {outcome.value: count for outcome, count in sorted(report.sessions.items())},
        "rollups_compared": report.rollups_compared,
        "usage_rollups_compared": report.usage_compared,
        "differences": report.findings.differences,
    }


def _begun_json(begun: Begun) -> dict[str, Any]:
    return {
        "how": "adopted" if begun.adopted else "recounted",
        "at": rfc3339(begun.at_ms),
        "from_offset": begun.from_offset,
        "kept_events": begun.kept_events,
    }


def _row_json(row: Row) -> dict[str, Any]:
    return {
        "partition": row.partition,
        "subject": row.subject,
        "events": row.events,
        "tokens": row.tokens,
        "usd": usd_text(row.pico_usd),
        "detail": row.detail,
    }
