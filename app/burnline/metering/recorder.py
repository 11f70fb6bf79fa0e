"""From a client's answers to published events; whatever goes wrong here, the agent never hears of it but in the log."""

import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from burnline.usage.adapters import Dialect, complete
from burnline.usage.context import NOBODY, Owner, current
from burnline.usage.reading import UsageMissing

if TYPE_CHECKING:
    from burnline.publisher import UsagePublisher

SAY_EVERY_S = 60.0
_log = logging.getLogger("burnline.metering")


class TakesEvents(Protocol):
    """What events are given to: a `UsagePublisher`, or whatever else has its `publish`."""

    def publish(self, event: Mapping[str, Any], /) -> object:
        """Take one event; it must not wait."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a client, as far as it is known before its answer: whose it is, and what the answer may not say."""

    owner: Owner
    known: Mapping[str, Any]


class Recorder:
    """Counts the answers of one metered client. `recorder_of(client)` gives it.

    Attributes:
        metered: Answers whose usage was handed to the publisher.
        unmetered: Answers that cost something which nobody said: streams without usage, or left before their end.
    """

    def __init__(
        self,
        dialect: Dialect,
        owner: Owner,
        known: Mapping[str, Any],
        publisher: TakesEvents | None,
        *,
        else_agent: str | None = None,
    ) -> None:
        self.dialect = dialect
        self._owner = owner
        self._else = Owner(agent=else_agent, session=str(uuid.uuid4()))
        self._known = {name: value for name, value in known.items() if value is not None}
        self._publisher = publisher
        self._lock = threading.Lock()
        self._said_at_s = float("-inf")
        self.metered = self.unmetered = 0

    def call(self, found: Owner = NOBODY, **known: Any) -> Call:
        """A call that begins here and now.

        Args:
            found: Whose it is where neither the session around it nor the meter says so, as a framework has it.
            known: What stands where the answer says nothing.
        """
        return Call(current().over(self._owner).over(found).over(self._else), known)

    def answered(self, call: Call, answer: Any) -> None:
        """An answer came whole, or is what was collected of a stream."""
        self.quietly(self._answered, call, answer)

    def not_told(self, why: str) -> None:
        """An answer's usage stays unknown."""
        with self._lock:
            self.unmetered += 1
        self._say("a model call is not metered (%d so far): %s", self.unmetered, why)

    def quietly(self, do: Callable[..., object], *arguments: Any) -> None:
        """Do something for the meter alone: what it raises is logged, and goes no further."""
        try:
            do(*arguments)
        except Exception as error:  # noqa: BLE001  # whatever an answer looks like, the agent goes on
            with self._lock:
                self.unmetered += 1
            self._say("a model call is not metered (%d so far): %s: %s", self.unmetered, type(error).__name__, error)

    def _answered(self, call: Call, answer: Any) -> None:
        try:
            reading = self.dialect.read(answer)
        except UsageMissing as missing:
            self.not_told(str(missing))
            return
        told = {name: value for name, value in reading.items() if value is not None}
        event = complete(
            dict(call.known) | told | self._known,
            call.owner,
            provider=self.dialect.provider,
            occurred_at_ms=time.time_ns() // 1_000_000,
        )
        if not event.get("model"):
            self.not_told("neither the call nor its answer names the model")
            return
        publisher = self._publisher or shared_publisher()
        publisher.publish(event)
        with self._lock:
            self.metered += 1

    def _say(self, sentence: str, *values: object) -> None:
        now_s = time.monotonic()
        with self._lock:
            too_soon = now_s - self._said_at_s < SAY_EVERY_S
            if not too_soon:
                self._said_at_s = now_s
        if not too_soon:
            _log.warning(sentence, *values)


_shared_lock = threading.Lock()
_shared: "list[UsagePublisher]" = []


def shared_publisher() -> "UsagePublisher":
    """The publisher of all metered clients that were given none: it never waits, and raises nothing.

    Raises:
        burnline.settings.SettingsError: The environment's settings are wrong.
    """
    with _shared_lock:
        if not _shared:
            from burnline.publisher import UsagePublisher  # confluent-kafka: not for who only reads usage

            _shared.append(UsagePublisher.from_settings(max_block_s=0, on_invalid="count"))
        return _shared[0]


def recorder_of(client: Any) -> Recorder:
    """The recorder of a client that `burnline.meter` has metered.

    Raises:
        TypeError: It has not.
    """
    found = getattr(client, RECORDER, None)
    if not isinstance(found, Recorder):
        raise TypeError(f"{type(client).__name__} is not metered: burnline.meter(client, org=…, agent=…) does it")
    return found


RECORDER = "_burnline_recorder"
"""Attribute of a metered client that holds its recorder."""
