"""The Faust application: tables, the agent, and when to flush. It decides nothing about money."""

import asyncio
import logging
import ssl
import time
from typing import TYPE_CHECKING, Any

import faust
from faust.stores import STORES
from faust.types.auth import CredentialsT

from burnline.ledger.policy import Policy
from burnline.metrics import WorkerMetrics
from burnline.settings import Settings
from burnline.stream.reference import FollowedCatalogue, follow_baselines, follow_rates
from burnline.stream.refreshing import refresh
from burnline.stream.shards import Shards
from burnline.stream.transport import BatchTransport
from burnline.topics.catalogue import Topics, TopicSpec
from burnline.topics.errors import TopicError

if TYPE_CHECKING:
    from burnline.stream.stores import Follower

_log = logging.getLogger(__name__)

STREAM_BUFFER_BATCHES = 16
HEARTBEATS_PER_SESSION = 5
LOOK_AGAIN_S = 0.5
UNKNOWN_S = 10.0
REFRESH_S = 86_400.0
"""How often a list is fetched anew."""

STORES.aliases["sessions"] = "burnline.stream.stores:SessionStore"
STORES.aliases["reference"] = "burnline.stream.stores:ReferenceStore"


class NamedChangelogTable(faust.GlobalTable):  # type: ignore[misc]  # Faust is untyped to us
    """A GlobalTable whose changelog is a topic of its own name.

    Faust's assignor asks every GlobalTable for the changelog name that Faust would have made up, also where another
    topic was given, and fails on the first worker's join.
    """

    def _changelog_topic_name(self) -> str:
        return str(self.name)


def build_app(settings: Settings, topics: Topics, shards: Shards, policy: Policy, metrics: WorkerMetrics) -> faust.App:
    """Wire the application; nothing connects before it is started."""
    session_timeout_s = settings.session_timeout_ms / 1000
    app = faust.App(
        settings.app_id,
        broker=[f"kafka://{server}" for server in settings.kafka_bootstrap_servers.split(",")],
        broker_credentials=credentials(settings),
        broker_session_timeout=session_timeout_s,
        broker_heartbeat_interval=session_timeout_s / HEARTBEATS_PER_SESSION,
        broker_request_timeout=max(90.0, session_timeout_s),
        broker_commit_interval=max(1.0, settings.flush_interval_ms / 1000),
        consumer_group_instance_id=member_id(settings),
        consumer_auto_offset_reset="earliest",
        stream_buffer_maxsize=STREAM_BUFFER_BATCHES,
        stream_recovery_delay=0.0,
        stream_wait_empty=False,  # a crashed agent acknowledges nothing any more; ledgers know better
        table_standby_replicas=0,  # standby changelogs would be assigned, and read, for nothing
        topic_partitions=settings.partitions,
        topic_replication_factor=settings.replication_factor,
        topic_allow_declare=False,  # `topics ensure` has made them all
        topic_disable_leader=True,
        web_enabled=False,
        GlobalTable=NamedChangelogTable,
        datadir=str(settings.worker_data_dir) if settings.worker_data_dir else None,
        logging_config=None,
        loghandlers=[],
    )
    app.finalize()
    app.transport = BatchTransport(
        app.conf.broker_consumer,
        app,
        source_topic=topics.usage.name,
        changelogs=[topics.sessions.name],
        client_config=shards.config,
        make_reader=shards.make_reader,
        positions=shards,
    )
    _declare_tables(app, topics, shards, policy, metrics)
    _declare_agent(app, topics, shards)
    _declare_flushes(app, shards, settings.flush_interval_ms / 1000)
    if settings.catalogue_refresh is not None:
        _declare_refreshes(app, shards, settings.catalogue_refresh)
    shards.end_offset = lambda partition: app.consumer.end_offset(partition)
    shards.brokers_away_s = lambda: app.consumer.brokers_away_s
    return app


def credentials(settings: Settings) -> CredentialsT | None:
    """TLS and SASL for Faust's own clients, as `burnline.kafka.client_config` has them for librdkafka."""
    context = None
    if settings.kafka_security_protocol.endswith("SSL"):
        context = ssl.create_default_context(cafile=_text(settings.kafka_ssl_ca_location))
        if settings.kafka_ssl_certificate_location is not None:
            password = settings.kafka_ssl_key_password
            context.load_cert_chain(
                settings.kafka_ssl_certificate_location,
                settings.kafka_ssl_key_location,
                password.get_secret_value() if password else None,
            )
    if settings.kafka_security_protocol.startswith("SASL"):
        secret = settings.kafka_sasl_password
        return faust.SASLCredentials(
            username=settings.kafka_sasl_username,
            password=secret.get_secret_value() if secret else None,
            mechanism=settings.kafka_sasl_mechanism,
            ssl_context=context,
        )
    return faust.SSLCredentials(context) if context else None


