"""Whether brokers answer at all: asked first and for a short time, so that a wrong address is told at once."""

import logging
import threading
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from burnline.kafka import client_config
from burnline.settings import ENV_PREFIX, Settings
from burnline.topics.errors import BrokerSilent

REACH_S = 2.5
"""What people take for an answer to their command, and not for a program that hangs."""
_ANSWER_S = 0.4  # for what has come in time to be handed over
_CREDENTIALS = {KafkaError._AUTHENTICATION, KafkaError._SSL}

_log = logging.getLogger(__name__)
_quiet = logging.getLogger(f"{__name__}.client")
_quiet.setLevel(logging.CRITICAL)  # what the client meets is in the error


class BrokersUnreachable(BrokerSilent):
    """No broker answers, and it is known why: the address, the port, or how to talk to them is wrong."""


class CredentialsRefused(BrokersUnreachable):
    """They are there, and do not let us in: the password, the mechanism or TLS is wrong."""


def reach_brokers(settings: Settings, *, timeout_s: float = REACH_S) -> int:
    """Ask the brokers who they are.

    Returns:
        How many brokers the cluster has.

    Raises:
        BrokersUnreachable: None answers, and why; names the setting to look at.
        BrokerSilent: None answers in time, and nothing is wrong as far as one can see.
    """
    met: list[KafkaError] = []
    config: dict[str, Any] = {**client_config(settings), "error_cb": met.append}
    client = AdminClient(config, logger=_quiet)
    try:
        cluster = client.describe_cluster(request_timeout=timeout_s).result(timeout_s + _ANSWER_S)
    except (KafkaException, TimeoutError) as error:
        client.poll(0)
        told = [each for each in met if each.code() != KafkaError._ALL_BROKERS_DOWN]
        raise _kind(told)(_sentence(settings, told)) from error
    return len(cluster.nodes)


def say_when_unreached(settings: Settings, *, but_refused: bool = True) -> None:
    """Log a warning when no broker answers, soon and without holding anybody up: what serves goes on trying.

    Args:
        settings: Where they are, and how to talk to them.
        but_refused: Also when they do not let us in; a worker tells that in its own words, which name the cure.
    """

    def ask() -> None:
        try:
            reach_brokers(settings)
        except CredentialsRefused as error:
            if but_refused:
                _log.warning("%s Waiting for them.", error)
        except BrokerSilent as error:
            _log.warning("%s Waiting for them.", error)

    threading.Thread(target=ask, name="reach brokers", daemon=True).start()


def _kind(told: list[KafkaError]) -> type[BrokerSilent]:
    if not told:
        return BrokerSilent
    return CredentialsRefused if any(error.code() in _CREDENTIALS for error in told) else BrokersUnreachable


def _sentence(settings: Settings, told: list[KafkaError]) -> str:
    where = f"No broker answers at {settings.kafka_bootstrap_servers}"
    why = f" ({told[-1].str()})" if told else f" within {REACH_S:g} s"
    if any(error.code() in _CREDENTIALS for error in told):
        ways = ("SECURITY_PROTOCOL", "SASL_MECHANISM", "SASL_USERNAME", "SSL_CA_LOCATION")
        return f"{where}{why}. How to talk to them say {', '.join(f'{ENV_PREFIX}KAFKA_{way}' for way in ways)}."
    return f"{where}{why}. Where they are says {ENV_PREFIX}KAFKA_BOOTSTRAP_SERVERS."
