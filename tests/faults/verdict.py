"""What is on the topics in the end, read by committed records alone, against what was published.

Values are read with the standard library's JSON and Decimal: nothing here trusts the code that wrote them, except
`read_to_end`, which has tests of its own, and the rule that makes an anomaly's id out of its evidence.
"""

import contextlib
import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from confluent_kafka import Consumer, Message

from burnline.detection.anomaly import Evidence, anomaly_id
from burnline.kafka import client_config
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.ends import spans
from burnline.topics.reading import read_to_end
from tests.faults.load import Due, Expected, Sums, agent_of, team_of

READ_TIMEOUT_S = 60.0
SHOWN = 5
PICO_PER_USD = 10**12
_LEGAL = {
    ("opened",),
    ("opened", "escalated"),
    ("opened", "resolved"),
    ("opened", "escalated", "resolved"),
}


class Verdict(NamedTuple):
    """What was found; nothing is wrong when `problems` is empty."""

    problems: list[str]
    events: int
    retired: int
    lost: int
    doubled: int
    dead_letters: int
    anomalies: int
    notices: int


class _Ledgers(NamedTuple):
    sums: dict[str, Sums]
    open_anomalies: dict[str, dict[str, Any]]


class _Closed(NamedTuple):
    """What the retired sessions of one agent come to."""

    sessions: int = 0
    sums: Sums = Sums()


def judge(settings: Settings, expected: Expected, bad: list[bytes], *, source_topics: int = 1) -> Verdict:
    """Compare all topics with what was published. The stream has drained and no worker writes any more.

    Args:
        settings: Of the deployment.
        expected: What must be there.
        bad: Values that must have a dead letter each.
        source_topics: How often the usage topic was made: so often may a place in it have a dead letter.
    """
    topics = topics_for(settings)
    for spec in (topics.sessions, topics.rollups, topics.usage_rollups, topics.anomalies, topics.dead_letters):
        _wait_until_settled(settings, spec.name)
    ledgers = _ledgers(_newest(settings, topics.sessions.name))
    closed = _closed(_newest(settings, topics.rollups.name))
    notices = [json.loads(message.value() or b"") for message in _messages(settings, topics.anomalies.name)]
    letters = list(_messages(settings, topics.dead_letters.name))
    lost, doubled, problems = _compare_sums(expected.sums, ledgers.sums, closed)
    problems += _compare_usage(expected.sums, _newest(settings, topics.usage_rollups.name))
    missing_letters, extra_letters, letter_problems = _compare_letters(bad, letters, source_topics)
    problems += letter_problems
    problems += _compare_anomalies(expected.anomalies, notices, ledgers.open_anomalies)
    return Verdict(
        problems,
        events=sum(sums.events for sums in ledgers.sums.values()) + sum(one.sums.events for one in closed.values()),
        retired=sum(one.sessions for one in closed.values()),
        lost=lost + missing_letters,
        doubled=doubled + extra_letters,
        dead_letters=len(letters),
        anomalies=len({notice["anomaly_id"] for notice in notices}),
        notices=len(notices),
    )


def _wait_until_settled(settings: Settings, topic: str) -> None:
    """Wait until readers of committed records see all that is written.

    A commit is answered before its markers stand on all partitions that it spans: read at once, a session that was
    retired last may be in a rollup already and still have its ledger.
    """
    partitions = list(range(settings.partitions))
    with contextlib.ExitStack() as stack:
        ends = []
        for isolation_level in ("read_committed", "read_uncommitted"):
            config = {**client_config(settings), "group.id": "faults", "isolation.level": isolation_level}
            consumer = Consumer(config)
            stack.callback(consumer.close)
            ends.append(consumer)
        deadline = time.monotonic() + READ_TIMEOUT_S
        while len({tuple(spans(one, topic, partitions, READ_TIMEOUT_S).values()) for one in ends}) > 1:
            if time.monotonic() > deadline:
                raise TimeoutError(f"a transaction on {topic} stays open")
            time.sleep(0.05)


def _messages(settings: Settings, topic: str) -> Iterator[Message]:
    for batch in read_to_end(client_config(settings), topic, range(settings.partitions), timeout_s=READ_TIMEOUT_S):
        yield from batch


def _newest(settings: Settings, topic: str) -> list[dict[str, Any]]:
    newest: dict[tuple[int | None, bytes | str | None], bytes | None] = {}
    for message in _messages(settings, topic):
        newest[message.partition(), message.key()] = message.value()
    return [json.loads(value) for value in newest.values() if value is not None]


def _ledgers(records: list[dict[str, Any]]) -> _Ledgers:
    found = _Ledgers({}, {})
    for ledger in records:
        key = ledger["session_id"]
        found.sums[key] = found.sums.get(key, Sums()).plus(_sums(ledger))
        if ledger.get("anomaly"):
            found.open_anomalies[key] = ledger["anomaly"]
    return found


def _closed(records: list[dict[str, Any]]) -> dict[str, _Closed]:
    found: dict[str, _Closed] = {}
    for rollup in records:
        agent = rollup["agent_id"]
        before = found.get(agent, _Closed())
        found[agent] = _Closed(before.sessions + rollup["sessions"], before.sums.plus(_sums(rollup)))
    return found


def _sums(ledger: Mapping[str, Any]) -> Sums:
    cost = Decimal(ledger["cost_usd"]) * PICO_PER_USD
    assert cost == int(cost), ledger["cost_usd"]
    counts = {name: int(ledger[name]) for name in ("events", "input_tokens", "output_tokens", "cached_input_tokens")}
    return Sums(**counts, cost_pico_usd=int(cost))


