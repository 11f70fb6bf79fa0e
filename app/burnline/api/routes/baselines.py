"""What agents may usually burn: looked at, set, deleted, and suggested by what they did burn."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import ValidationError
from redis.asyncio.client import Pipeline

from burnline.api.access.principal import Editor, Principal, Viewer
from burnline.api.envelope import ask_freshness, freshness_from
from burnline.api.parameters import invalid, two_names
from burnline.api.problems import Mistake, Problem, responses
from burnline.api.resources import Resources, WithResources
from burnline.api.view.baseline_shapes import BaselineBody, BaselineList, BaselineRow, BaselineWritten, InForce, Place
from burnline.api.view.cursors import CursorText, read_cursor, write_cursor
from burnline.api.view.generation import read_together
from burnline.api.writing import read_entries, write
from burnline.detection.baseline import (
    ANY,
    Baseline,
    Baselines,
    baseline_key,
    default_baseline,
)
from burnline.readmodel.keys import Keys
from burnline.topics.catalogue import topics_for
from burnline.topics.compacted import Written

router = APIRouter(tags=["baselines"])

BELOW = "baselines"
MAX_PAGE = 500
_ORDER = "baselines"
_SHOWN = 80

_Org = Annotated[str, Path(description="Organisation, or * for any; a slash in it is %2F.", examples=["acme"])]
_Agent = Annotated[str, Path(description="Agent, or * for any.", examples=["code-reviewer"])]


async def _names(request: Request, org: _Org, agent: _Agent) -> tuple[str, str]:  # noqa: ARG001  # for the OpenAPI document
    return two_names(request, BELOW)


_Names = Annotated[tuple[str, str], Depends(_names)]


@router.get("/baselines", summary="Which baselines were set?")
async def list_baselines(
    resources: WithResources,
    caller: Viewer,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE, description="Rows in a page.")] = 100,
    cursor: CursorText = None,
) -> BaselineList:
    """By org and agent. The most precise one counts: org and agent, any org and agent, org, `*/*`, else the default.

    A token that is bound to organisations sees theirs, and `*/*`.
    """
    found, fresh = await projected(resources)
    after = read_cursor(cursor, _ORDER, Place)
    shown = sorted(Place(one.org_id, one.agent_id) for one in found.values() if _shows(caller, one))
    wanted = [place for place in shown if after is None or place > after]
    lookup = Baselines(default_baseline(resources.settings), found)
    return BaselineList(
        **fresh,
        default=InForce.of(lookup.default),
        rows=[_row(found[baseline_key(*place)], lookup) for place in wanted[:limit]],
        next_cursor=write_cursor(_ORDER, wanted[limit - 1]) if len(wanted) > limit else None,
    )


@router.put("/baselines/{org}/{agent:path}", summary="Set a baseline", responses=responses(404))
async def set_baseline(resources: WithResources, caller: Editor, names: _Names, body: BaselineBody) -> BaselineWritten:
    """Set what an agent, an organisation's agents or all may usually burn; answered once every in-sync replica has it.

    Workers follow within two seconds, from the next event on. The same again changes nothing.
    """
    baseline = _baseline(*names, body, resources.now_ms())
    _may_set(caller, baseline.org_id)
    topic = topics_for(resources.settings).baselines
    before, places = await read_entries(resources.settings, topic, Baseline.parse)
    old = before.get(baseline.key())
    if old is not None and old.model_copy(update={"updated_at": baseline.updated_at}) == baseline:
        placed = places[baseline.key()]
        where = Written(topic.name, placed.partition, placed.offset)
        return _written(resources, old, before, before, where)
    where = await write(resources.settings, topic, baseline.key(), baseline)
    return _written(resources, baseline, before, {**before, baseline.key(): baseline}, where)


@router.delete("/baselines/{org}/{agent:path}", summary="Delete a baseline", responses=responses(404))
async def delete_baseline(resources: WithResources, caller: Editor, names: _Names) -> BaselineWritten:
    """Delete a baseline: what lies below it counts again, from the next event on."""
    _may_set(caller, names[0])
    topic = topics_for(resources.settings).baselines
    before, _ = await read_entries(resources.settings, topic, Baseline.parse)
    key = baseline_key(*names)
    if key not in before:
        raise Problem(404, f"There is no baseline {key}.")
    where = await write(resources.settings, topic, key, None)
    after = {other: baseline for other, baseline in before.items() if other != key}
    deleted = before[key].model_copy(update={"updated_at": resources.now_ms()})
    return _written(resources, deleted, before, after, where)


async def projected(resources: Resources) -> tuple[dict[str, Baseline], dict[str, Any]]:
    """Baselines in the projection, by key, and the envelope's fields.

    Raises:
        Problem: 503, there is no projection.
    """

    def ask(pipe: Pipeline, keys: Keys) -> None:
        pipe.hgetall(keys.baselines)
        ask_freshness(pipe, keys)

    _, (found, *fresh) = await read_together(resources, ask)
    entries = [Baseline.parse(key, value) for key, value in found.items()]
    return {entry.key(): entry for entry in entries}, freshness_from(fresh, resources.now_ms()).envelope()


def _shows(caller: Principal, baseline: Baseline) -> bool:
    return caller.sees(baseline.org_id) or (baseline.org_id, baseline.agent_id) == (ANY, ANY)


def _may_set(caller: Principal, org_id: str) -> None:
    if not caller.sees(org_id):
        raise Problem(
            403, f"This token writes for its own organisations only, and {org_id[:_SHOWN]!r} is none of them."
        )


def _baseline(org_id: str, agent_id: str, body: BaselineBody, now_ms: int) -> Baseline:
    fields = {"org_id": org_id, "agent_id": agent_id, "updated_at": now_ms, **body.model_dump()}
    try:
        return Baseline.model_validate(fields)
    except ValidationError as error:
        raise invalid(*(_mistake(item["loc"], item["msg"]) for item in error.errors())) from None


def _mistake(location: tuple[int | str, ...], message: str) -> Mistake:
    part = "path" if location[0] in ("org_id", "agent_id") else "body"
    return Mistake(where=f"{part}.{location[0]}", detail=message.removeprefix("Value error, "))


def _row(baseline: Baseline, lookup: Baselines) -> BaselineRow:
    return BaselineRow(
        **InForce.of(lookup.lookup(baseline.org_id, baseline.agent_id)).model_dump(),
        org_id=baseline.org_id,
        agent_id=baseline.agent_id,
        source=baseline.source,
        updated_at=baseline.updated_at,
    )


def _written(
    resources: Resources, of: Baseline, before: dict[str, Baseline], after: dict[str, Baseline], where: Written
) -> BaselineWritten:
    def in_force(entries: dict[str, Baseline]) -> InForce:
        return InForce.of(Baselines(default_baseline(resources.settings), entries).lookup(of.org_id, of.agent_id))

    return BaselineWritten(
        org_id=of.org_id,
        agent_id=of.agent_id,
        key=of.key(),
        changed=after != before,
        effective_from_ms=of.updated_at or 0,
        **where._asdict(),
        now=in_force(after),
        before=in_force(before),
    )
