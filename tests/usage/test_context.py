"""Whose a call is: the innermost session around it, in threads of control and tasks; sub-agents carry their parent."""

import asyncio

import burnline
from burnline.usage.context import NOBODY, Owner, current


def test_outside_of_all_it_is_nobodys() -> None:
    assert current() == NOBODY


def test_a_session_holds_inside_and_ends_outside() -> None:
    with burnline.session("s1", org="acme", agent="coder", run="r1", tags={"tier": "gold"}) as session:
        assert session.id == "s1"
        assert current() == Owner("acme", "coder", "s1", "r1", tags={"tier": "gold"})
    assert current() == NOBODY


def test_a_sub_agent_has_a_session_of_its_own_and_its_parents() -> None:
    with (
        burnline.session("s1", org="acme", agent="coder", run="r1", team="core", tags={"a": "1"}),
        burnline.session(agent="researcher", tags={"b": "2"}) as inner,
    ):
        expected = Owner("acme", "researcher", inner.id, None, "core", None, "s1", "r1", {"a": "1", "b": "2"})
        assert current() == expected
        assert inner.id not in ("", "s1")


def test_the_same_session_again_is_not_its_own_parent() -> None:
    with (
        burnline.session("s1", org="acme", agent="coder", parent_session="s0"),
        burnline.session("s1", run="r2"),
    ):
        assert current() == Owner("acme", "coder", "s1", "r2", parent_session="s0")


def test_tasks_beside_each_other_keep_apart() -> None:
    async def agent(name: str) -> str | None:
        with burnline.session(name):
            await asyncio.sleep(0)
            return current().session

    async def both() -> list[str | None]:
        return list(await asyncio.gather(agent("s1"), agent("s2")))

    assert asyncio.run(both()) == ["s1", "s2"]
