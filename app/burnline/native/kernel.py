"""One partition's kernel, with Python's types at its edge."""

import ctypes
from array import array
from collections.abc import Sequence
from ctypes import byref, c_int32, c_size_t, c_uint32, c_void_p
from typing import NamedTuple
from weakref import finalize

from burnline.detection.lifecycle import watch_levels
from burnline.detection.rule import BurnRule, Thresholds
from burnline.ledger.partition import Retention
from burnline.ledger.rare import LEDGER_NAMES
from burnline.native.binding import SUMS, KernelMissing, Output, Position, library
from burnline.native.polled import PolledValues
from burnline.pricing.card import RateCard

MOST_DUPLICATE_IDS = 1024
MOST_SLICES = 10_000
_NONE_RARE = (0,) * len(LEDGER_NAMES)
"""Of what the kernel counts by itself, nothing is rare."""
_NO_RATES = array("q")
_MOST_LEVEL = 1 << 62
_AT_ONCE = 1024
_WORD = (1 << 64) - 1


def why_not(retention: Retention) -> str | None:
    """Why the kernel cannot hold such ledgers, or None if it can."""
    try:
        library()
    except KernelMissing as missing:
        return str(missing)
    if retention.duplicate_ids > MOST_DUPLICATE_IDS:
        return f"it knows at most {MOST_DUPLICATE_IDS} newest events of a session as duplicates"
    if retention.slices > MOST_SLICES:
        return f"it holds at most {MOST_SLICES} slices of a session"
    return None


class OwnerCounts(NamedTuple):
    """What one agent's events were, beside their sums."""

    runs: int
    tool_calls: int
    ahead: int
    delayed: int
    late: int


class Sizes(NamedTuple):
    """What a kernel holds beside sessions, fingerprints and rollup rows."""

    texts: int
    owners: int
    cards: int
    activities: int


