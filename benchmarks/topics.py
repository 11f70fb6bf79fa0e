"""Topics of a benchmark: made once per load, and emptied between runs without publishing the load again."""

import time
import uuid

from confluent_kafka.admin import AdminClient

from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.ensure import ensure_topics

TIMEOUT_S = 30.0


def fresh_settings(bootstrap_servers: str, **changed: object) -> Settings:
    """Settings with topics and a consumer group of their own, the topics created."""
    name = f"bench-{uuid.uuid4().hex[:8]}"
    settings = Settings.model_validate(
        {"kafka_bootstrap_servers": bootstrap_servers, "topic_prefix": f"{name}.", "app_id": name, **changed}
    )
    ensure_topics(settings)
    return settings


def forget_work(settings: Settings, **changed: object) -> Settings:
    """Settings under which the same usage topic has not been read yet.

    Every other topic is deleted and made anew, and the consumer group is another one, so nothing is left that a worker
    could go on from.

    Args:
        settings: Of the run before.
        changed: Settings that are to differ.
    """
    topics = topics_for(settings)
    delete_topics(settings.kafka_bootstrap_servers, [spec.name for spec in topics if spec.name != topics.usage.name])
    renamed = settings.model_copy(update={"app_id": f"bench-{uuid.uuid4().hex[:8]}", **changed})
    ensure_topics(renamed)
    return renamed


def delete_all(settings: Settings) -> None:
    """Delete all topics of these settings: the broker's disk is needed for the next load."""
    delete_topics(settings.kafka_bootstrap_servers, [spec.name for spec in topics_for(settings)])


def delete_topics(bootstrap_servers: str, names: list[str]) -> None:
    """Delete topics and wait until the broker lists none of them any more.

    Raises:
        TimeoutError: It still does.
    """
    admin = AdminClient({"bootstrap.servers": bootstrap_servers})
    there = set(names) & admin.list_topics(timeout=TIMEOUT_S).topics.keys()
    if not there:
        return
    for future in admin.delete_topics(sorted(there), operation_timeout=TIMEOUT_S).values():
        future.result()
    deadline = time.monotonic() + TIMEOUT_S
    while there & admin.list_topics(timeout=TIMEOUT_S).topics.keys():
        if time.monotonic() > deadline:
            raise TimeoutError(f"topics that were deleted are still there: {sorted(there)}")
        time.sleep(0.05)
