"""Reads the source topic straight into the kernel: librdkafka's records, without a Python object for each.

It is the librdkafka of the confluent-kafka wheel, by its C interface (rdkafka.h), whose functions are found through the
wheel's own module; so there is one librdkafka, and nothing to install.
"""

import ctypes
import time
from collections.abc import Collection, Mapping
from ctypes import CFUNCTYPE, POINTER, byref, c_char_p, c_int, c_int32, c_int64, c_size_t, c_void_p
from functools import cache
from typing import Any

from confluent_kafka import KafkaError, KafkaException, cimpl

from burnline.kafka import Config
from burnline.native.binding import Message, Part, library
from burnline.native.polled import PolledValues
from burnline.stream.batches import Headers
from burnline.stream.clocks import Clocks
from burnline.stream.reader import (
    POLL_RECORDS,
    POLL_S,
    PROBE_S,
    READER_CONFIG,
    ReadTo,
    casts_doubt,
    only_passing,
    weakly,
)
from burnline.topics.client_log import client_log

_CONSUMER = 1
_ERROR_BYTES = 512
_CLOSED_BY_US = 0x8  # RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE
_LEVELS = (50, 50, 50, 40, 30, 20, 20, 10)  # of logging, by syslog's

_OnError = CFUNCTYPE(None, c_void_p, c_int, c_char_p, c_void_p)
_OnLog = CFUNCTYPE(None, c_void_p, c_int, c_char_p, c_char_p)

_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "rd_kafka_conf_new": (c_void_p, []),
    "rd_kafka_conf_destroy": (None, [c_void_p]),
    "rd_kafka_conf_set": (c_int, [c_void_p, c_char_p, c_char_p, c_char_p, c_size_t]),
    "rd_kafka_conf_set_error_cb": (None, [c_void_p, _OnError]),
    "rd_kafka_conf_set_log_cb": (None, [c_void_p, _OnLog]),
    "rd_kafka_new": (c_void_p, [c_int, c_void_p, c_char_p, c_size_t]),
    "rd_kafka_poll_set_consumer": (c_int, [c_void_p]),
    "rd_kafka_queue_get_consumer": (c_void_p, [c_void_p]),
    "rd_kafka_queue_destroy": (None, [c_void_p]),
    "rd_kafka_consumer_close": (c_int, [c_void_p]),
    "rd_kafka_destroy_flags": (None, [c_void_p, c_int]),
    "rd_kafka_topic_partition_list_new": (c_void_p, [c_int]),
    "rd_kafka_topic_partition_list_add": (c_void_p, [c_void_p, c_char_p, c_int32]),
    "rd_kafka_topic_partition_list_set_offset": (c_int, [c_void_p, c_char_p, c_int32, c_int64]),
    "rd_kafka_topic_partition_list_destroy": (None, [c_void_p]),
    "rd_kafka_assign": (c_int, [c_void_p, c_void_p]),
    "rd_kafka_get_watermark_offsets": (c_int, [c_void_p, c_char_p, c_int32, POINTER(c_int64), POINTER(c_int64)]),
    "rd_kafka_metadata": (c_int, [c_void_p, c_int, c_void_p, POINTER(c_void_p), c_int]),
    "rd_kafka_metadata_destroy": (None, [c_void_p]),
    "rd_kafka_message_headers": (c_int, [c_void_p, POINTER(c_void_p)]),
    "rd_kafka_header_get_all": (
        c_int,
        [c_void_p, c_size_t, POINTER(c_char_p), POINTER(c_void_p), POINTER(c_size_t)],
    ),
}
_LINKED = ("rd_kafka_consume_batch_queue", "rd_kafka_message_destroy", "rd_kafka_message_timestamp")


@cache
def _librdkafka() -> Any:
    """Librdkafka's functions, the kernel linked to those that it calls itself.

    Raises:
        AttributeError: The module does not let them be found.
    """
    found = ctypes.CDLL(cimpl.__file__)
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(found, name)
        function.restype, function.argtypes = result, arguments
    library().polled_link(*(ctypes.cast(getattr(found, name), c_void_p) for name in _LINKED))
    return found


