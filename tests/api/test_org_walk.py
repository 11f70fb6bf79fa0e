"""Every route of the OpenAPI document, called with a token that is bound to one organisation, shows nothing of another.

Two worlds are the same but for one thing: in the second, another organisation spends, too. Whoever is bound to the
first organisation must get the same answers in both: no id, sum, count, page, place in an order or status may differ.
Routes are found in the document and not listed here; one with a parameter or a body that is not known here fails.
"""

import itertools
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from unittest.mock import patch

import pytest
from confluent_kafka import Producer
from starlette.testclient import TestClient

from burnline.api.access.roles import Role
from burnline.api.access.tokens import mint
from burnline.api.application import API_PREFIX, build_api
from burnline.budgets.budget import Budget, Scope
from burnline.detection.anomaly import rfc3339
from burnline.detection.baseline import Baseline
from burnline.detection.policy_record import PolicyRecord
from burnline.events.usage import Usage
from burnline.kafka import client_config
from burnline.ledger.changes import Changes
from burnline.readmodel.keys import utc_day
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.compacted import read_newest, write_key
from burnline.topics.ensure import ensure_topics
from tests.api.live import FAST, Clock, Projection
from tests.brokers import MakeSettings
from tests.ledger.examples import T0, usage
from tests.readmodel.counting import count

OWN, OTHER = "globex", "secretcorp"
"""Whose token it is, and who must not be seen. `secret` stands in every name that the other one has."""
MARK = "secret"
PARTITION = {OWN: 0, OTHER: 1}
NOW_MS = T0 + 30_000
TIMEOUT_S = 60.0

PATHS: dict[str, list[Any]] = {
    "session_id": ["secret-session", "globex-session", "no-session"],
    "anomaly_id": ["of:secretcorp", "of:globex", "no-anomaly"],
    "partition": [PARTITION[OTHER], PARTITION[OWN]],
    "offset": [0, 1, 99],
    "org": [OTHER, OWN],
    "agent": ["secret-agent", "globex-agent"],
    "provider": ["openai"],
    "model": ["gpt-4o", "secret-model"],
    "kind": ["feedback"],
}
"""Values of path parameters; `of:` stands for the anomaly of an organisation."""
QUERIES: dict[str, list[Any]] = {
    "org_id": [OTHER, OWN],
    "agent_id": ["secret-agent"],
    "team_id": ["secret-team"],
    "project_code": ["secret-project"],
    "provider": ["secret-provider"],
    "model": ["secret-model"],
    "kind": [],
    "group_by": ["org_id", "agent_id", "team_id", "project_code", "provider", "model", "kind"],
    "sort": ["spend", "ratio"],
    "limit": [1],
    "scope": ["org", "agent"],
    "name": ["secret-agent"],
    "period": [],
    "days": [],
    "tz": ["Asia/Kolkata"],
    "grain": ["hour"],
    "search": ["secret"],
    **{name: [] for name in ("inherit", "dry_run", "last")},
    **{name: [True] for name in ("guard", "excel_ids", "bom")},
    **{name: [] for name in ("offset", "until", "order", "cursor", "min_ratio", "anomalous", "state", "severity")},
    **{
        name: []
        for name in ("after", "from", "to", "at", "confirm", "effective_from", "events", "seconds", "last-event-id")
    },
}
"""Values of query and header parameters to be tried, one at a time; empty where none tells more than leaving it out."""
ALWAYS: dict[str, dict[str, Any]] = {
    "/stream": {"seconds": 1},
    "/burn-rates/history": {"after": 10**15},
    "/budgets/forecast": {"scope": "agent", "org_id": OTHER, "name": "secret-agent"},
}
"""Without its points, whose number depends on the moment; `test_burn_rates` has whose they are."""
BODIES: dict[str, Any] = {
    "/baselines/{org}/{agent}": {"usd_per_hour": "2.50"},
    "/budgets": {"scope": "agent", "org_id": OWN, "name": "agent-7", "amount_usd": "7"},
    "/valuation-rates/{provider}/{model}": {
        "input_usd_per_million_tokens": "2.5",
        "output_usd_per_million_tokens": "10",
        "effective_from": T0,
    },
    "/anomalies/{anomaly_id}/acknowledgement": {"words": "on it"},
    "/anomalies/{anomaly_id}/silence": {"until": rfc3339(NOW_MS + 3_600_000)},
    "/anomalies/{anomaly_id}/feedback": {"verdict": "planned"},
    "/api/v1/events": {
        "event_id": "posted",
        "occurred_at": T0,
        "org_id": OWN,
        "agent_id": "agent-7",
        "session_id": "posted",
        "model": "gpt-4o",
        "input_tokens": 0,
        "output_tokens": 0,
    },
}
"""A body for each route that takes one, below the API's prefix."""
OF_NO_ORG = {"/healthz", "/readyz", "/valuation-rates"}
"""What they answer with belongs to no organisation."""
WRITES = {"put", "post", "patch", "delete"}
LOGGED = re.compile(rb'"newest_ms":\d+')
"""When the log took a record: each world has a log of its own."""
VARYING = {"date", "content-length", "set-cookie"}  # the cookie is the own token of whoever asks


