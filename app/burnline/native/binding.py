"""The kernel's C functions, by ctypes. What they do stands beside them in `src/kernel.c`.

The library is built when Burnline is installed (`hatch_build.py`), if a C compiler can be had; without it everything
works as before, in Python alone.
"""

import ctypes
import secrets
from ctypes import POINTER, Structure, byref, c_char_p, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from burnline.events.meters import NAMES
from burnline.native.sources import digest

LIBRARY = Path(__file__).with_name("libkernel.so")

DONE, LOOK, CARD, LIMITS, JUDGE, QUIET = range(6)
"""Why `kernel_apply` stopped."""

SUMS = 10
"""Sums of an activity."""


class KernelMissing(Exception):
    """There is no kernel for this machine; the message says why."""


class Position(Structure):
    """What a batch does to a partition, and where it stopped."""

    _fields_ = [
        ("next_offset", c_int64),
        ("watermark_ms", c_int64),
        ("logged_ms", c_int64),
        ("old_ids_until", c_int64),
        ("accepted", c_int64),
        ("duplicates", c_int64),
        ("other_content", c_int64),
        ("unknown_content", c_int64),
        ("late", c_int64),
        ("other_agents", c_int64),
        ("index", c_uint32),
        ("open_anomalies", c_uint32),
        ("owner", c_uint32),
        ("by_event_time", c_uint32),
        ("org", c_uint32),
        ("provider", c_uint32),
        ("model", c_uint32),
        ("at_ms", c_int64),
    ]
    next_offset: int
    watermark_ms: int
    logged_ms: int
    accepted: int
    duplicates: int
    other_content: int
    unknown_content: int
    late: int
    other_agents: int
    index: int
    open_anomalies: int
    owner: int
    org: int
    provider: int
    model: int
    at_ms: int


class Message(Structure):
    """A record as librdkafka hands it out (`rd_kafka_message_t`)."""

    _fields_ = [
        ("error", c_int32),
        ("topic", c_void_p),
        ("partition", c_int32),
        ("payload", c_void_p),
        ("length", c_size_t),
        ("key", c_void_p),
        ("key_length", c_size_t),
        ("offset", c_int64),
        ("hidden", c_void_p),
    ]
    payload: int | None
    length: int
    key: int | None
    key_length: int


class Part(Structure):
    """What a poll has found of one partition."""

    _fields_ = [
        ("batch", c_void_p),
        ("first_written_ms", c_int64),
        ("last_written_ms", c_int64),
        ("partition", c_int32),
        ("count", c_uint32),
        ("by_clock", c_uint32),
        ("reserved", c_uint32),
    ]
    batch: int
    first_written_ms: int
    last_written_ms: int
    partition: int
    count: int
    by_clock: int


