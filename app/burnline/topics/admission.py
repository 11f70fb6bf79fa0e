"""A component works once it has its rights: what is missing is named once, looked at again slowly, cured by a grant.

A worker has partitions that go on while others stand still, and looks for itself (`stream.obstruction`). Every other
component does one thing, which it begins anew here when a missing right has ended it.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

from confluent_kafka import KafkaException
from confluent_kafka.admin import AclOperation, ResourceType

from burnline.kafka import client_config
from burnline.topics.errors import BrokerSilent, TopicError
from burnline.topics.grants import Component, Grant, grants_of
from burnline.topics.obstacles import TIMEOUT_S, group_rights, not_let_in
from burnline.topics.refusal import Cause, Refusal, Refused, cause_of
from burnline.topics.rights import as_one, missing_rights
from burnline.topics.transactional import NoAnswer, transactional_obstacles

if TYPE_CHECKING:
    from burnline.settings import Settings

FIRST_LOOK_S = 1.0
LAST_LOOK_S = 15.0
"""Between two looks, as long as something is missing; each wait is twice the one before."""

_OF_RIGHTS = (Cause.NOT_AUTHORISED, Cause.NOT_AUTHENTICATED)
_log = logging.getLogger(__name__)


def needed(component: Component, settings: "Settings", names: Iterable[str] = ()) -> list[Grant]:
    """What a component asks the brokers about: its grants, those of a beginning by the names that it really uses.

    Args:
        component: Who.
        settings: Topics, and stem of groups and transactional ids.
        names: Of its groups and transactional ids, where the grants know only how these begin.
    """
    found = []
    for grant in grants_of(component, settings):
        real = [name for name in names if name.startswith(grant.name)] if grant.prefixed else [grant.name]
        # Without DESCRIBE_CONFIGS a difference of a topic's configuration is not seen, which the log says; no more.
        operations = grant.operations - {AclOperation.DESCRIBE_CONFIGS}
        found += [grant._replace(name=name, operations=operations, prefixed=False) for name in real]
    return found


def missing_grants(settings: "Settings", grants: Sequence[Grant], *, thorough: bool) -> list[Refusal]:
    """Which of these the brokers do not allow; a login that they refuse goes before. Blocks.

    Brokers that are away, or do not answer such questions, refuse nothing: whoever needs them waits for them.

    Args:
        settings: How to reach the brokers.
        grants: What is needed, by whole names.
        thorough: Ask about groups and transactional ids, too; who begins finds out when they are used.
    """
    config = client_config(settings)
    topics = {grant.name: grant.operations for grant in grants if grant.kind is ResourceType.TOPIC}
    groups = [grant.name for grant in grants if grant.kind is ResourceType.GROUP and thorough]
    ids = [grant.name for grant in grants if grant.kind is ResourceType.TRANSACTIONAL_ID and thorough]
    try:
        if (why_not := not_let_in(settings)) is not None:
            return [why_not]
        found = missing_rights(config, topics, TIMEOUT_S)
        for group in groups:
            found += group_rights(config, group, TIMEOUT_S)
        if ids:
            found += transactional_obstacles(config, f"{settings.app_id}-check", ids)
    except (BrokerSilent, KafkaException, TimeoutError, NoAnswer) as unanswered:
        _log.debug("not answered: %s", unanswered)
        return []
    return found


class Look(Protocol):
    """Says what is missing now."""

    def __call__(self, *, thorough: bool) -> Sequence[Refusal]:
        """Ask the brokers; about everything, or only about what does not depend on being at work."""


class Admission:
    """Whether a component has its rights; `missing` is read anywhere."""

    def __init__(
        self,
        look: Look,
        stop: threading.Event,
        show: Callable[[Sequence[Refusal]], None] = lambda _: None,
    ) -> None:
        """Ask nothing yet.

        Args:
            look: What is missing now.
            stop: Set to end the process.
            show: Told what is missing, as it changes.
        """
        self.missing: Sequence[Refusal] = ()
        self._look = look
        self._stop = stop
        self._show = show

    @property
    def sentence(self) -> str:
        """What is missing and what to grant; empty if nothing is known to be."""
        return str(as_one(list(self.missing)) or "")

    def serve(self, work: Callable[[], None]) -> None:
        """Do the work once nothing is missing, and begin it anew when what had ended it was granted.

        Raises:
            TopicError, KafkaException: What ended it, where that was no missing right.
        """
        pause_s = FIRST_LOOK_S
        self._wait(thorough=False)
        while not self._stop.is_set():
            began_s = time.monotonic()
            try:
                work()
            except (TopicError, KafkaException) as failure:
                refusal = _of_rights(failure)
                found = self._look(thorough=True)
                if not found and refusal is None:
                    raise
                if time.monotonic() - began_s > LAST_LOOK_S:
                    pause_s = FIRST_LOOK_S
                self._told(found or ([] if refusal is None else [refusal]))
                self._stop.wait(pause_s)
                pause_s = min(2 * pause_s, LAST_LOOK_S)
                self._wait(thorough=True)
            else:
                return

    def _wait(self, *, thorough: bool) -> None:
        wait_s = FIRST_LOOK_S
        while not self._stop.is_set():
            self._told(self._look(thorough=thorough))
            if not self.missing:
                return
            self._stop.wait(wait_s)
            wait_s = min(2 * wait_s, LAST_LOOK_S)

    def _told(self, found: Sequence[Refusal]) -> None:
        before = {one[:2]: one for one in self.missing}
        now = {one[:2]: one for one in found}
        self.missing = found
        for key in now.keys() - before.keys():
            _log.error("waiting: %s", now[key])
        for key in before.keys() - now.keys():
            _log.warning("no longer in the way: %s", before[key].reason)
        if before or now:
            self._show(found)


def _of_rights(failure: Exception) -> Refusal | None:
    """What a failure says of rights or of the login; None if it is another."""
    if isinstance(failure, Refused):
        return failure.refusal if failure.refusal.cause in _OF_RIGHTS else None
    if isinstance(failure, KafkaException) and cause_of(failure.args[0]) in _OF_RIGHTS:
        return Refusal.of(failure.args[0], "the brokers", "what was asked of the brokers")
    return None