def _compare_sums(
    expected: Mapping[str, Sums], found: Mapping[str, Sums], closed: Mapping[str, _Closed]
) -> tuple[int, int, list[str]]:
    lost = doubled = 0
    wrong = []
    retired: dict[str, _Closed] = {}
    for key in sorted(expected.keys() | found.keys()):
        should, is_ = expected.get(key, Sums()), found.get(key, Sums())
        if key not in found and agent_of(key) in closed:
            before = retired.get(agent_of(key), _Closed())
            retired[agent_of(key)] = _Closed(before.sessions + 1, before.sums.plus(should))
        elif should != is_:
            lost += max(0, should.events - is_.events)
            doubled += max(0, is_.events - should.events)
            wrong.append(f"session {key}: expected {should}, found {is_}")
    for agent, rollup in closed.items():
        should_be = retired.get(agent, _Closed())
        if should_be != rollup:
            lost += max(0, should_be.sums.events - rollup.sums.events)
            doubled += max(0, rollup.sums.events - should_be.sums.events)
            wrong.append(f"retired sessions of {agent}: {should_be} have no ledger, the rollups say {rollup}")
    return lost, doubled, _some(wrong, "ledgers differ")


def _compare_usage(expected: Mapping[str, Sums], rows: list[dict[str, Any]]) -> list[str]:
    """Usage rollups, all partials added up, against what was published, by agent and team."""
    should: defaultdict[tuple[str, str], Sums] = defaultdict(Sums)
    found: defaultdict[tuple[str, str], Sums] = defaultdict(Sums)
    for session, sums in expected.items():
        place = agent_of(session), team_of(session)
        should[place] = should[place].plus(sums)
    for row in rows:
        place = row["agent_id"], row["team_id"]
        found[place] = found[place].plus(_sums(row))
    wrong = [
        f"{'/'.join(place)}: expected {should[place]}, found {found[place]}"
        for place in sorted(should.keys() | found.keys())
        if should[place] != found[place]
    ]
    return _some(wrong, "teams whose usage rollups differ")


def _compare_letters(bad: list[bytes], letters: list[Message], source_topics: int) -> tuple[int, int, list[str]]:
    places = Counter(_source(letter) for letter in letters)
    again = [f"{place}: {count} times" for place, count in places.items() if count > source_topics]
    problems = _some(again, "dead letters again")
    values, wanted = Counter(letter.value() or b"" for letter in letters), Counter(bad)
    missing, extra = wanted - values, values - wanted
    problems += _some([repr(value) for value in missing], "bad events without a dead letter")
    problems += _some([repr(value) for value in extra], "dead letters of no bad event, or too many")
    return missing.total(), extra.total(), problems


def _source(letter: Message) -> tuple[object, object]:
    headers = dict(letter.headers() or [])
    return headers["burnline-partition"], headers["burnline-offset"]


def _compare_anomalies(
    expected: Mapping[str, Due], notices: list[dict[str, Any]], still_open: Mapping[str, dict[str, Any]]
) -> list[str]:
    by_session: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for notice in notices:
        by_session[notice["session_id"]].append(notice)
    wrong = [f"session {key} has notices and should have none" for key in by_session.keys() - expected.keys()]
    for key, due in expected.items():
        wrong += [f"session {key}: {what}" for what in _anomaly_problems(due, by_session[key], still_open.get(key))]
    wrong += [f"session {key} has an open anomaly in its ledger" for key in still_open.keys() - expected.keys()]
    return _some(wrong, "anomalies differ")


def _anomaly_problems(due: Due, notices: list[dict[str, Any]], held: dict[str, Any] | None) -> Iterator[str]:
    told = [(notice["revision"], notice["state"], notice["severity"]) for notice in notices]
    if len({notice["anomaly_id"] for notice in notices}) != 1:
        yield f"one anomaly is due, notices are {[(notice['anomaly_id'], notice['state']) for notice in notices]}"
        return
    first, last = notices[0], notices[-1]
    states = tuple(state for _, state, _ in told)
    if [revision for revision, _, _ in told] != list(range(1, len(told) + 1)) or states not in _LEGAL:
        yield f"revisions or states are out of order: {told}"
    if tuple((state, severity) for _, state, severity in told if state != "resolved") != due.states:
        yield f"due are {due.states}, found {told}"
    if due.end != "either" and (states[-1] == "resolved") != (due.end == "resolved"):
        yield f"should be {due.end} in the end, found {told}"
    if first["evidence"]["event_id"] != due.event_id:
        yield f"opened by {first['evidence']['event_id']}, due was {due.event_id}"
    if first["anomaly_id"] != anomaly_id(Evidence(**first["evidence"]), first["org_id"], first["session_id"]):
        yield f"its id is not that of its evidence: {first}"
    shared = ("anomaly_id", "revision", "state", "severity")
    newest = None if states[-1] == "resolved" else {name: last[name] for name in shared}
    in_ledger = None if held is None else {name: held[name] for name in shared}
    if in_ledger != newest:
        yield f"the ledger holds {in_ledger}, the newest notice is {newest}"


def _some(entries: list[str], what: str) -> list[str]:
    if not entries:
        return []
    return [f"{len(entries)} {what}:\n    " + "\n    ".join(entries[:SHOWN])]