_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "kernel_sources": (c_char_p, []),
    "kernel_new": (c_void_p, [c_int64, c_uint32, c_uint32, c_int32, c_int32, c_int32, c_uint32, c_uint32, c_int32]),
    "kernel_set_hash_key": (None, [c_uint64, c_uint64]),
    "kernel_add_meter": (c_int32, [c_char_p, c_uint32]),
    "kernel_free": (None, [c_void_p]),
    "kernel_mark_of": (c_int32, [c_void_p, c_uint64]),
    "kernel_remember": (None, [c_void_p, c_uint64, c_int32]),
    "kernel_restore_ids": (None, [c_void_p, c_void_p, c_char_p, c_uint32, c_int32]),
    "kernel_ids_placed": (c_uint64, [c_void_p]),
    "kernel_ids_held": (c_uint32, [c_void_p]),
    "kernel_take_fresh": (c_void_p, [c_void_p, POINTER(c_void_p), POINTER(c_uint32), POINTER(c_uint32)]),
    "kernel_set_card": (
        None,
        [c_void_p, c_uint32, c_uint32, c_uint32, c_char_p, c_uint32, c_int64, c_int64, c_int32, c_void_p],
    ),
    "kernel_forget_cards": (None, [c_void_p]),
    "kernel_set_limits": (None, [c_void_p, c_uint32, c_void_p, c_int32]),
    "kernel_owners": (c_uint32, [c_void_p]),
    "kernel_text": (c_void_p, [c_void_p, c_uint32, POINTER(c_uint32)]),
    "kernel_owner": (None, [c_void_p, c_uint32, POINTER(c_uint32), POINTER(c_uint32)]),
    "kernel_parse": (None, [c_void_p, c_char_p, c_void_p, c_void_p, c_uint32, c_int64]),
    "kernel_take_batch": (None, [c_void_p, c_void_p]),
    "kernel_apply": (c_int32, [c_void_p, c_void_p, POINTER(Position)]),
    "kernel_hand_over": (c_void_p, [c_void_p, c_char_p, c_uint32, POINTER(c_size_t), POINTER(c_int32)]),
    "kernel_set_away": (None, [c_void_p, c_char_p, c_uint32]),
    "kernel_take_in": (c_int32, [c_void_p, c_char_p, c_uint32, c_char_p, c_size_t]),
    "kernel_mark_dirty": (None, [c_void_p, c_char_p, c_uint32]),
    "kernel_remove": (None, [c_void_p, c_char_p, c_uint32]),
    "kernel_set_offset_base": (None, [c_void_p, c_int64]),
    "kernel_events_held": (c_int64, [c_void_p]),
    "kernel_held": (c_uint32, [c_void_p]),
    "kernel_changed": (c_uint32, [c_void_p]),
    "kernel_open_anomalies": (c_uint32, [c_void_p]),
    "kernel_output": (
        None,
        [c_void_p, POINTER(c_void_p), POINTER(c_size_t), POINTER(c_void_p), POINTER(c_uint32)],
    ),
    "kernel_take_sessions": (None, [c_void_p]),
    "kernel_take_rows": (None, [c_void_p, c_int64]),
    "kernel_take_activities": (c_uint32, [c_void_p, c_void_p, c_uint32]),
    "kernel_take_owners": (c_uint32, [c_void_p, c_void_p, c_uint32]),
    "kernel_take_unpriced": (c_uint32, [c_void_p, c_void_p, c_uint32]),
    "kernel_take_opened": (None, [c_void_p]),
    "kernel_take_quiet": (None, [c_void_p, c_int64]),
    "kernel_take_idle": (None, [c_void_p, c_int64, c_uint32]),
    "kernel_forget": (c_int32, [c_void_p]),
    "kernel_sizes": (None, [c_void_p, POINTER(c_uint32)]),
    "kernel_longest_probe": (c_uint32, [c_void_p]),
    "polled_link": (None, [c_void_p, c_void_p, c_void_p]),
    "poll_new": (c_void_p, []),
    "poll_free": (None, [c_void_p]),
    "poll_take": (
        c_uint32,
        [c_void_p, c_void_p, c_int32, c_uint32, c_int64, c_int64, c_int64, POINTER(POINTER(Part))],
    ),
    "poll_errors": (c_uint32, [c_void_p]),
    "poll_error": (
        c_int32,
        [c_void_p, c_uint32, POINTER(c_void_p), POINTER(c_size_t), POINTER(c_int32), POINTER(c_int64)],
    ),
    "batch_offsets": (c_void_p, [c_void_p]),
    "batch_logged_ms": (c_void_p, [c_void_p]),
    "batch_message": (POINTER(Message), [c_void_p, c_uint32]),
    "batch_free": (None, [c_void_p]),
    "meters_new": (c_void_p, [c_uint32, c_void_p, c_uint32, c_void_p]),
    "meters_free": (None, [c_void_p]),
    "meters_set_model": (None, [c_void_p, c_uint32, c_void_p]),
    "meters_set_agent": (None, [c_void_p, c_uint32, c_void_p, c_void_p, c_void_p]),
    "meters_set_muted": (None, [c_void_p, c_uint32, c_int32]),
    "meters_apply": (c_uint32, [c_void_p, c_void_p, c_uint32, c_uint32]),
    "meters_hits": (c_void_p, [c_void_p]),
    "meters_close_day": (c_int32, [c_void_p, c_uint32, c_void_p, c_void_p]),
    "meters_forget": (c_void_p, [c_void_p, c_int64, POINTER(c_uint32)]),
    "meters_layout": (c_uint64, []),
    "meters_save_agent": (c_uint64, [c_void_p, c_uint32, c_void_p]),
    "meters_save_session": (c_uint64, [c_void_p, c_uint32, c_void_p]),
    "meters_load_agent": (c_int32, [c_void_p, c_uint32, c_char_p, c_uint64]),
    "meters_load_session": (c_int32, [c_void_p, c_uint32, c_char_p, c_uint64]),
    "kernel_xxh3": (c_uint64, [c_char_p, c_uint32]),
    "kernel_siphash13": (c_uint64, [c_uint64, c_uint64, c_char_p, c_uint32]),
    "kernel_reads": (c_int32, [c_char_p, c_uint32, c_int64, c_int64, c_void_p]),
}

