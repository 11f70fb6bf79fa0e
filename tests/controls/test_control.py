"""The record of a control, and which one counts."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from burnline.controls.control import FREE, Action, Control, ControlError, ControlScope, Held, Mode, control_key, decide

NOW_MS = 1_760_000_000_000
NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=8)


def control(**fields: Any) -> Control:
    whole = {
        "scope": "session", "org_id": "acme", "name": "s-1", "action": "stop", "mode": "enforce", "reason": "It loops.",
    }  # fmt: skip
    return Control.model_validate(whole | fields)


def held(*controls: Control) -> dict[str, Held]:
    return {one.key(): Held(one, epoch) for epoch, one in enumerate(controls)}


ORG = {"scope": "org", "name": ""}
AGENT = {"scope": "agent", "name": "bot"}


def asked(*controls: Control, now_ms: int = NOW_MS) -> Any:
    return decide(held(*controls), org_id="acme", agent_id="bot", session_id="s-1", now_ms=now_ms)


def test_nothing_is_asked_where_nothing_is_set() -> None:
    assert asked() is FREE
    assert asked(control(name="s-2"), control(org_id="globex")) is FREE
    assert FREE.allowed


@pytest.mark.parametrize(
    ("action", "allowed"),
    [("warn", True), ("downgrade", True), ("throttle", True), ("pause", False), ("stop", False), ("resume", True)],
)
def test_pause_and_stop_hold_back_and_only_where_they_are_enforced(action: str, *, allowed: bool) -> None:
    enforced = asked(control(action=action))
    assert (enforced.allowed, enforced.action, enforced.would) == (allowed, Action(action), None)
    observed = asked(control(action=action, mode="observe"))
    assert (observed.allowed, observed.action, observed.would) == (True, None, Action(action))
    assert (observed.reason, observed.control, observed.epoch) == ("It loops.", "session/acme/s-1", 0)


def test_the_narrowest_counts() -> None:
    every = [control(**ORG), control(**AGENT), control(action="resume")]
    assert asked(*every).control == "session/acme/s-1"
    assert asked(*every).allowed, "one session may go on while its agent is stopped"
    assert asked(*every[:2]).control == "agent/acme/bot"
    assert asked(*every[:1]).control == "org/acme"
    nobody = decide(held(*every[1:]), org_id="acme", agent_id=None, session_id=None, now_ms=NOW_MS)
    assert nobody is FREE


@pytest.mark.parametrize(("expires_at", "allowed"), [(NOW_MS + 1, False), (NOW_MS, True), (None, False)])
def test_it_counts_until_it_expires(expires_at: int | None, *, allowed: bool) -> None:
    assert asked(control(expires_at=expires_at)).allowed is allowed


def test_one_that_is_over_leaves_a_wider_one() -> None:
    assert asked(control(**ORG), control(action="resume", expires_at=NOW_MS)).control == "org/acme"


@settings(deadline=None)
@given(NAMES, NAMES, NAMES, NAMES)
def test_no_key_stands_for_two(org: str, name: str, other_org: str, other_name: str) -> None:
    keys = [control_key(ControlScope.SESSION, *names) for names in ((org, name), (other_org, other_name))]
    assert (keys[0] == keys[1]) is ((org, name) == (other_org, other_name))


@settings(deadline=None)
@given(NAMES, NAMES, st.sampled_from(Action), st.sampled_from(Mode), st.integers(0, 2**53) | st.none())
def test_a_record_is_read_as_it_was_written(
    org: str, name: str, action: Action, mode: Mode, expires_at: int | None
) -> None:
    one = control(org_id=org, name=name, action=action, mode=mode, expires_at=expires_at)
    assert Control.parse(one.key().encode(), one.model_dump_json(exclude_none=True)) == one


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        pytest.param(b"org/acme", b"[]", "no JSON object but an array of 0", id="no object"),
        pytest.param(b"org/acme", b"{", "not JSON", id="no JSON"),
        pytest.param(
            b"org/acme", control().model_dump_json().encode(), "make the key 'session/acme/s-1'", id="another key"
        ),
        pytest.param(
            b"x", b'{"scope":"org","org_id":"a","action":"explode","reason":"x"}', "action='explode'", id="no action"
        ),
        pytest.param(
            b"x", b'{"scope":"org","org_id":"a","name":"x","action":"stop","reason":"x"}', "name='x'", id="a name"
        ),
        pytest.param(
            b"x", b'{"scope":"org","org_id":"a","action":"stop","reason":"x","y":1}', "'y'=1", id="unknown field"
        ),
    ],
)
def test_a_record_that_is_none_says_why(key: bytes, value: bytes, said: str) -> None:
    with pytest.raises(ControlError) as refused:
        Control.parse(key, value)
    assert said in str(refused.value).replace('"', "'")