def why_not_polled() -> str | None:
    """Why records cannot be read this way here, or None if they can."""
    try:
        _librdkafka()
    except (AttributeError, OSError) as error:
        return f"librdkafka's C interface is out of reach: {error}"
    return None


class _Client:
    """A consumer of librdkafka's, which stands until the last record that it handed out is gone."""

    def __init__(self, config: Config, on_error: Any) -> None:
        """Start one.

        Raises:
            KafkaException: The configuration is refused.
        """
        self._c = _librdkafka()
        # They are called as long as the client stands.
        self._callbacks = (_OnError(on_error), _OnLog(_log))
        said = ctypes.create_string_buffer(_ERROR_BYTES)
        conf = self._c.rd_kafka_conf_new()
        for name, value in config.items():
            text = str(value).lower() if isinstance(value, bool) else str(value)
            if self._c.rd_kafka_conf_set(conf, name.encode(), text.encode(), said, _ERROR_BYTES) != 0:
                self._c.rd_kafka_conf_destroy(conf)
                raise KafkaException(KafkaError(KafkaError._INVALID_ARG, said.value.decode(errors="replace")))
        self._c.rd_kafka_conf_set_error_cb(conf, self._callbacks[0])
        self._c.rd_kafka_conf_set_log_cb(conf, self._callbacks[1])
        self.handle: int | None = self._c.rd_kafka_new(_CONSUMER, conf, said, _ERROR_BYTES)
        if self.handle is None:
            self._c.rd_kafka_conf_destroy(conf)
            raise KafkaException(KafkaError(KafkaError._FAIL, said.value.decode(errors="replace")))
        self._c.rd_kafka_poll_set_consumer(self.handle)
        self.queue: int = self._c.rd_kafka_queue_get_consumer(self.handle)

    def __del__(self) -> None:
        if getattr(self, "handle", None) is not None:
            self._c.rd_kafka_queue_destroy(self.queue)
            self._c.rd_kafka_destroy_flags(self.handle, _CLOSED_BY_US)


def _log(_client: int, level: int, facility: bytes, text: bytes) -> None:
    client_log.log(_LEVELS[min(level, 7)], "%s %s", facility.decode(errors="replace"), text.decode(errors="replace"))


class PolledRecords:
    """Records of one partition that the kernel holds."""

    def __init__(self, part: Part, client: _Client) -> None:
        self.values = PolledValues(part, client, _headers)
        self.offsets = self.values.offsets()
        self.logged_ms = self.values.logged_ms()
        self.by_clock = part.by_clock
        self.first_written_ms = part.first_written_ms
        self.last_written_ms = part.last_written_ms

    def key(self, index: int) -> bytes | None:
        """A record's key."""
        return self.values.key(index)

    def headers(self, index: int) -> Headers | None:
        """A record's headers, in their order."""
        return _headers(self.values.message(index))

    def value(self, index: int) -> bytes | None:
        """A record's value as it stands."""
        return self.values.value(index)


def _headers(message: Message) -> Headers | None:
    c = _librdkafka()
    headers, name, value, length = c_void_p(), c_char_p(), c_void_p(), c_size_t()
    if c.rd_kafka_message_headers(byref(message), byref(headers)) != 0:
        return None
    found: Headers = []
    while c.rd_kafka_header_get_all(headers, len(found), byref(name), byref(value), byref(length)) == 0:
        text = (name.value or b"").decode(errors="replace")
        found.append((text, None if value.value is None else ctypes.string_at(value.value, length.value)))
    return found


def _error(code: int, text: c_void_p, length: c_size_t) -> KafkaError:
    said = ctypes.string_at(text.value, length.value).decode(errors="replace") if text.value else ""
    return KafkaError(code, said.rstrip("\0"))


