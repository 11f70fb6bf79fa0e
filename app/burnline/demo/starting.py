"""What a run needs before anything can be published: servers, topics, and the processes that work on them."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from burnline.demo.child import ChildProcess, Program
from burnline.demo.servers import BrokerKind, check_redis, start_servers
from burnline.demo.setup import Setup, set_up
from burnline.demo.stopping import patiently, started
from burnline.settings import Settings
from burnline.topics.ensure import ensure_topics
from burnline.topics.reach import reach_brokers

_TOPICS_WITHIN_S = 10.0

Note = Callable[[str], None]


def prepare(stack: ExitStack, settings: Settings, folder: Path, note: Note, broker: BrokerKind | None = None) -> Setup:
    """Start the servers that were not named, and make the topics; the stack ends what was started.

    Args:
        stack: Ends what is started.
        settings: As the operator gave them.
        folder: For the worker's files.
        note: Is told what runs where.
        broker: Which one, if one was asked for.

    Raises:
        BrokerContradiction: One was asked for, and another one named.
        TopicError, EmbeddedBrokerUnavailable, KafkaException: The broker is not there, or not as it has to be.
        RedisUnusable, EmbeddedValkeyUnavailable: Nor is Redis.
    """
    embedded = start_servers(stack, settings, broker, note)
    setup = set_up(settings, embedded, folder)
    own = setup.settings
    kind = _called(broker) if embedded.bootstrap_servers else "broker"
    note(f"{kind} {own.kafka_bootstrap_servers}, topics {own.topic_prefix}*")
    if setup.has_redis:
        kind = "embedded Valkey" if embedded.redis_url else "Redis"
        note(f"{kind} {own.redis_url}, keys {own.redis_prefix}*")
        patiently(lambda: check_redis(own))
    else:
        note(f"no projector and no API: {embedded.no_redis} BURNLINE_REDIS_URL names another Redis.")
    patiently(lambda: reach_brokers(own))
    patiently(lambda: ensure_topics(own, timeout_s=_TOPICS_WITHIN_S))
    return setup


def _called(broker: BrokerKind | None) -> str:
    return "Apache Kafka" if broker is BrokerKind.APACHE else "embedded broker"


def start_children(
    stack: ExitStack, setup: Setup, folder: Path, note: Note, check: Callable[[], None]
) -> list[ChildProcess]:
    """Start worker, projector and API side by side, and wait until all of them do their work.

    Args:
        stack: Ends them, the API first, and side by side: each may take seconds when a server is away.
        setup: What they work with; without a Redis there is a worker only.
        folder: For their logs.
        note: Is told what runs where.
        check: Called between tries; raises to give up.

    Raises:
        ChildFailed: One of them has ended, or is not ready in time.
    """
    children: list[ChildProcess] = []

    def ask_all_to_end() -> None:
        for child in reversed(children):
            child.ask_to_end()

    def start(program: Program) -> int:
        begin = partial(ChildProcess, program, setup.overrides, folder)
        children.append(started(stack, begin, ChildProcess.stop))
        return children[-1].pid

    def check_all() -> None:
        check()
        for child in children:
            child.check()

    note(f"worker {start(setup.worker)}, metrics {setup.worker.url}/metrics")
    if setup.has_redis:
        note(f"projector {start(setup.projector)}, metrics {setup.projector.url}/metrics")
        note(f"API {start(setup.api)}, explained at {setup.api.url}/docs")
        note(f"dashboard: {setup.api.url}/")
    stack.callback(ask_all_to_end)
    for child in children:
        child.wait_until_ready(check_all)
    return children
