"""Every key that Burnline has in Redis: its name, its type, what is in it and how long it stays. No I/O.

`Control` holds the few keys that outlive a generation, `Keys` all others. A generation is one whole picture of the
topics. Readers ask for `Control.generation` first, in each refresh, and answer 503 when it is missing: nothing is
there, or not everything yet. A rebuild fills another generation and then switches, so the id read may change between
two refreshes; whatever was cached of the one before is void then. Ids grow and are never used twice, over a loss of
all data either: take them for opaque.

A projection stands in one Redis: its scripts touch keys that a Redis Cluster would keep in different places.
"""

from datetime import date
from typing import NamedTuple

DAY_MS = 86_400_000

CHANGES_KEPT = 10_000
"""So many numbers of `change_seq` stay in `changes`. A reader that is further behind loads all sessions anew."""
FEED_LENGTH = 10_000
"""About so many entries stay in `feed`."""
RATE_HISTORY_LENGTH = 100
"""So many changes of a rate stay in its history."""
ANOMALY_TTL_MS = 90 * DAY_MS
"""How long an anomaly is kept after its last notice was written; the topic's own retention."""
CLOSED_TTL_MS = 31 * DAY_MS
"""How long after its last event a retired session is kept."""
CLOSED_KEPT = 50_000
"""So many retired sessions are kept at most: those with the newest events."""
_EPOCH = date(1970, 1, 1).toordinal()


class Control(NamedTuple):
    """The keys that are no part of a generation."""

    prefix: str

    @property
    def generation(self) -> str:
        """String: the id of the generation that readers use. Missing: there is none that is whole. No TTL."""
        return f"{self.prefix}gen"

    @property
    def building(self) -> str:
        """String: the id of the generation that is being filled. Missing: none. No TTL."""
        return f"{self.prefix}building"

    @property
    def retired(self) -> str:
        """Set: ids of generations whose keys are still to be deleted. No TTL."""
        return f"{self.prefix}retired"

    @property
    def rebuild(self) -> str:
        """String: somebody wants another generation built; deleted when that begins. No TTL."""
        return f"{self.prefix}rebuild"

    @property
    def unfit(self) -> str:
        """String: why nobody is to read from this Redis; a sentence. Missing: it is fit. No TTL."""
        return f"{self.prefix}unfit"

    @property
    def lease(self) -> str:
        """String: the projector at work. TTL: seconds, renewed while it works."""
        return f"{self.prefix}projector"

    @property
    def tokens(self) -> str:
        """Hash: token id -> JSON {id, name, sha256, role, orgs|null, created_at, expires_at|null, revoked_at|null}.

        The only key that is no projection: nothing can restore it. No TTL; no rebuild touches it.
        """
        return f"{self.prefix}tokens"

    def keys(self, generation: str) -> "Keys":
        """The keys of one generation."""
        return Keys(f"{self.prefix}{generation}:")