class Request(NamedTuple):
    """One call."""

    method: str
    route: str
    path: str
    query: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.method.upper()} {self.path} {self.query or ''}"


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def said(self) -> str:
        return f"{self.status} {self.headers} {self.body.decode(errors='replace')}"


class OrgProjection(Projection):
    """A projection with the sums per quarter of an hour, too."""

    def commit(self, changes: Changes) -> None:
        yesterday = [_day_before(*row) for row in changes.usage_rollups]
        for key, value in [*changes.usage_rollups, *yesterday]:
            day = utc_day(json.loads(value)["quarter_start_ms"])
            self.redis.hset(self.keys.rollups(day), key, value)
            self.redis.hincrby(self.keys.rollup_revisions, day, 1)
            count(self.redis, self.keys, self.keys.rollups(day), self.keys.rollup_revisions)
        super().commit(changes)


def _day_before(key: bytes, value: bytes) -> tuple[bytes, bytes]:
    quarter_ms = json.loads(value)["quarter_start_ms"]
    old, new = str(quarter_ms).encode(), str(quarter_ms - 86_400_000).encode()
    return key.replace(old, new), value.replace(old, new)


class HiddenProjection(OrgProjection):
    """A projection of a partition on which nobody spends, and which is as far as the other world's."""

    def commit(self, changes: Changes) -> None:
        self.progress(changes.progress)


class World:
    """An API over a projection and topics, and the tokens to call it with."""

    def __init__(self, settings: Settings, orgs: tuple[str, ...]) -> None:
        self.settings = settings
        ensure_topics(settings)
        spending = OrgProjection(settings.redis_url)
        hidden = HiddenProjection(settings.redis_url)
        spending.switch()
        for org, partition in PARTITION.items():  # the other one's notices come last
            (spending if org in orgs else hidden).feed(*_events(org), partition=partition, now_ms=NOW_MS)
            if org in orgs:
                spending.baseline(Baseline(org_id=org, agent_id=f"{_name(org)}-other", usd_per_hour="3"))
                spending.budget(Budget(scope=Scope.ORG, org_id=org, amount_usd="3"))
                self._publish(org, partition)
                policy = PolicyRecord(name=f"{_name(org)}-policy", org=org)
                topic, value = topics_for(settings).policies, policy.model_dump_json(exclude_none=True).encode()
                write_key(client_config(settings), topic, policy.key(), value, timeout_s=TIMEOUT_S)
        self.alike = {f"of:{org}": _anomaly(spending, org) for org in orgs}
        self._tokens = {}
        for name, seen in (("admin", None), ("bound", frozenset({OWN}))):
            text, record = mint(name, Role.ADMIN, seen, now_ms=NOW_MS, expires_at=None)
            spending.redis.hset(spending.control.tokens, record.id, record.model_dump_json())
            self._tokens[name] = text
            self.alike[f"token:{name}"] = f"token:{record.id}"
        spending.close()
        hidden.close()

    def _publish(self, org: str, partition: int) -> None:
        producer = Producer(client_config(self.settings))
        for event in _events(org):
            fields = {
                name: getattr(event, name) for name in event.__struct_fields__ if getattr(event, name) is not None
            }
            topic = topics_for(self.settings).usage.name
            producer.produce(topic, json.dumps(fields).encode(), event.session_id.encode(), partition)
        assert producer.flush(TIMEOUT_S) == 0

    @contextmanager
    def calling(self, who: str) -> Iterator["Caller"]:
        """Call as somebody."""
        app = build_api(self.settings, now_ms=Clock(NOW_MS))
        with (
            patch("burnline.api.view.live.REFRESH_S", 0.02),
            TestClient(app, headers={"Authorization": f"Bearer {self._tokens[who]}"}) as client,
        ):
            caller = Caller(client, self.alike | {"topic:": self.settings.topic_prefix})
            caller.wait()
            yield caller


