"""A load on all topics that are projected: a seeded play of new, changed and deleted keys."""

from random import Random

from confluent_kafka import Producer

from burnline.kafka import client_config
from burnline.readmodel.batch import Role
from burnline.readmodel.source import projected
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from tests.ledger.examples import named
from tests.readmodel import examples
from tests.readmodel.examples import T0

SESSIONS = 300
AGENTS = 20
DAY_MS = 86_400_000


class Load:
    """Writes records; what should become of them is read back from the topics by `tests.readmodel.picture`."""

    def __init__(self, settings: Settings, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311  # a play to be repeated, no secret
        self._producer = Producer(client_config(settings) | {"linger.ms": 5, "enable.idempotence": True})  # in order
        self._names = {role: spec.name for name, (role, spec) in projected(topics_for(settings)).items()}
        self._partitions = settings.partitions
        self._count = 0
        self._revisions: dict[str, int] = {}

    def write(self, records: int) -> None:
        """So many records, acknowledged."""
        plays = [self._session, self._rollup, self._notice, self._baseline, self._rate, self._progress, self._note]
        for _ in range(records):
            self._count += 1
            self._random.choices(plays, [70, 15, 6, 3, 3, 3, 3])[0]()
            self._producer.poll(0)
        assert self._producer.flush(30) == 0

    def sessions(self, names: list[str]) -> None:
        """These sessions, once each."""
        for name in names:
            self._count += 1
            self._put(Role.SESSIONS, named(name), examples.ledger(name, 0, last_offset=self._count))
        assert self._producer.flush(30) == 0

    def put(self, role: Role, key: str | bytes, value: bytes | None, partition: int = 0) -> None:
        """One record of one's own, acknowledged."""
        self._put(role, key, value, partition)
        assert self._producer.flush(30) == 0

    def _put(self, role: Role, key: str | bytes, value: bytes | None, partition: int = 0) -> None:
        self._producer.produce(self._names[role], value, key, partition)

    def _is_deletion(self) -> bool:
        return self._random.random() < 0.1

    def _session(self) -> None:
        name = f"s-{self._random.randrange(SESSIONS)}"
        partition = hash_of(name, self._partitions) if self._random.random() < 0.9 else 0
        org_id = f"org-{hash_of(name, 3)}"
        value = examples.ledger(
            name,
            partition,
            org_id=org_id,
            last_offset=self._count,
            last_event_at=T0 + self._count,
            cost_usd=str(self._count),
        )
        self._put(Role.SESSIONS, named(name, org_id), None if self._is_deletion() else value, partition)

    def _rollup(self) -> None:
        partition = self._random.randrange(self._partitions)
        quarter_ms = T0 + self._random.randrange(3) * DAY_MS
        since_offset = self._random.randrange(20)
        key, value = examples.rollup(
            source_partition=partition, since_offset=since_offset, quarter_start_ms=quarter_ms, last_offset=self._count
        )
        self._put(Role.USAGE_ROLLUPS, key, None if self._is_deletion() else value, partition)

    def _notice(self) -> None:
        name = f"a-{self._random.randrange(40)}"
        revision = self._revisions[name] = self._revisions.get(name, 0) + 1
        state = self._random.choice(["opened", "escalated", "resolved"])
        self._put(Role.ANOMALIES, name, examples.notice(name, revision, state), hash_of(name, self._partitions))

    def _baseline(self) -> None:
        agent = f"agent-{self._random.randrange(AGENTS)}"
        value = examples.baseline("acme", agent, str(self._count))
        self._put(Role.BASELINES, f"acme/{agent}", None if self._is_deletion() else value)

    def _rate(self) -> None:
        model = f"model-{self._random.randrange(AGENTS)}"
        value = examples.valuation_rate(model, str(self._count))
        self._put(Role.VALUATION_RATES, f"acme-ai/{model}@0", None if self._is_deletion() else value)

    def _note(self) -> None:
        name, kind = f"a-{self._random.randrange(40)}", self._random.choice(["silence", "feedback"])
        value = examples.anomaly_note(name, kind, words=str(self._count))
        self._put(Role.ANOMALY_NOTES, f"{name}/{kind}", None if self._is_deletion() else value)

    def _progress(self) -> None:
        partition = self._random.randrange(self._partitions)
        self._put(Role.PROGRESS, str(partition), examples.progress(partition, self._count), partition)


def hash_of(name: str, size: int) -> int:
    """The same in every process."""
    return sum(name.encode()) % size
