"""Whether transactional ids may be used, asked without using them: whoever writes under one just now is not disturbed.

The right is looked at before anything else of the request, and a transaction timeout that is longer than brokers allow
is refused after it, before the id's epoch grows. So one is asked for that no cluster allows, and the refusal says which
of the two it was. Brokers that take even that timeout are not asked about ids that are in use.
"""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AclOperation

from burnline.kafka import Config
from burnline.topics.refusal import Cause, Refusal, cause_of
from burnline.topics.rights import not_allowed

TIMEOUT_S = 30.0
AT_ONCE = 8
_LONGEST_MS = 2_147_483_647
_quiet = logging.getLogger(__name__)
_quiet.setLevel(logging.CRITICAL)  # a refusal is the answer that is waited for


class NoAnswer(Exception):
    """The brokers do not say whether an id may be used; the message says why."""


def transactional_obstacles(config: Config, unused: str, ids: Sequence[str]) -> list[Refusal]:
    """Which transactional ids may not be used.

    Args:
        config: librdkafka configuration that reaches the brokers.
        unused: An id that nobody writes under, asked about first.
        ids: Those to ask about.

    Raises:
        NoAnswer: The brokers let it be used with any timeout, or say nothing in time.
    """
    if _answer(config, unused) is None:
        raise NoAnswer("the brokers bound no transaction's time, so that asking would be using")
    with ThreadPoolExecutor(AT_ONCE) as threads:
        answers = list(threads.map(lambda each: _answer(config, each), ids))
    return [
        not_allowed(f"transactional id {each}", [AclOperation.WRITE])
        for each, error in zip(ids, answers, strict=True)
        if error is not None and cause_of(error) is Cause.NOT_AUTHORISED
    ]


def _answer(config: Config, transactional_id: str) -> KafkaError | None:
    """What is said against it; None if nothing is."""
    wanted = {"transactional.id": transactional_id, "transaction.timeout.ms": _LONGEST_MS}
    producer = Producer({**config, **wanted}, logger=_quiet)
    try:
        producer.init_transactions(TIMEOUT_S)
    except KafkaException as failure:
        error: KafkaError = failure.args[0]
        if cause_of(error) is not Cause.NOT_AUTHORISED and error.code() != KafkaError.INVALID_TRANSACTION_TIMEOUT:
            raise NoAnswer(f"transactional id {transactional_id}: {error.str()}") from failure
        return error
    return None