class PolledReader:
    """Reads batches that the kernel can count from as they are."""

    def __init__(self, topic: str, config: Config, clocks: Clocks) -> None:
        """Read nothing yet.

        Args:
            topic: Which topic.
            config: What all clients share.
            clocks: Say when the log took a record, if it does not.
        """
        self.away_since_s: float | None = None
        self.in_doubt = False
        self._clocks = clocks
        self._topic = topic.encode()
        self._c = _librdkafka()
        self._kernel = library()
        self._client = _Client({**config, **READER_CONFIG}, weakly(self._on_error))
        self._poll: int = self._kernel.poll_new()
        self._read_to = ReadTo()

    def _on_error(self, _client: int, code: int, _reason: bytes, _opaque: int) -> None:
        if code == KafkaError._ALL_BROKERS_DOWN and self.away_since_s is None:
            self.away_since_s = time.monotonic()

    def assign(self, positions: Mapping[int, int]) -> None:
        """Read these partitions from these offsets, and no others.

        Raises:
            KafkaException: It cannot be.
        """
        self.in_doubt = False
        self._read_to.begin(positions)
        wanted = self._c.rd_kafka_topic_partition_list_new(len(positions))
        for partition, offset in positions.items():
            self._c.rd_kafka_topic_partition_list_add(wanted, self._topic, partition)
            self._c.rd_kafka_topic_partition_list_set_offset(wanted, self._topic, partition, offset)
        code = self._c.rd_kafka_assign(self._client.handle, wanted)
        self._c.rd_kafka_topic_partition_list_destroy(wanted)
        if code != 0:
            raise KafkaException(KafkaError(code))

    def poll(self) -> dict[int, list[PolledRecords]]:
        """What has come, by partition; as `Reader.poll`."""
        parts = POINTER(Part)()
        clocks = self._clocks
        count = self._kernel.poll_take(
            self._poll, self._client.queue, int(POLL_S * 1000), POLL_RECORDS,
            clocks.now_ms(), clocks.allowed_ms(by_clock=False), clocks.allowed_ms(by_clock=True), byref(parts),
        )  # fmt: skip
        # All batches are taken before anything else can fail: they are ours to free.
        found = {parts[number].partition: [PolledRecords(parts[number], self._client)] for number in range(count)}
        for partition, (records,) in found.items():
            self._read_to.read(partition, records.offsets[-1] + 1)
        for number in range(self._kernel.poll_errors(self._poll)):
            self._note(number)
        return found

    def _note(self, number: int) -> None:
        text, length, partition, offset = c_void_p(), c_size_t(), c_int32(), c_int64()
        code = self._kernel.poll_error(self._poll, number, byref(text), byref(length), byref(partition), byref(offset))
        if code == KafkaError._PARTITION_EOF:
            self._read_to.ended(partition.value, offset.value)
            return
        error = _error(code, text, length)
        if casts_doubt(error):
            self.in_doubt = True
        else:
            only_passing(error)

    def end_offset(self, partition: int) -> int:
        """The end of a partition; as `Reader.end_offset`."""
        low, high = c_int64(), c_int64()
        code = self._c.rd_kafka_get_watermark_offsets(
            self._client.handle, self._topic, partition, byref(low), byref(high)
        )
        return self._read_to.end(partition, high.value) if code == 0 else -1

    def unheard(self) -> Collection[int]:
        """As `Reader.unheard`."""
        return self._read_to.unheard()

    def look_for_brokers(self) -> None:
        """Ask whether a broker is back."""
        found = c_void_p()
        if self._c.rd_kafka_metadata(self._client.handle, 0, None, byref(found), int(PROBE_S * 1000)) == 0:
            self._c.rd_kafka_metadata_destroy(found)
            self.away_since_s = None

    def close(self) -> None:
        """Read no more; batches that were handed out stay as they are."""
        self._c.rd_kafka_consumer_close(self._client.handle)

    def __del__(self) -> None:
        if getattr(self, "_poll", None):
            self._kernel.poll_free(self._poll)
