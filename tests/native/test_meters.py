"""The native engine of the learned rules against the one in Python: the same calls, the same hits, days and notices."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from burnline.detection.learned.engine import Calls, Engine, EngineState, PythonEngine
from burnline.detection.learned.meters import DAY_MS, Usage, Usual
from burnline.detection.learned.rules import RULES, Against, Cause, Condition, Rule, conditions_of, lines_of
from burnline.detection.learned.statistic import Statistic
from burnline.native.meters import NativeEngine
from tests.detection.learned.fleet import RATES, T0_MS, Sent, loop, ordered, usual_days, watched

EACH = tuple(Rule(Cause.VOLUME, (Condition(each, Against.SPREADS, 0.0),)) for each in Statistic)
"""A rule for every statistic: with lines at 0 nearly every call is a hit, and shows its values."""

Call = st.tuples(
    st.one_of(st.integers(0, 90_000), st.sampled_from([0, 120_000, 120_001, 300_000, 300_001, 3_600_000, DAY_MS])),
    st.integers(0, 1),
    st.integers(0, 3),
    st.integers(0, 1),
    st.integers(0, 70),
    st.sampled_from([0, 100, 4_000, 4_008, 4_009, 4_300, 400_000]),
    st.floats(0, 1),
    st.floats(0, 1),
    st.integers(0, 900),
    st.integers(-200_000, 0),
)


def calls_of(drawn: list[tuple[int, int, int, int, int, int, float, float, int, int]]) -> Calls:
    calls, now = Calls.none(), T0_MS
    for step, agent, session, model, run, inputs, hit, wrote, output, late in drawn:
        now += step
        cached = int(inputs * hit)
        write = int((inputs - cached) * wrote)
        fresh, cached_rate, write_rate, output_rate = RATES[model]
        cost = (inputs - cached - write) * fresh + cached * cached_rate + write * write_rate + output * output_rate
        row = now + late, agent, agent * 4 + session, model, run, inputs, cached, write, output, cost
        for column, value in zip(calls, row, strict=True):
            column.append(value)
    return calls


def prepared(engine: Engine) -> Engine:
    for model, rates in enumerate(RATES):
        engine.set_model(model, rates)
    lines = lines_of(conditions_of(EACH), [None] * len(Statistic), [None] * len(Statistic), 1.0, days_seen=0)
    lines = type(lines)("d", [0.0] * len(lines))
    engine.set_agent(0, None, Usage(), lines)
    engine.set_agent(1, Usual((2e6, 2e5, 2.5e6, 1e7), 0.5, 0.25), Usage(30, 7_200_000, 10**12), lines)
    return engine


@settings(deadline=None, max_examples=60)
@given(st.lists(Call, max_size=120), st.integers(0, 120))
def test_the_same_calls_give_the_same_hits_and_days(drawn: list[tuple[int, ...]], cut: int) -> None:
    calls = calls_of(drawn)  # type: ignore[arg-type]  # the strategy's tuples
    cut = min(cut, len(drawn))
    answers = []
    for engine in (prepared(PythonEngine(EACH)), prepared(NativeEngine(EACH))):
        hits = engine.apply(calls, 0, cut)
        engine.set_muted(1, muted=True)
        forgotten = engine.forget(T0_MS + DAY_MS)
        day = engine.close_day()
        hits += engine.apply(calls, cut, len(drawn))
        answers.append((hits, day, forgotten, engine.close_day()))
    assert answers[0] == answers[1]


def test_the_same_log_gives_the_same_notices() -> None:
    sent = ordered(usual_days(8) + loop("chat-1", 5) + loop("chat-2", 7, every_ms=70_000))
    told = [watched(sent, engine=engine) for engine in (PythonEngine(RULES), NativeEngine(RULES))]
    assert told[0] == told[1]
    assert told[0]


def test_more_is_seen_than_is_told_apart() -> None:
    sent = [Sent(T0_MS + 100 * place, "a", f"s{place % 80}", run=place % 90) for place in range(900)]
    told = [watched(sent, engine=engine) for engine in (PythonEngine(RULES), NativeEngine(RULES))]
    assert told[0] == told[1]


@pytest.mark.parametrize("kind", [PythonEngine, NativeEngine])
@settings(deadline=None, max_examples=40)
@given(drawn=st.lists(Call, max_size=90), cut=st.integers(0, 90))
def test_an_engine_goes_on_where_another_one_was(
    kind: type[PythonEngine] | type[NativeEngine], drawn: list[tuple[int, ...]], cut: int
) -> None:
    calls = calls_of(drawn)  # type: ignore[arg-type]  # the strategy's tuples
    cut = min(cut, len(drawn))
    whole, first, second = (prepared(kind(EACH)) for _ in range(3))
    whole.apply(calls, 0, cut)
    first.apply(calls, 0, cut)
    assert second.load(first.save(sorted(set(calls.session[:cut]))))
    rest = [(each.apply(calls, cut, len(drawn)), each.close_day()) for each in (whole, second)]
    assert rest[0] == rest[1]


def test_an_engine_reads_no_state_of_another_kind() -> None:
    assert not prepared(NativeEngine(EACH)).load(prepared(PythonEngine(EACH)).save([]))
    assert not prepared(PythonEngine(EACH)).load(prepared(NativeEngine(EACH)).save([]))


@pytest.mark.parametrize("damage", ["cut", "longer", "indexes"])
def test_a_damaged_state_is_refused(damage: str) -> None:
    calls = calls_of([(1_000, 0, 0, 0, 0, 100, 0.0, 0.0, 10, 0)] * 3)
    engine = prepared(NativeEngine(EACH))
    engine.apply(calls, 0, 3)
    state = engine.save([0])
    whole = state.sessions[0]
    broken = {"cut": whole[:-1], "longer": whole + b"\0", "indexes": b"\xff" * len(whole)}[damage]
    with pytest.raises(ValueError, match="no state of this engine"):
        prepared(NativeEngine(EACH)).load(EngineState(state.layout, {}, {0: broken}))