class Kernel:
    """The sessions, fingerprints and rollup rows of one partition that C holds; it calls nobody back."""

    def __init__(self, partition: int, rule: BurnRule, retention: Retention, card_limit: int = 10_000) -> None:
        """Begin with nothing, and never hold more rate cards than `card_limit`.

        Raises:
            KernelMissing: There is none for this machine.
        """
        self._c = library()
        self._kernel = c_void_p(
            self._c.kernel_new(
                partition,
                retention.duplicate_ids,
                retention.partition_ids,
                rule.short_window_slices,
                rule.long_window_slices,
                rule.resolve_after_slices,
                retention.slices,
                card_limit,
                int(retention.ids_per_org),
            )
        )
        self._texts: dict[int, str] = {}
        self._owners: dict[int, tuple[str, str]] = {}
        self._batch: tuple[bytes, array[int], array[int]] | PolledValues | None = None
        finalize(self, self._c.kernel_free, self._kernel)

    def __len__(self) -> int:
        """Sessions held."""
        return int(self._c.kernel_held(self._kernel))

    def events_held(self) -> int:
        """Events in all sessions held."""
        return int(self._c.kernel_events_held(self._kernel))

    def set_offset_base(self, offset_base: int) -> None:
        """Add this to the offsets of rollup rows."""
        self._c.kernel_set_offset_base(self._kernel, offset_base)

    @property
    def changed(self) -> int:
        """Sessions held that the next flush has to write."""
        return int(self._c.kernel_changed(self._kernel))

    def parse(self, values: Sequence[bytes | None], logged_ms: "array[int]", skew_ms: int) -> None:
        """Read a batch's values, unless that is done; events further ahead of the log are left to Python."""
        if isinstance(values, PolledValues):
            self._batch = values
            self._c.kernel_take_batch(self._kernel, values.batch)
            return
        texts = [value or b"" for value in values]
        lengths = array("I", map(len, texts))
        joined = b"".join(texts)
        self._batch = joined, lengths, logged_ms  # the kernel points into it until the batch is applied
        self._c.kernel_parse(self._kernel, joined, _address(lengths), _address(logged_ms), len(lengths), skew_ms)

    def apply(self, offsets: "array[int]", position: Position) -> int:
        """Count the batch's events from `position.index` on; why it stopped."""
        return int(self._c.kernel_apply(self._kernel, _address(offsets), byref(position)))

    def set_card(self, position: Position, card: RateCard, *, of_org: bool) -> None:
        """Price the model whose card is wanted by this one while it is valid.

        Args:
            position: Where the kernel stopped.
            card: What prices it.
            of_org: For the event's organisation; else for all that have no rates of their own.
        """
        rates, count = _NO_RATES, 0
        if card.tiers:
            rates, count = _rates_of(card)
        named = card.named_provider.encode()
        self._c.kernel_set_card(
            self._kernel, position.org if of_org else 0, position.provider, position.model, named, len(named),
            card.valid_from_ms, card.valid_until_ms, count, _address(rates),
        )  # fmt: skip

    def forget_cards(self) -> None:
        """Ask for every card again."""
        self._c.kernel_forget_cards(self._kernel)

    def set_limits(self, owner: int, limits: Thresholds, *, rated: bool) -> None:
        """Ask for a judgement on an owner's sessions by these, and for its org's own cards if that is `rated`."""
        levels = (*watch_levels(None, limits), limits.critical_short, limits.critical_long, limits.recovery_short)
        clamped = array("q", [min(level, _MOST_LEVEL) for level in levels])
        self._c.kernel_set_limits(self._kernel, owner, _address(clamped), int(rated))

    @property
    def owners(self) -> int:
        """Owners met so far; they are numbered from 0."""
        return int(self._c.kernel_owners(self._kernel))

    def owner(self, number: int) -> tuple[str, str]:
        """Org and agent."""
        found = self._owners.get(number)
        if found is None:
            org, agent = c_uint32(), c_uint32()
            self._c.kernel_owner(self._kernel, number, byref(org), byref(agent))
            found = self._owners[number] = (self._text(org.value), self._text(agent.value))
        return found

    def text(self, number: int) -> str:
        """A text by its number, "" by 0; numbers hold until `forget_unused`."""
        if not number:
            return ""
        length = c_uint32()
        at = self._c.kernel_text(self._kernel, number, byref(length))
        return ctypes.string_at(at, length.value).decode()

    def _text(self, number: int) -> str:
        found = self._texts.get(number)
        if found is None:
            found = self._texts[number] = self.text(number)
        return found

    def hand_over(self, key: str) -> tuple[bytes, bool] | None:
        """Give a session to Python: its record, and whether a flush has yet to write it. None: it is not here."""
        session, length, dirty = key.encode(), c_size_t(), c_int32()
        at = self._c.kernel_hand_over(self._kernel, session, len(session), byref(length), byref(dirty))
        return None if at is None else (ctypes.string_at(at, length.value), bool(dirty.value))

    def set_away(self, key: str) -> None:
        """Python has this session."""
        session = key.encode()
        self._c.kernel_set_away(self._kernel, session, len(session))

    def take_in(self, key: str, record: bytes) -> bool:
        """Take a session from its record, unless it is one that only Python can hold, or another one's, or damaged.

        The open anomaly in it must have been looked through: of that, the kernel reads the severity alone.
        """
        session = key.encode()
        return bool(self._c.kernel_take_in(self._kernel, session, len(session), record, len(record)))

    def mark_dirty(self, key: str) -> None:
        """A session that was taken in is changed since the last flush."""
        session = key.encode()
        self._c.kernel_mark_dirty(self._kernel, session, len(session))

    def remove(self, key: str) -> None:
        """Forget a session, wherever it is."""
        session = key.encode()
        self._c.kernel_remove(self._kernel, session, len(session))

    def mark_of(self, fingerprint: int) -> int | None:
        """The mark of an event that was counted lately; None: it was not."""
        mark = int(self._c.kernel_mark_of(self._kernel, fingerprint))
        return None if mark < 0 else mark

    def remember(self, fingerprint: int, mark: int) -> None:
        """Know an event from now on."""
        self._c.kernel_remember(self._kernel, fingerprint, mark)

    def restore_ids(self, fingerprints: "array[int]", marks: bytes, *, newest: bool) -> None:
        """Know events that were written, by the mark of each."""
        self._c.kernel_restore_ids(self._kernel, _address(fingerprints), marks, len(fingerprints), int(newest))

    @property
    def ids_placed(self) -> int:
        """How often `restore_ids` has put a fingerprint into a table, moves to larger tables included."""
        return int(self._c.kernel_ids_placed(self._kernel))

    @property
    def open_anomalies(self) -> int:
        """Sessions held with an open anomaly."""
        return int(self._c.kernel_open_anomalies(self._kernel))

    @property
    def ids_held(self) -> int:
        """Events known."""
        return int(self._c.kernel_ids_held(self._kernel))

    def take_fresh_ids(self) -> tuple["array[int]", bytes, int]:
        """Events remembered since the last call with their marks, and how many generations were full meanwhile."""
        marks_at, count, turns = c_void_p(), c_uint32(), c_uint32()
        at = self._c.kernel_take_fresh(self._kernel, byref(marks_at), byref(count), byref(turns))
        fresh, marks = array("Q"), b""
        if count.value:
            fresh.frombytes(ctypes.string_at(at, 8 * count.value))
            marks = ctypes.string_at(marks_at, count.value)
        return fresh, marks, turns.value

    def take_sessions(self) -> list[tuple[bytes, bytes]]:
        """Records of the sessions that have changed since the last call."""
        self._c.kernel_take_sessions(self._kernel)
        return Output(self._kernel).pairs()

    def take_rows(self, watermark_ms: int) -> list[tuple[bytes, bytes]]:
        """Records of the rollup rows that have changed since the last call."""
        self._c.kernel_take_rows(self._kernel, watermark_ms)
        return Output(self._kernel).pairs()

    def take_activities(self) -> list[tuple[str, str, str, tuple[int, ...]]]:
        """(org, agent, model, sums) of what `take_rows` has reported since the last call."""
        taken = self._taken("kernel_take_activities", array("q"), 2 + 2 * SUMS)
        return [(*self.owner(row[0]), self._text(row[1]), _wide(row[2:]) + _NONE_RARE) for row in taken]

    def take_owners(self) -> list[tuple[tuple[str, str], OwnerCounts]]:
        """((org, agent), counts) of those with something to report since the last call."""
        taken = self._taken("kernel_take_owners", array("q"), 1 + len(OwnerCounts._fields))
        return [(self.owner(row[0]), OwnerCounts(*row[1:])) for row in taken]

    def take_unpriced(self) -> list[tuple[str | None, str]]:
        """(provider, model) without a rate that events met since the last call, `MAX_UNPRICED_TOLD` at most."""
        taken = self._taken("kernel_take_unpriced", array("I"), 2)
        return [(self.text(row[0]) or None, self.text(row[1])) for row in taken]

    def take_opened(self) -> list[str]:
        """Sessions opened since the last call."""
        self._c.kernel_take_opened(self._kernel)
        return [text.decode() for text in Output(self._kernel).texts()]

    def take_quiet(self, index: int) -> list[str]:
        """Sessions whose anomaly may be over when the log's time enters slice `index`."""
        self._c.kernel_take_quiet(self._kernel, index)
        return [text.decode() for text in Output(self._kernel).texts()]

    def take_idle(self, horizon_ms: int, most: int) -> list[str]:
        """Up to `most` sessions that may be idle since the horizon."""
        self._c.kernel_take_idle(self._kernel, horizon_ms, most)
        return [text.decode() for text in Output(self._kernel).texts()]

    def forget_unused(self) -> None:
        """Let go of names that no session and no rollup row uses; after all that a flush takes was taken."""
        if self._c.kernel_forget(self._kernel):
            self._texts.clear()
            self._owners.clear()

    @property
    def sizes(self) -> "Sizes":
        """How many of what it holds."""
        sizes = (c_uint32 * len(Sizes._fields))()
        self._c.kernel_sizes(self._kernel, sizes)
        return Sizes(*sizes)

    @property
    def longest_probe(self) -> int:
        """The longest way that a search has to go in any table."""
        return int(self._c.kernel_longest_probe(self._kernel))

    def _taken(self, function: str, room: "array[int]", width: int) -> list[list[int]]:
        room.frombytes(bytes(room.itemsize * width * _AT_ONCE))
        rows: list[list[int]] = []
        while count := getattr(self._c, function)(self._kernel, _address(room), _AT_ONCE):
            rows += [list(room[at : at + width]) for at in range(0, count * width, width)]
        return rows


def _rates_of(card: RateCard) -> tuple["array[int]", int]:
    """The rates of its tiers, and how many; -1 where one does not go into 64 bits."""
    rates = array("q")
    try:
        for tier in card.tiers:
            parts = (tier.input, tier.output, tier.cached_input, tier.cache_write, tier.reasoning, tier.per_request)
            rates.extend((tier.above_input_tokens, *parts))
    except OverflowError:
        return rates, -1
    return rates, len(card.tiers)


def _wide(words: list[int]) -> tuple[int, ...]:
    """Integers of 128 bits out of two words each, the lower one first."""
    return tuple(high << 64 | low & _WORD for low, high in zip(words[::2], words[1::2], strict=True))


def _address(values: "array[int]") -> int:
    """Where the values stand: good for as long as the caller holds them."""
    return values.buffer_info()[0]
