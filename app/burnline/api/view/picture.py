"""What one generation holds for the live part of the API, read once in full and then kept up by what changes."""

from typing import NamedTuple, Self

from burnline.api.view.anomalies import AnomalyIndex, read_notice
from burnline.api.view.breath import Breath
from burnline.api.view.collection import ActiveSessions
from burnline.api.view.known_sessions import KnownSessions
from burnline.api.view.moments import Applied
from burnline.api.view.notes import note_texts
from burnline.api.view.reading import GenerationReader, Switched
from burnline.detection.baseline import Baseline, Baselines, default_baseline
from burnline.detection.rule import BurnRule
from burnline.readmodel.keys import CHANGES_KEPT, offset_field
from burnline.readmodel.rows import ProgressRow, SessionRow, decode_progress, decode_session
from burnline.settings import Settings
from burnline.topics.catalogue import TopicSpec, topics_for

NO_LIMIT = "-inf"
SCANS_AT_ONCE = 4
"""Pieces of sessions that are not active read in one refresh, until all are."""


class Plan(NamedTuple):
    """What pictures are made under; the same for all of them."""

    rule: BurnRule
    settings: Settings
    active_after_ms: int
    baseline_offsets: tuple[str, ...]
    """Fields of the offsets that say whether baselines have changed."""
    note_offsets: tuple[str, ...]
    """Likewise for what people say of anomalies."""

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """What the settings ask for."""
        topics = topics_for(settings)
        return cls(
            BurnRule.from_settings(settings),
            settings,
            settings.active_after_s * 1000,
            _offset_fields(topics.baselines),
            _offset_fields(topics.anomaly_notes),
        )


class Head(NamedTuple):
    """What is read in each refresh before anything else."""

    change_seq: int
    progress: dict[int, ProgressRow]
    ends: dict[int, int]
    seen_at_ms: int | None
    baselines_at: tuple[bytes | None, ...]
    notes_at: tuple[bytes | None, ...]


async def read_head(reader: GenerationReader, plan: Plan) -> Head:
    """How far the projection is.

    Raises:
        Switched: As `GenerationReader.read`.
        redis.RedisError: As `GenerationReader.read`.
        UnreadableRow: A row of the progress is damaged.
    """
    change_seq, progress, ends, seen_at_ms, baselines_at, notes_at = await reader.read(
        lambda pipe, keys: (
            pipe.get(keys.change_seq),
            pipe.hgetall(keys.progress),
            pipe.hgetall(keys.ends),
            pipe.get(keys.seen_at_ms),
            pipe.hmget(keys.offsets, plan.baseline_offsets),
            pipe.hmget(keys.offsets, plan.note_offsets),
        )
    )
    return Head(
        int(change_seq or 0),
        {int(partition): decode_progress(value) for partition, value in progress.items()},
        {int(partition): int(end) for partition, end in ends.items()},
        None if seen_at_ms is None else int(seen_at_ms),
        tuple(baselines_at),
        tuple(notes_at),
    )


