"""Whether an agent may go on, asked in its own process: controls are followed in a thread, answers come from memory.

    from burnline import Controls

    with Controls.from_settings(fail="open") as controls:
        verdict = controls.allowed(session="sess-4711", agent="code-reviewer", org="acme")
        if not verdict.allowed:
            raise SystemExit(verdict.reason)

`allowed` waits for nothing, so it is fit for asyncio as it is.
"""

import asyncio
import logging
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from burnline.controls.control import Control, ControlError, Held, Verdict, decide

if TYPE_CHECKING:
    from burnline.kafka import Config
    from burnline.settings import Settings

PARTITION = 0
WAIT_S = 0.25
ASK_S = 5.0
STALE_S = 30.0
READY_S = 10.0
LEAVE_S = 5.0

_log = logging.getLogger(__name__)


class Controls:
    """The controls in force, followed as they are set.

    Nothing is raised at an agent because brokers are away. What is known goes on to count; once nothing was heard of
    the brokers for `stale_s`, or before the first reading is done, `fail` says whether everybody may go on ("open") or
    nobody ("closed").
    """

    def __init__(
        self, config: "Config", topic: str, *, fail: Literal["open", "closed"] = "open", stale_s: float = STALE_S
    ) -> None:
        """Begin to follow.

        Args:
            config: librdkafka configuration that reaches the brokers.
            topic: Full name of the topic `controls`.
            fail: What counts while it is not known what counts.
            stale_s: After so long without a word of the brokers nothing is known any more.

        Raises:
            ValueError: `fail` is neither, or `stale_s` not above 0.
        """
        if fail not in ("open", "closed"):
            raise ValueError(f"fail={fail!r}: it is 'open' or 'closed'")
        if stale_s <= 0:
            raise ValueError(f"stale_s={stale_s}: it must be above 0")
        self._config: Config = {
            "group.id": "burnline-controls",  # asked for by librdkafka; nothing is ever committed under it
            **config,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 100,
        }
        self._topic = topic
        self._unknown = Verdict(allowed=fail == "open", reason="It is not known which controls are in force.")
        self._stale_s = stale_s
        self._held: dict[str, Held] = {}
        self._known = threading.Event()
        self._heard_s = float("-inf")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="burnline-controls", daemon=True)
        self._thread.start()

    @classmethod
    def from_settings(
        cls, settings: "Settings | None" = None, *, fail: Literal["open", "closed"] = "open", stale_s: float = STALE_S
    ) -> Self:
        """By the environment's settings (BURNLINE_KAFKA_BOOTSTRAP_SERVERS and the others), if none are given.

        Raises:
            burnline.settings.SettingsError: The environment's settings are wrong.
        """
        from burnline.kafka import client_config
        from burnline.settings import load_settings
        from burnline.topics.catalogue import topics_for

        settings = settings or load_settings()
        return cls(client_config(settings), topics_for(settings).controls.name, fail=fail, stale_s=stale_s)

    def allowed(self, *, org: str, session: str | None = None, agent: str | None = None) -> Verdict:
        """Whether a session may go on, from memory: it asks nobody, and takes some microseconds.

        Args:
            org: The organisation, as events have it.
            session: The session; None for a question about what is wider.
            agent: The agent; None if that is not known.
        """
        if time.monotonic() - self._heard_s > self._stale_s:
            return self._unknown
        return decide(self._held, org_id=org, agent_id=agent, session_id=session, now_ms=time.time_ns() // 1_000_000)

    def wait_ready(self, timeout_s: float = READY_S) -> bool:
        """Wait until all that stands there was read; False if it was not in time."""
        return self._known.wait(timeout_s)

    async def ready(self, timeout_s: float = READY_S) -> bool:
        """As `wait_ready`; leaves the loop to others."""
        return await asyncio.to_thread(self._known.wait, timeout_s)

    def close(self) -> None:
        """Stop following; what was known counts until it is stale."""
        self._stop.set()
        self._thread.join(LEAVE_S)

    def __enter__(self) -> Self:
        self.wait_ready()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        await self.ready()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.close)

    def _follow(self) -> None:
        consumer = Consumer(self._config, logger=_log)
        try:
            consumer.assign([TopicPartition(self._topic, PARTITION, 0)])
            asked_s = time.monotonic()
            while not self._stop.is_set():
                message = consumer.poll(WAIT_S)
                if message is not None:
                    self._take(message)
                if self._known.is_set() and time.monotonic() - asked_s > min(ASK_S, self._stale_s / 3):
                    asked_s = time.monotonic()
                    self._ask(consumer)
        finally:
            consumer.close()

    def _take(self, message: Message) -> None:
        error = message.error()
        if error is None:
            self._heard_s = time.monotonic()
            self._change(message)
        elif error.code() == KafkaError._PARTITION_EOF:  # librdkafka names its codes so
            self._heard_s = time.monotonic()
            self._known.set()
        else:
            _log.warning("controls: %s", error.str())

    def _ask(self, consumer: Consumer) -> None:
        """Whether the brokers are there: while nothing is set, they have nothing to say."""
        try:
            consumer.get_watermark_offsets(TopicPartition(self._topic, PARTITION), timeout=self._stale_s / 3)
        except KafkaException as failure:
            _log.warning("controls: the brokers do not answer: %s", failure.args[0].str())
        else:
            self._heard_s = time.monotonic()

    def _change(self, message: Message) -> None:
        key, value, epoch = (message.key() or b"").decode(errors="replace"), message.value(), message.offset() or 0
        held = dict(self._held)  # whoever asks meanwhile has the one before, whole
        if value is None:
            held.pop(key, None)
        else:
            try:
                held[key] = Held(Control.parse(key, value), epoch)
            except ControlError as error:
                _log.error("%s", error)  # what the key held before stays in force
                return
        self._held = held