class Caller:
    """Calls routes of one world."""

    def __init__(self, client: TestClient, alike: dict[str, str]) -> None:
        """Take what is called the same in both worlds, and what it is in this one."""
        self._client = client
        self._alike = alike

    def wait(self) -> None:
        """Until the live view has been read."""
        for _ in range(500):
            if self._client.get(f"{API_PREFIX}/anomalies/active").status_code == 200:
                return
        pytest.fail("the live view is not read")

    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = self._client.get("/openapi.json").json()
        return found

    def ask(self, request: Request) -> Answer:
        path = request.path
        for name, own in self._alike.items():
            path = path.replace(name, own)
        body = BODIES.get(_short(request.route)) if request.method in WRITES else None
        response = self._client.request(request.method, path, params=request.query, json=body)
        headers = {name: value for name, value in response.headers.items() if name not in VARYING}
        content = LOGGED.sub(b'"newest_ms":0', response.content)
        for name, own in self._alike.items():
            content = content.replace(own.encode(), name.encode())
        return Answer(response.status_code, headers, content)


def _name(org: str) -> str:
    return MARK if org == OTHER else org


def _events(org: str) -> list[Usage]:
    name = _name(org)
    common = {
        "org_id": org,
        "agent_id": f"{name}-agent",
        "session_id": f"{name}-session",
        "team_id": f"{name}-team",
        "project_code": f"{name}-project",
        "provider": None,
    }
    return [
        usage(event_id=f"{name}-1", input_tokens=100_000, cached_input_tokens=40_000, **common),
        usage(event_id=f"{name}-2", occurred_at=T0 + 1_000, model=f"{name}-model", input_tokens=777, **common),
        usage(event_id=f"{name}-3", occurred_at=T0 + 2_000, model="text-embedding-3-small", kind="embedding", **common),
    ]


def _anomaly(projection: OrgProjection, org: str) -> str:
    for found in projection.redis.zrange(projection.keys.anomalies, 0, -1):
        anomaly_id = found.decode()  # type: ignore[union-attr]  # without scores they are bytes
        notices = projection.redis.hvals(projection.keys.anomaly(anomaly_id))
        if any(org.encode() in notice for notice in notices):
            return anomaly_id
    pytest.fail(f"{org} has no anomaly")


def _short(route: str) -> str:
    return route.removeprefix(API_PREFIX)


def requests_of(document: dict[str, Any]) -> list[Request]:
    """Every operation with every value to be tried; fails where a route has what is not known here."""
    found: list[Request] = []
    for route, operations in document["paths"].items():
        for method, operation in operations.items():
            found += _requests(method, route, operation)
    return found