class Picture:
    """Active sessions and anomalies of one generation."""

    def __init__(self, plan: Plan, reader: GenerationReader, head: Head, baselines: Baselines) -> None:
        """Begin with nothing but the head; `load` reads the rest."""
        self._plan = plan
        self._reader = reader
        self.head = head
        self.sessions = ActiveSessions(plan.rule, baselines, plan.active_after_ms)
        self.anomalies = AnomalyIndex()
        self.known = KnownSessions()
        self._unread = [(reader.keys.sessions, 0), (reader.keys.closed_sessions, 0)]
        self._settled: tuple[object, ...] = ()

    @property
    def generation(self) -> bytes:
        """The generation that this is a picture of."""
        return self._reader.generation

    @property
    def reader(self) -> GenerationReader:
        """Reads more of the generation."""
        return self._reader

    @classmethod
    async def load(cls, plan: Plan, reader: GenerationReader, now_ms: int) -> Self:
        """Read all of it.

        Raises:
            Switched: As `GenerationReader.read`.
            redis.RedisError: As `GenerationReader.read`.
            UnreadableRow: A row is damaged.
            msgspec.MsgspecError: A notice is damaged.
            BaselineError: A baseline is damaged.
        """
        # The change number goes first: what changes while the rest is read is read again by the next refresh.
        head = await read_head(reader, plan)
        picture = cls(plan, reader, head, await _baselines(plan, reader))
        picture._move_time(now_ms)
        breath = Breath()
        await picture._load_sessions(breath)
        await picture.load_anomalies(breath)
        await picture._load_notes()
        await picture._let_time_pass(breath)
        picture.sessions.take_changed()
        return picture

    async def follow(self, now_ms: int) -> None:
        """Read what has changed since, and let the moments pass.

        Raises:
            Switched: As `GenerationReader.read`, or too much has changed to follow.
            redis.RedisError: As `GenerationReader.read`.
            UnreadableRow: A row is damaged.
            BaselineError: A baseline is damaged.
        """
        seen = self.head.change_seq
        head = await read_head(self._reader, self._plan)
        if not seen <= head.change_seq <= seen + CHANGES_KEPT:
            raise Switched
        if head.baselines_at != self.head.baselines_at:
            self.sessions.baselines = await _baselines(self._plan, self._reader)
        if head.notes_at != self.head.notes_at:
            await self._load_notes()
        self.head = head._replace(change_seq=seen)
        self._move_time(now_ms)
        breath = Breath()
        async for session_ids, number in self._reader.changes(seen, head.change_seq):
            await self._put(session_ids, breath)
            self.head = self.head._replace(change_seq=number)
        self.head = head
        await self._let_time_pass(breath)
        await self._read_more(breath)

    async def forget_closed(self, breath: Breath) -> None:
        """Let retired sessions go that the projection keeps no longer."""
        kept: set[str] = set()
        cursor, is_begun = 0, False
        while cursor or not is_begun:
            some, cursor = await self._reader.scan(self._reader.keys.closed_sessions, cursor)
            kept.update(some)
            is_begun = True
        await self._put(self.known.closed_beside(kept), breath)

    async def load_anomalies(self, breath: Breath, *, anew: bool = False) -> None:
        """Read the anomalies that are kept and not known (or all, anew), and let those go that are kept no more."""
        kept: set[str] = set()
        async for ids in self._reader.newest_ids(self._reader.keys.anomalies, NO_LIMIT):
            names = [anomaly_id.decode() for anomaly_id in ids]
            new = names if anew else [name for name in names if name not in self.anomalies]
            kept.update(names)
            async for revisions in self._reader.hashes(self._reader.keys.anomaly(name) for name in new):
                if revisions:
                    self.anomalies.put(read_notice(revisions[max(revisions, key=int)]))
                await breath.take()
        self.anomalies.keep_only(frozenset(kept))

    async def _load_notes(self) -> None:
        (found,) = await self._reader.read(lambda pipe, keys: pipe.hgetall(keys.anomaly_notes))
        self.anomalies.notes = note_texts(found)

    async def _load_sessions(self, breath: Breath) -> None:
        oldest = self.sessions.moments.oldest()
        at_least = NO_LIMIT if oldest is None else oldest - self._plan.active_after_ms
        async for ids in self._reader.newest_ids(self._reader.keys.sessions, at_least):
            await self._put([session_id.decode() for session_id in ids], breath)

    async def _read_more(self, breath: Breath) -> None:
        """Go on reading the sessions that are not active, a few thousand at a time."""
        for _ in range(SCANS_AT_ONCE):
            if not self._unread:
                self.known.is_complete = True
                return
            name, cursor = self._unread[0]
            some, cursor = await self._reader.scan(name, cursor)
            await self._put(some, breath)
            self._unread[:1] = [(name, cursor)] if cursor else []

    async def _put(self, session_ids: list[str], breath: Breath) -> None:
        keys = self._reader.keys
        names = (keys.session(session_id) for session_id in session_ids)
        ids = iter(session_ids)
        closed: dict[str, list[SessionRow]] = {}
        async for parts in self._reader.hashes(names):
            session_id = next(ids)
            standing = [decode_session(value) for value in parts.values()]
            self.sessions.put(session_id, standing)
            if standing and not self.known.has_closed(session_id):
                self.known.put(session_id, standing, [])
            else:
                closed[session_id] = standing
            await breath.take()
        ids = iter(closed)
        async for parts in self._reader.hashes(keys.closed_session(session_id) for session_id in closed):
            session_id = next(ids)
            self.known.put(session_id, closed[session_id], [decode_session(value) for value in parts.values()])
            await breath.take()

    def _move_time(self, now_ms: int) -> None:
        progress = {
            partition: Applied(row.next_offset, row.reached_ms, row.written_at_ms)
            for partition, row in self.head.progress.items()
        }
        self.sessions.moments.move(progress, self.head.ends, now_ms)

    async def _let_time_pass(self, breath: Breath) -> None:
        await breath.through(self.sessions.expire())
        now = self.sessions.baselines, self.sessions.moments.slices()
        if now != self._settled:
            await breath.through(self.sessions.settle())
            self._settled = now


def _offset_fields(topic: TopicSpec) -> tuple[str, ...]:
    return tuple(offset_field(topic.name, partition) for partition in range(topic.partitions))


async def _baselines(plan: Plan, reader: GenerationReader) -> Baselines:
    (found,) = await reader.read(lambda pipe, keys: pipe.hgetall(keys.baselines))
    entries = {key.decode(): Baseline.parse(key, value) for key, value in found.items()}
    return Baselines(default_baseline(plan.settings), entries)
