"""The picture that the topics make, worked out the simple way, and the one that readers find in Redis."""

import json
import time
from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from confluent_kafka import Message

from burnline.kafka import client_config
from burnline.readmodel.batch import Role
from burnline.readmodel.keys import Control, Keys
from burnline.readmodel.source import projected
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.reading import read_to_end

if TYPE_CHECKING:
    import redis

Picture = dict[str, Any]
WITHIN_S = 40.0


def wanted(settings: Settings) -> Picture:
    """What the topics say; every record in them is a good one."""
    newest: dict[Role, dict[tuple[bytes, int], Message]] = defaultdict(dict)
    rates: dict[str, list[Any]] = defaultdict(list)
    notices: dict[str, dict[int, Any]] = defaultdict(dict)
    for role, message in _records(settings):
        key, partition = message.key() or b"", message.partition() or 0
        newest[role].pop((key, partition), None)
        newest[role][key, partition] = message
        value = json.loads(message.value() or b"null")
        if role is Role.VALUATION_RATES:
            rates[key.decode()].insert(0, [message.offset(), value])
        if role is Role.ANOMALIES:
            notices[value["anomaly_id"]][value["revision"]] = value
    values = {
        role: {place: json.loads(message.value() or b"") for place, message in some.items() if message.value()}
        for role, some in newest.items()
    }
    last = {name: some[max(some)] for name, some in notices.items()}
    return {
        **_sessions(values.get(Role.SESSIONS, {})),
        **_rollups(values.get(Role.USAGE_ROLLUPS, {})),
        "anomalies": {name: {str(rev): value for rev, value in some.items()} for name, some in notices.items()},
        "anomalies by update": {name: one["updated_at"] for name, one in last.items()},
        "anomalies open": {name: one["opened_at"] for name, one in last.items() if one["state"] != "resolved"},
        "feed": sorted((name, revision) for name, some in notices.items() for revision in some),
        "baselines": {key.decode(): value for (key, _), value in values.get(Role.BASELINES, {}).items()},
        "anomaly notes": {key.decode(): value for (key, _), value in values.get(Role.ANOMALY_NOTES, {}).items()},
        "controls": {key.decode(): value for (key, _), value in values.get(Role.CONTROLS, {}).items()},
        "budgets": {key.decode(): value for (key, _), value in values.get(Role.BUDGETS, {}).items()},
        "rates": {key.decode(): value for (key, _), value in values.get(Role.VALUATION_RATES, {}).items()},
        "rate histories": {key: some[:100] for key, some in rates.items()},
        "progress": {
            key.decode(): value["next_offset"] for (key, _), value in values.get(Role.PROGRESS, {}).items()
        },
    }  # fmt: skip


def _sessions(ledgers: dict[tuple[bytes, int], Any]) -> Picture:
    sessions: dict[str, dict[str, Any]] = defaultdict(dict)
    times: dict[str, int] = {}
    by_org: dict[str, dict[str, int]] = defaultdict(dict)
    for (key, partition), value in ledgers.items():
        org_id, name = json.loads(key)
        del value["recent_event_ids"]
        sessions[name][f"{partition}/{org_id}"] = value
        for among in (times, by_org[value["org_id"]]):
            among[name] = max(among.get(name, 0), value["last_event_at"])
    return {"sessions": dict(sessions), "sessions by time": times, "sessions by org": dict(by_org)}


def _rollups(rows: dict[tuple[bytes, int], Any]) -> Picture:
    days: dict[str, dict[str, Any]] = defaultdict(dict)
    for (key, _), value in rows.items():
        day = time.strftime("%Y-%m-%d", time.gmtime(value["quarter_start_ms"] // 1000))
        days[day][key.decode()] = value
    return {"rollups": dict(days)}


def _records(settings: Settings) -> Iterator[tuple[Role, Message]]:
    for name, (role, spec) in projected(topics_for(settings)).items():
        for batch in read_to_end(client_config(settings), name, range(spec.partitions), timeout_s=20):
            for message in batch:
                yield role, message


def found(client: "redis.Redis", settings: Settings) -> Picture | None:
    """What readers find; None while there is nothing for them."""
    control = Control(settings.redis_prefix)
    generation = client.get(control.generation)
    return None if generation is None else _read(client, control.keys(str(generation)))


def _read(client: Any, keys: Keys) -> Picture:
    def hashes(prefix: str, names: list[str]) -> Picture:
        some = {name: client.hgetall(prefix + name) for name in names}
        return {name: {key: json.loads(value) for key, value in rows.items()} for name, rows in some.items() if rows}

    def after(prefix: str) -> list[str]:
        return [name.removeprefix(prefix) for name in client.scan_iter(f"{prefix}*")]

    sessions, days = (
        after(keys.session("")),
        [day for day in after(keys.rollups("")) if day not in ("rev", "days", "cuts")],
    )
    orgs, histories = after(keys.sessions_of("")), after(keys.rate_history(""))
    return {
        "sessions": hashes(keys.session(""), sessions),
        "sessions by time": dict(client.zrange(keys.sessions, 0, -1, withscores=True)),
        "sessions by org": {org: dict(client.zrange(keys.sessions_of(org), 0, -1, withscores=True)) for org in orgs},
        "rollups": hashes(keys.rollups(""), days),
        "anomalies": hashes(keys.anomaly(""), after(keys.anomaly(""))),
        "anomalies by update": dict(client.zrange(keys.anomalies, 0, -1, withscores=True)),
        "anomalies open": dict(client.zrange(keys.open_anomalies, 0, -1, withscores=True)),
        "feed": sorted(_told(json.loads(fields["data"])) for _, fields in client.xrange(keys.feed)),
        "baselines": {key: json.loads(value) for key, value in client.hgetall(keys.baselines).items()},
        "anomaly notes": {key: json.loads(value) for key, value in client.hgetall(keys.anomaly_notes).items()},
        "controls": {key: json.loads(value)["control"] for key, value in client.hgetall(keys.controls).items()},
        "budgets": {key: json.loads(value) for key, value in client.hgetall(keys.budgets).items()},
        "rates": {key: json.loads(value) for key, value in client.hgetall(keys.rates).items()},
        "rate histories": {
            key: [_change(row) for row in client.lrange(keys.rate_history(key), 0, -1)] for key in histories
        },
        "progress": {key: json.loads(value)["next_offset"] for key, value in client.hgetall(keys.progress).items()},
    }


def _told(notice: Any) -> tuple[str, int]:
    return notice["anomaly_id"], notice["revision"]


def _change(row: str) -> list[Any]:
    entry = json.loads(row)
    return [entry["offset"], entry["value"]]


def agrees(client: "redis.Redis", settings: Settings) -> bool:
    """Wait until Redis and topics say the same; fails with what differs when they do not."""
    right = wanted(settings)
    deadline = time.monotonic() + WITHIN_S
    while (now := found(client, settings)) != right and time.monotonic() < deadline:
        time.sleep(0.1)
    assert now is not None, "there is nothing for readers"
    for name, value in right.items():
        assert now[name] == value, name
    return True