def _requests(method: str, route: str, operation: dict[str, Any]) -> Iterator[Request]:
    if "requestBody" in operation and _short(route) not in BODIES:
        pytest.fail(f"{method.upper()} {route} takes a body, and BODIES has none for it")
    parameters = operation.get("parameters", [])
    names = [one["name"] for one in parameters if one["in"] == "path"]
    if unknown := [name for name in names if name not in PATHS]:
        pytest.fail(f"{method.upper()} {route} has path parameters without values in PATHS: {unknown}")
    others = [one["name"] for one in parameters if one["in"] != "path"]
    if unknown := [name for name in others if name not in QUERIES]:
        pytest.fail(f"{method.upper()} {route} has parameters that QUERIES does not name: {unknown}")
    always = ALWAYS.get(_short(route), {})
    tried = [{}, *({name: value} for name in others for value in QUERIES[name])]
    for values in itertools.product(*(PATHS[name] for name in names)):
        path = route
        for name, value in zip(names, values, strict=True):
            path = path.replace(f"{{{name}}}", str(value))
        for query in tried:
            yield Request(method, route, path, {**always, **query})


@pytest.fixture
def worlds(make_settings: MakeSettings, redis_url: str) -> tuple[World, World]:
    """One in which the token's organisation is alone, and one in which the other spends, too."""
    stem, _, _ = redis_url.rpartition("/")
    prefix = make_settings().topic_prefix
    alone, both = (
        make_settings(
            redis_url=f"{stem}/{number}", topic_prefix=f"{prefix}{number}.", api_requests_per_s=0, partitions=2, **FAST
        )
        for number in (1, 2)
    )
    worlds = World(alone, (OWN,)), World(both, (OWN, OTHER))
    worlds[0].alike = worlds[1].alike | worlds[0].alike  # one asks for ids that are to be found elsewhere
    return worlds


@pytest.mark.broker
def test_a_token_of_one_organisation_sees_nothing_of_another(worlds: tuple[World, World]) -> None:
    alone, both = worlds
    with alone.calling("bound") as before, both.calling("bound") as after:
        for request in requests_of(before.document()):
            expected, answer = before.ask(request), after.ask(request)
            assert answer == expected, f"{request} tells the two worlds apart"
            assert answer.status < 500, f"{request}: {answer.said}"
            told = answer.said
            for given in [request.path, *map(str, request.query.values())]:
                told = told.replace(given, "…")  # what the caller said itself is no secret
            for part in request.path.split("/"):
                told = told.replace(part, "…") if MARK in part else told
            assert MARK not in told, f"{request}: {answer.said}"
    topics = topics_for(both.settings)
    for topic in (topics.baselines, topics.budgets):
        kept = read_newest(client_config(both.settings), topic, timeout_s=TIMEOUT_S)
        assert [key for key in kept if MARK.encode() in key] == [], "a write for another organisation was taken"
    said = read_newest(client_config(both.settings), topics_for(both.settings).anomaly_notes, timeout_s=TIMEOUT_S)
    assert {json.loads(value)["org_id"] for value in said.values()} == {OWN}, "something was said of another's anomaly"


@pytest.mark.broker
def test_a_token_of_all_organisations_sees_them_on_every_route(worlds: tuple[World, World]) -> None:
    """Or else that nothing is seen by others would say nothing."""
    _, both = worlds
    with both.calling("bound") as bound, both.calling("admin") as admin:
        requests = [one for one in requests_of(admin.document()) if one.method not in WRITES]
        more = {one.route for one in requests if bound.ask(one) != admin.ask(one)}
    assert {one.route for one in requests} - more == {
        route for route in {one.route for one in requests} if _short(route) in OF_NO_ORG
    }


def test_a_route_that_the_walk_does_not_know_fails_it() -> None:
    parameter = {"name": "galaxy", "in": "path"}
    operations: list[dict[str, Any]] = [
        {"parameters": [parameter]},
        {"parameters": [{**parameter, "in": "query"}]},
        {"requestBody": {}},
    ]
    for operation in operations:
        with pytest.raises(pytest.fail.Exception, match=r"galaxy|BODIES"):
            requests_of({"paths": {"/new/{galaxy}": {"put": operation}}})
