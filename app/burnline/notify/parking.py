"""What a sink refuses for good, or has not taken in its time, is kept on the topic `parked-notices`."""

import json
import logging
import threading
import time

from confluent_kafka import KafkaError, Message, Producer

from burnline.budgets.notice import BudgetNotice
from burnline.detection.anomaly import Anomaly
from burnline.kafka import client_config
from burnline.notify.delivery import Result
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.client_log import client_log
from burnline.topics.ends import not_written

PARK_TIMEOUT_S = 10.0
AGAIN_S = 1.0

_log = logging.getLogger(__name__)

Source = dict[str, str | int | None]
"""Where a notice stands: `topic`, `partition`, `offset`."""


def park(
    settings: Settings,
    sink: str,
    notice: Anomaly | BudgetNotice,
    result: Result,
    attempts: int,
    source: Source | None,
    stop: threading.Event,
) -> bool:
    """Write a notice to the topic, again and again until it is there; False if `stop` is set first.

    Args:
        settings: How to reach the brokers.
        sink: Which sink has not taken it.
        notice: The notice.
        result: What the last attempt came to.
        attempts: How many there were.
        source: Where it stands; None for one that was told because a silence or a mute time was over.
        stop: This process ends.
    """
    record = {
        "sink": sink,
        "detail": result.detail,
        "attempts": attempts,
        "parked_at_ms": time.time_ns() // 1_000_000,
        "source": source,
        "notice": notice.model_dump(mode="json"),
    }
    key = notice.session_id if isinstance(notice, Anomaly) else notice.budget
    value = json.dumps(record, ensure_ascii=False).encode()
    while not stop.is_set():
        why_not = _why_not_written(settings, value, key.encode())
        if why_not is None:
            _log.error("sink %s: parked a notice after %d attempts: %s", sink, attempts, result.detail)
            return True
        _log.warning("sink %s: a notice cannot be parked yet: %s", sink, why_not)
        stop.wait(AGAIN_S)
    return False


def _why_not_written(settings: Settings, value: bytes, key: bytes) -> str | None:
    """Why it is not written; None if it is."""
    failed: list[KafkaError] = []

    def on_delivery(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            failed.append(error)

    topic = topics_for(settings).parked_notices.name
    producer = Producer({**client_config(settings), "enable.idempotence": True}, logger=client_log)
    producer.produce(topic, value, key, on_delivery=on_delivery)
    if producer.flush(PARK_TIMEOUT_S):
        return f"nobody acknowledges it within {PARK_TIMEOUT_S:g} s"
    return str(not_written(failed[0], topic)) if failed else None
