"""The native engine of the learned rules (`src/meters.c`): what `PythonEngine` does, at a fraction of a microsecond."""

import ctypes
import struct
import sys
from array import array
from collections.abc import Callable, Sequence
from ctypes import byref, c_uint32, c_void_p
from itertools import accumulate
from weakref import finalize

from burnline.detection.learned.engine import Calls, DayOfAgent, Engine, EngineState, Hit, PythonEngine
from burnline.detection.learned.meters import STATISTICS, Usage, Usual
from burnline.detection.learned.rules import Rule, conditions_of
from burnline.native.binding import KernelMissing, library

_HIT = struct.Struct(f"=IIQ{STATISTICS}ddqq")
_USAGE = struct.Struct("=4q4d4q")


def engine_for(rules: Sequence[Rule]) -> Engine:
    """The native engine if there is one for this machine, else that in Python."""
    try:
        return NativeEngine(rules)
    except KernelMissing:
        return PythonEngine(rules)


class NativeEngine:
    """The meters in C."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        """Begin with nothing.

        Raises:
            KernelMissing: There is none for this machine.
            ValueError: There are more rules than bits.
        """
        if len(rules) > 64:
            raise ValueError(f"{len(rules)} rules are more than 64")
        self._c = library()
        statistics = array("I", [each.statistic for each in conditions_of(rules)])
        ends = array("I", accumulate(len(rule.conditions) for rule in rules))
        self._meters = c_void_p(self._c.meters_new(len(ends), _address(ends), len(statistics), _address(statistics)))
        self._agents = 0
        self._layout = f"native {sys.byteorder} {self._c.meters_layout():x}"
        finalize(self, self._c.meters_free, self._meters)

    def set_model(self, model: int, rates: tuple[int, int, int, int]) -> None:
        """As `Engine` says."""
        listed = array("q", rates)
        self._c.meters_set_model(self._meters, model, _address(listed))

    def set_agent(self, agent: int, usual: Usual | None, past: Usage, lines: "array[float]") -> None:
        """As `Engine` says."""
        self._agents = max(self._agents, agent + 1)
        known = array("d", [*usual.rates, usual.hit, usual.wrote]) if usual else None
        self._c.meters_set_agent(
            self._meters, agent, _address(known) if known else None, _USAGE.pack(*past), _address(lines)
        )

    def set_muted(self, agent: int, *, muted: bool) -> None:
        """As `Engine` says."""
        self._c.meters_set_muted(self._meters, agent, int(muted))

    def apply(self, calls: Calls, begin: int, end: int) -> list[Hit]:
        """As `Engine` says."""
        columns = array("Q", map(_address, calls))
        count = self._c.meters_apply(self._meters, _address(columns), begin, end)
        if not count:
            return []
        found = ctypes.string_at(self._c.meters_hits(self._meters), _HIT.size * count)
        return [
            Hit(place, fired, values[:STATISTICS], *values[STATISTICS:])
            for place, _, fired, *rest in _HIT.iter_unpack(found)
            for values in (tuple(rest),)
        ]

    def close_day(self) -> list[DayOfAgent]:
        """As `Engine` says."""
        usage, peaks = ctypes.create_string_buffer(_USAGE.size), array("d", [0.0] * STATISTICS)
        return [
            DayOfAgent(agent, Usage(*_USAGE.unpack(usage.raw)), tuple(peaks))
            for agent in range(self._agents)
            if self._c.meters_close_day(self._meters, agent, usage, _address(peaks))
        ]

    def forget(self, before_ms: int) -> list[int]:
        """As `Engine` says."""
        count = c_uint32()
        at = self._c.meters_forget(self._meters, before_ms, byref(count))
        forgotten = array("I")
        if count.value:
            forgotten.frombytes(ctypes.string_at(at, 4 * count.value))
        return forgotten.tolist()

    def save(self, sessions: Sequence[int]) -> EngineState:
        """As `Engine` says."""
        return EngineState(
            self._layout,
            {agent: self._bytes(self._c.meters_save_agent, agent) for agent in range(self._agents)},
            {session: self._bytes(self._c.meters_save_session, session) for session in sessions},
        )

    def _bytes(self, save: Callable[..., int], number: int) -> bytes:
        room = ctypes.create_string_buffer(save(self._meters, number, None))
        save(self._meters, number, room)
        return room.raw

    def load(self, state: EngineState) -> bool:
        """As `Engine` says."""
        if state.layout != self._layout:
            return False
        for load, held in (
            (self._c.meters_load_agent, state.agents),
            (self._c.meters_load_session, state.sessions),
        ):
            for number, data in held.items():
                if not load(self._meters, number, data, len(data)):
                    raise ValueError(f"{len(data)} bytes of number {number} are no state of this engine")
        return True


def _address(values: "array[int] | array[float]") -> int:
    """Where the values stand: good for as long as the caller holds them."""
    return values.buffer_info()[0]