_LONG = {
    "kernel_parse", "kernel_apply", "kernel_forget", "meters_apply", "kernel_take_sessions", "kernel_take_rows",
    "poll_take", "poll_free", "batch_free",
}  # fmt: skip
"""Functions that are worth letting other threads run meanwhile, or (librdkafka's) may wait for them."""


@cache
def library() -> Any:
    """The kernel's functions, by name.

    Raises:
        KernelMissing: It was not built, or is not for this machine.
    """
    if not LIBRARY.is_file():
        raise KernelMissing("it was not built: no C compiler was found when Burnline was installed")
    try:
        holding, letting_go = ctypes.PyDLL(str(LIBRARY)), ctypes.CDLL(str(LIBRARY))
    except OSError as error:
        raise KernelMissing(f"it cannot be loaded: {error}") from error
    functions = type("Functions", (), {})()
    for name, (result, arguments) in _SIGNATURES.items():
        try:
            function = getattr(letting_go if name in _LONG else holding, name)
        except AttributeError as error:
            raise KernelMissing(_other_sources(f"it has no {name}")) from error
        function.restype, function.argtypes = result, arguments
        setattr(functions, name, function)
    built, wanted = functions.kernel_sources().decode(), digest()
    if built and wanted and built != wanted:
        raise KernelMissing(_other_sources(f"those have the digest {built}, these {wanted}"))
    functions.kernel_set_hash_key(*(secrets.randbits(64) for _ in range(2)))
    for name in NAMES:
        if not functions.kernel_add_meter(name.encode(), len(name)):
            raise KernelMissing(f"it knows fewer meters than the {len(NAMES)} of the table")
    return functions


def _other_sources(how: str) -> str:
    return f"{LIBRARY} was built from other sources ({how}): install Burnline again, or run python hatch_build.py"


class Output:
    """Texts that the kernel has written, one behind the other."""

    __slots__ = ("_bounds", "_bytes")

    def __init__(self, kernel: c_void_p) -> None:
        """Copy what `kernel`'s last call has written."""
        at, length, bounds, count = c_void_p(), c_size_t(), c_void_p(), c_uint32()
        library().kernel_output(kernel, byref(at), byref(length), byref(bounds), byref(count))
        self._bytes = ctypes.string_at(at, length.value) if length.value else b""
        self._bounds = memoryview(ctypes.string_at(bounds, 4 * count.value)).cast("I").tolist()

    def texts(self) -> list[bytes]:
        """All of them."""
        text, bounds = self._bytes, self._bounds
        return [text[start:end] for start, end in pairwise(bounds)]

    def pairs(self) -> list[tuple[bytes, bytes]]:
        """Two by two: keys and values."""
        text, bounds = self._bytes, self._bounds
        return [
            (text[start:middle], text[middle:end])
            for start, middle, end in zip(bounds[::2], bounds[1::2], bounds[2::2], strict=False)
        ]