class Keys(NamedTuple):
    """The keys of one generation. JSON values are UTF-8, times Unix epoch milliseconds, amounts decimal strings.

    None has a TTL: what Redis may drop by itself cannot be told from what was lost. `expires` says what ends when.
    """

    prefix: str

    @property
    def offsets(self) -> str:
        """Hash: `<topic>/<partition>` -> the offset projected next. Written with the data it speaks for. No TTL."""
        return f"{self.prefix}offsets"

    @property
    def counts(self) -> str:
        """Hash: how much each key holds, by its name without the generation's prefix. Moves with the data.

        A hash, set, list or stream by its entries, `change_seq` by its number. Not the hashes of sessions and of
        anomalies, which are there if `sessions` and `anomalies` name them. `@generation` is the generation's id;
        without it, nothing is known. `@lost` names a key that was found to hold less; then nobody reads the
        generation any more.
        """
        return f"{self.prefix}counts"

    @property
    def expires(self) -> str:
        """Sorted set: `anomaly:<id>` and `rollups:<day>` by the moment at which they are to be deleted."""
        return f"{self.prefix}expires"

    @property
    def unreadable(self) -> str:
        """Hash: `<topic>/<partition>` -> JSON {count, offset, why}: records passed over, and the last of them."""
        return f"{self.prefix}unreadable"

    @property
    def seen_at_ms(self) -> str:
        """String: when a projector last was at work here (its clock). `ends` is as of then."""
        return f"{self.prefix}seen_at_ms"

    @property
    def progress(self) -> str:
        """Hash: source partition -> JSON {next_offset, written_at_ms, ...} (`rows.ProgressRow`). No TTL."""
        return f"{self.prefix}progress"

    @property
    def ends(self) -> str:
        """Hash: source partition -> offset at which `usage` ended at `seen_at_ms`. No TTL.

        Lag in events of a partition: its end less `next_offset` of its progress, and never below 0.
        """
        return f"{self.prefix}ends"

    def session(self, session_id: str) -> str:
        """Hash: `session_field` -> ledger as JSON (`rows.SessionRow`), of every org. Goes when the last is deleted."""
        return f"{self.prefix}session:{session_id}"

    @property
    def sessions(self) -> str:
        """Sorted set: every session id by `last_event_at`, the greatest of its partitions. No TTL."""
        return f"{self.prefix}sessions"

    def sessions_of(self, org_id: str) -> str:
        """Sorted set: ids of the sessions with a ledger of this org, by `last_event_at` as above. No TTL."""
        return f"{self.prefix}sessions:org:{org_id}"

    def closed_session(self, session_id: str) -> str:
        """Hash: `<session_field>@<last_offset>` -> a ledger as it was when it was retired, without its slices.

        A session that begins anew has a ledger beside it, which counts what came since. One whose ledger begins before
        the end of what is here is being counted anew from the log: then what is here goes.
        """
        return f"{self.prefix}closed:{session_id}"

    @property
    def closed_sessions(self) -> str:
        """Sorted set: ids of the sessions with something in `closed_session`, by `last_event_at`.

        The `CLOSED_KEPT` newest, until `CLOSED_TTL_MS` after their last event. A rebuild finds what compaction has left
        on the topic, and takes over the rest from the generation before.
        """
        return f"{self.prefix}closed"

    @property
    def change_seq(self) -> str:
        """String: number of the last batch that changed a session."""
        return f"{self.prefix}change_seq"

    @property
    def changes(self) -> str:
        """Sorted set: session id by the `change_seq` of its last change, its deletion included.

        Read `change_seq` first, then all that is above the number one had before; a session whose hash is gone was
        deleted, and may be closed. Entries more than `CHANGES_KEPT` behind are dropped.
        """
        return f"{self.prefix}changes"

    def anomaly(self, anomaly_id: str) -> str:
        """Hash: revision -> notice as JSON, all fields in each. Until `ANOMALY_TTL_MS` after the last was written."""
        return f"{self.prefix}anomaly:{anomaly_id}"

    @property
    def anomalies(self) -> str:
        """Sorted set: anomaly id by `updated_at` of its newest revision; every one that has a hash."""
        return f"{self.prefix}anomalies"

    @property
    def open_anomalies(self) -> str:
        """Sorted set: ids of the anomalies that are not resolved, by `opened_at`."""
        return f"{self.prefix}anomalies:open"

    @property
    def anomaly_notes(self) -> str:
        """Hash: the record's key (`anomaly_id/kind`) -> note as JSON. Goes with its anomaly, or when taken back."""
        return f"{self.prefix}anomalies:notes"

    @property
    def feed(self) -> str:
        """Stream of about `FEED_LENGTH` entries {type: anomaly, data: notice as JSON}.

        An entry's id is `<when its record was appended, ms>-<n>`, moved on where that would go backwards. So a reader
        may resume in another generation; it knows a notice it has seen by anomaly id and revision.
        """
        return f"{self.prefix}feed"

    @property
    def feed_backlog(self) -> str:
        """Sorted set: while a generation is filled, its feed's notices by append time. The switch makes them `feed`."""
        return f"{self.prefix}feed:backlog"

    def rollups(self, day: str) -> str:
        """Hash of one UTC day (`2026-11-24`): the record's key (JSON array) -> the record's value (`rows.RollupRow`).

        Until the rollups' retention (BURNLINE_ROLLUP_RETENTION_DAYS) after the day's newest record was written.
        """
        return f"{self.prefix}rollups:{day}"

    @property
    def rollup_revisions(self) -> str:
        """Hash: UTC day -> a counter that grows with each batch that changed the day."""
        return f"{self.prefix}rollups:rev"

    @property
    def rollup_days(self) -> str:
        """Sorted set: UTC day by its number since 1970-01-01."""
        return f"{self.prefix}rollups:days"

    @property
    def rollup_cuts(self) -> str:
        """Hash: source partition -> up to which offset the ledgers hold all events that its rollups have.

        Empty while a flush is not whole here, and where the workers that wrote it did not say. No TTL.
        """
        return f"{self.prefix}rollups:cuts"

    @property
    def budgets(self) -> str:
        """Hash: the record's key (`agent/acme/code-reviewer@month`) -> budget as JSON. No TTL."""
        return f"{self.prefix}budgets"

    @property
    def controls(self) -> str:
        """Hash: the record's key (`session/acme/s-1`) -> JSON {epoch, control}: its offset, and itself. No TTL."""
        return f"{self.prefix}controls"

    @property
    def baselines(self) -> str:
        """Hash: the record's key (`org_id/agent_id`) -> baseline as JSON. No TTL."""
        return f"{self.prefix}baselines"

    @property
    def catalogues(self) -> str:
        """Hash: the record's key (`in-force`, or a catalogue's hash) -> its value (`pricing.shelf`). No TTL."""
        return f"{self.prefix}catalogues"

    @property
    def rates(self) -> str:
        """Hash: the record's key (`provider/model@effective_from`) -> valuation rate as JSON. No TTL."""
        return f"{self.prefix}rates"

    def rate_history(self, key: str) -> str:
        """List, newest first: JSON {offset, timestamp_ms, value} per change of a rate; value null is its deletion.

        At most `RATE_HISTORY_LENGTH`. The topic is compacted: a rebuild finds what compaction has left. No TTL.
        """
        return f"{self.prefix}rates:history:{key}"


def session_field(partition: int, org_id: str | None) -> str:
    """The field of `Keys.session` for a ledger, such as `2/acme`; without org for one whose record's key lacks it."""
    return str(partition) if org_id is None else f"{partition}/{org_id}"


def offset_field(topic: str, partition: int) -> str:
    """The field of `Keys.offsets` for a partition; the topic's full name."""
    return f"{topic}/{partition}"


def utc_day(epoch_ms: int) -> str:
    """The day of a moment in UTC, such as `2026-11-24`: names a hash of rollups."""
    return date.fromordinal(_EPOCH + epoch_ms // DAY_MS).isoformat()


def day_number(epoch_ms: int) -> int:
    """Days since 1970-01-01: the score of a day in `Keys.rollup_days`."""
    return epoch_ms // DAY_MS