def member_id(settings: Settings) -> str | None:
    """The static member's id in the group: another one once the topics have other partitions.

    The brokers give a static member that comes back what it had, without asking anybody how to share. What was shared
    before the topics grew would leave the new partitions to nobody.
    """
    name = settings.group_instance_id
    return None if name is None else f"{name}-of-{settings.partitions}"


def _text(path: Any) -> str | None:
    return None if path is None else str(path)


def _raw_topic(app: faust.App, spec: TopicSpec) -> Any:
    return app.topic(
        spec.name,
        partitions=spec.partitions,
        key_type=bytes,
        value_type=bytes,
        key_serializer="raw",
        value_serializer="raw",
        allow_empty=True,
    )


def _declare_tables(app: faust.App, topics: Topics, shards: Shards, policy: Policy, metrics: WorkerMetrics) -> None:
    app.Table(
        "sessions",
        partitions=topics.sessions.partitions,
        store="sessions://kafka",
        options={"shards": shards},
        changelog_topic=_raw_topic(app, topics.sessions),
    )
    followers: dict[TopicSpec, Follower] = {
        topics.baselines: follow_baselines(topics.baselines.name, policy, metrics),
        topics.valuation_rates: follow_rates(topics.valuation_rates.name, policy, metrics),
        topics.catalogues: FollowedCatalogue(topics.catalogues.name, policy, metrics, shards.clock_ms),
    }
    for spec, follower in followers.items():
        app.GlobalTable(
            spec.name,
            partitions=1,
            recovery_buffer_size=1,  # with a larger one other workers see no change until they restart
            store="reference://kafka",
            options={"topic": spec, "config": shards.config, "follower": follower},
            changelog_topic=_raw_topic(app, spec),
        )


def _declare_agent(app: faust.App, topics: Topics, shards: Shards) -> None:
    async def apply(stream: Any) -> None:
        async for batch in stream:
            if not await shards.apply(batch):
                _log.info("partition %d: a batch was dropped in a rebalance, fetching again", batch.partition)
                app.consumer.restart_reading()

    app.agent(_usage_topic(app, topics.usage), name="ledger")(apply)


def _usage_topic(app: faust.App, spec: TopicSpec) -> Any:
    # What arrives is no bytes but a RecordBatch, which Faust passes through as it is.
    return app.topic(spec.name, partitions=spec.partitions, value_serializer="raw", value_type=None)


def _declare_flushes(app: faust.App, shards: Shards, interval_s: float) -> None:
    @app.task  # type: ignore[untyped-decorator]  # Faust is untyped to us
    async def flush_regularly() -> None:
        while not app.should_stop:
            await _elapsed(shards.flush_due, interval_s)
            if shards.ready:
                await shards.begin_flushes()

    @app.task  # type: ignore[untyped-decorator]  # Faust is untyped to us
    async def look_again_at_what_was_refused() -> None:
        while not app.should_stop:
            await asyncio.sleep(LOOK_AGAIN_S)
            if shards.ready:
                await shards.look_again()

    @app.task  # type: ignore[untyped-decorator]  # Faust is untyped to us
    async def look_at_the_source() -> None:
        while not app.should_stop:
            await asyncio.sleep(LOOK_AGAIN_S)
            if not shards.ready:
                continue
            try:
                await shards.look_at_topics()
                if app.consumer.in_doubt and await shards.look_at_positions(app.consumer.fetched_to):
                    app.consumer.restart_reading()
            except TopicError as error:  # asked again soon
                _log.warning("not known whether the topics fit: %s", error)
                await asyncio.sleep(UNKNOWN_S)

    async def before_revocation(sender: Any, revoked: Any, **kwargs: Any) -> None:
        del sender, revoked, kwargs
        if shards.ready:
            shards.ready = False
            await shards.flush()

    async def after_rebalance(sender: Any, **kwargs: Any) -> None:
        del sender, kwargs
        shards.ready = True

    # Signals hold their receivers weakly by default.
    app.on_partitions_revoked.connect(before_revocation, weak=False)
    app.on_rebalance_complete.connect(after_rebalance, weak=False)


def _declare_refreshes(app: faust.App, shards: Shards, source: str) -> None:
    @app.task  # type: ignore[untyped-decorator]  # Faust is untyped to us
    async def renew_the_catalogue() -> None:
        due_s = 0.0
        while not app.should_stop:
            await asyncio.sleep(LOOK_AGAIN_S)
            if not shards.ready or 0 not in shards.durable_offsets() or time.monotonic() < due_s:
                continue
            due_s = time.monotonic() + REFRESH_S
            outcome = await asyncio.to_thread(refresh, shards.settings, source, shards.clock_ms())
            shards.metrics.catalogue_refreshes.labels(outcome).inc()


async def _elapsed(event: asyncio.Event, timeout_s: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), timeout_s)
    except TimeoutError:
        return
