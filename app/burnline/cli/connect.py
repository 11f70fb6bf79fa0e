"""What `burnline check --connect` asks: whether all that the settings name is there, and may be used."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import AclOperation, AdminClient, TopicDescription
from redis.exceptions import RedisError

from burnline.kafka import client_config
from burnline.pricing.listed import CatalogueError
from burnline.readmodel.connection import connect
from burnline.settings import ENV_PREFIX, Settings
from burnline.topics.catalogue import TopicSpec, topics_for
from burnline.topics.client_log import client_log
from burnline.topics.clusters import cluster_obstacles
from burnline.topics.errors import BrokerSilent, TopicError
from burnline.topics.obstacles import group_obstacles
from burnline.topics.reach import REACH_S, reach_brokers
from burnline.topics.refusal import Refusal
from burnline.topics.rights import as_one
from burnline.topics.shelf import read_shelf
from burnline.topics.transactional import NoAnswer, transactional_obstacles

TIMEOUT_S = 10.0
GROUP_TIMEOUT_S = 10.0
MOST_IDS_ASKED = 32
_FILES = ("kafka_ssl_ca_location", "kafka_ssl_certificate_location", "kafka_ssl_key_location")
_NEEDED = (AclOperation.READ, AclOperation.WRITE)


class Finding(NamedTuple):
    """One thing that was asked, whether it is well, and a sentence about it."""

    what: str
    well: bool
    detail: str


def findings(settings: Settings) -> Iterator[Finding]:
    """Ask everything, one after the other; what cannot be asked because of an earlier answer is left out."""
    yield from _files(settings)
    try:
        count = reach_brokers(settings)
    except BrokerSilent as error:
        yield Finding("brokers", well=False, detail=str(error))
    else:
        where = f"{count} at {settings.kafka_bootstrap_servers}"
        yield _of_rights("brokers", cluster_obstacles(client_config(settings), REACH_S), where)
        yield from _topics(settings)
        yield _group(settings)
        yield _transactional_ids(settings)
        if settings.catalogue_refresh is not None:
            yield _refresh_id(settings)
        yield _catalogue(settings)
    yield _redis(settings)


def _files(settings: Settings) -> Iterator[Finding]:
    for name in _FILES:
        if (path := getattr(settings, name)) is not None:
            yield _looked(name, path, _try_to_read, "can be read")
    if settings.worker_data_dir is not None:
        yield _looked("worker_data_dir", settings.worker_data_dir, _try_to_write, "can be written to")


def _looked(setting: str, path: Path, look: Callable[[Path], None], detail: str) -> Finding:
    what = f"{ENV_PREFIX}{setting.upper()}"
    try:
        look(path)
    except OSError as error:
        return Finding(what, well=False, detail=str(error))
    return Finding(what, well=True, detail=f"{path} {detail}")


def _try_to_read(path: Path) -> None:
    path.open("rb").close()


def _try_to_write(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    probe = folder / ".burnline-check"
    probe.touch()
    probe.unlink()


def _topics(settings: Settings) -> Iterator[Finding]:
    client = AdminClient(client_config(settings), logger=client_log)
    specs = {spec.name: spec for spec in topics_for(settings)}
    asked = client.describe_topics(
        TopicCollection(list(specs)), include_authorized_operations=True, request_timeout=TIMEOUT_S
    )
    for name, answer in asked.items():
        try:
            description = answer.result(TIMEOUT_S)
        except (KafkaException, TimeoutError) as error:
            reason = error.args[0].str() if isinstance(error, KafkaException) else "no answer"
            yield Finding(name, well=False, detail=f"{reason}; burnline topics ensure creates what is missing")
        else:
            yield _topic(specs[name], description)


def _topic(spec: TopicSpec, description: TopicDescription) -> Finding:
    found = len(description.partitions)
    if found != spec.partitions:
        return Finding(spec.name, well=False, detail=f"{found} partitions; {spec.partitions} are wanted")
    allowed = description.authorized_operations
    if allowed:  # brokers without an authorizer may say nothing, and everything is allowed
        lacking = [operation.name for operation in _NEEDED if operation not in allowed]
        if lacking:
            return Finding(spec.name, well=False, detail=f"this user may not {' and '.join(lacking)}")
    return Finding(spec.name, well=True, detail=f"{found} partitions")


def _group(settings: Settings) -> Finding:
    what = f"group {settings.app_id}"
    topics = [spec.name for spec in topics_for(settings)]
    try:
        found = group_obstacles(client_config(settings), settings.app_id, topics, GROUP_TIMEOUT_S)
    except TimeoutError:  # brokers that never had a group may first have to make the topic for all of them
        return Finding(what, well=True, detail=f"not known: no answer within {GROUP_TIMEOUT_S:g} s")
    except KafkaException as error:
        return Finding(what, well=False, detail=error.args[0].str())
    return _of_rights(what, found, "can be joined")


def _transactional_ids(settings: Settings) -> Finding:
    stem = settings.app_id
    last = settings.partitions - 1
    asked = [f"{stem}-{partition}" for partition in range(min(settings.partitions, MOST_IDS_ASKED))]
    beyond = "" if len(asked) > last else f"; asked about the first {len(asked)}"
    return _ids(settings, f"transactional ids {stem}-0 to {stem}-{last}", asked, f"can be used{beyond}")


def _refresh_id(settings: Settings) -> Finding:
    """Under which id the daily refresh puts a catalogue in force; WRITE on its topic is asked for with all topics."""
    name = f"{settings.app_id}-catalogue"
    return _ids(settings, f"transactional id {name}", [name], "can be used by BURNLINE_CATALOGUE_REFRESH")


def _ids(settings: Settings, what: str, asked: list[str], well: str) -> Finding:
    try:
        found = transactional_obstacles(client_config(settings), f"{settings.app_id}-check", asked)
    except NoAnswer as error:
        return Finding(what, well=True, detail=f"not asked: {error}")
    return _of_rights(what, found, well)


def _catalogue(settings: Settings) -> Finding:
    """Which catalogue workers price by."""
    try:
        shelf = read_shelf(client_config(settings), topics_for(settings), timeout_s=TIMEOUT_S)
        in_force, catalogue = shelf.in_force, shelf.current()
    except (CatalogueError, TopicError) as error:
        return Finding("prices", well=False, detail=str(error))
    where = "in force for all workers" if in_force else "bundled; none is in force for all workers"
    return Finding("prices", well=True, detail=f"catalogue {catalogue.version} ({catalogue.source}), {where}")


def _of_rights(what: str, found: list[Refusal], well: str) -> Finding:
    refusal = as_one(found)
    return Finding(what, well=refusal is None, detail=well if refusal is None else str(refusal))


def _redis(settings: Settings) -> Finding:
    async def ping() -> None:
        async with connect(settings, timeout_s=REACH_S) as client:
            await client.ping()

    try:
        asyncio.run(ping())
    except (RedisError, OSError) as error:
        return Finding(f"{ENV_PREFIX}REDIS_URL", well=False, detail=f"{settings.redis_url}: {error}")
    return Finding("redis", well=True, detail=settings.redis_url)
