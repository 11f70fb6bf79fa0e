"""The whole OpenAPI document against the API as it is served: no 5xx, and no answer that is not described there."""

import asyncio
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import redis
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from burnline.api.application import build_api
from burnline.api.server import ApiServer, address, listen
from burnline.settings import load_settings
from burnline.topics.ensure import ensure_topics
from tests.api.stage import NOW_MS, Projection
from tests.api.usage import use
from tests.brokers import remove_topics
from tests.finance.rows import QUARTER, T0, row
from tests.finance.test_caching import EMBEDDING, FOCUS
from tests.kafka.base import Broker
from tests.redis_servers import RedisServer

REQUESTS = 12
"""Per operation, understood ones and refused ones each."""
STARTED_WITHIN_S = 60
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
]
"""Whether wrong data is refused is asked elsewhere: on the wire, `?org=0` is as good a list of one text as any."""


def operations() -> Iterator[Any]:
    """Every operation of the document, but the stream: it has tests of its own, as it ends when it is told to."""
    document = build_api(load_settings()).openapi()
    for path in document["paths"].values():
        for operation in path.values():
            operation.pop("security", None)  # over loopback, with no access configured, nobody needs a token
    for found in schemathesis.openapi.from_dict(document).exclude(path_regex="/stream$").get_all_operations():
        assert isinstance(found, Ok), found
        yield found.ok()


OPERATIONS = list(operations())


@pytest.fixture(scope="module")
def served(broker: Broker, redis_of_all_tests: RedisServer) -> Iterator[str]:
    """The address of an API over a broker, and a projection with something of everything."""
    prefix = f"t{uuid.uuid4().hex[:12]}."
    ours = load_settings(
        kafka_bootstrap_servers=broker.bootstrap_servers,
        topic_prefix=prefix,
        redis_url=redis_of_all_tests.url,
        api_requests_per_s=0,
    )
    ensure_topics(ours)
    with redis.Redis.from_url(ours.redis_url) as client:
        client.flushall()
    projection = Projection(ours)
    projection.progress()
    projection.session()
    use(projection, FOCUS, EMBEDDING, row(quarter_start_ms=T0 - QUARTER, model="new", unpriced_tokens=110))
    with listen("127.0.0.1", 0) as bound:
        app = build_api(ours, now_ms=lambda: NOW_MS)
        server = ApiServer(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1))
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[bound])))
        thread.start()
        yield address(bound)
        server.stop()
        thread.join(STARTED_WITHIN_S)
        assert not thread.is_alive()
    remove_topics(broker, prefix)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["as described", "otherwise"])
@pytest.mark.parametrize("operation", OPERATIONS, ids=[each.label for each in OPERATIONS])
def test_every_operation_keeps_its_contract(operation: Any, mode: GenerationMode, served: str) -> None:
    @settings(
        max_examples=REQUESTS,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def keeps_its_contract(case: Any) -> None:
        case.call_and_validate(base_url=served, checks=CHECKS, timeout=STARTED_WITHIN_S)

    try:
        keeps_its_contract()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE  # all that can be said to it can be right
