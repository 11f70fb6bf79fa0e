"""The routes of the system that Burnline grew from, for its clients: bare arrays, camelCase, doubles.

Off unless `BURNLINE_SEED_API` is set. Below `/seed`, so a client changes its base address and nothing else. The numbers
are those of Burnline's own routes, rounded to doubles; amounts that have to be exact are asked for there. Days are
UTC's, 7 unless said otherwise, and a number outside of 1 to 90 is taken for the nearest. A run is a session here: its
tree is that of `parent_session_id`.
"""

import asyncio
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from burnline.api.access.principal import Editor, Principal, Viewer
from burnline.api.problems import Problem, responses, unavailable
from burnline.api.questions import Question, find, question
from burnline.api.resources import WithResources
from burnline.api.routes.baselines import set_baseline
from burnline.api.routes.valuation_rates import set_rate
from burnline.api.view.baseline_shapes import BaselineBody
from burnline.api.view.catalogue import projected_book
from burnline.api.view.generation import read_together
from burnline.api.view.known_sessions import KnownSession
from burnline.api.view.live import LiveView, WithLive
from burnline.api.view.rate_shapes import RateBody
from burnline.api.view.rates import rates_from
from burnline.api.view.session_tree import Node, tree_of
from burnline.finance.allocation import allocate, share
from burnline.finance.caching import CACHE_HITS, roi
from burnline.finance.frames import Dimension
from burnline.finance.periods import MAX_DAYS, Asked
from burnline.finance.trend import trend
from burnline.pricing.card import ANY_PROVIDER
from burnline.pricing.money import PICO_PER_USD
from burnline.readmodel.rows import notice

router = APIRouter(tags=["seed"])

SEED_PREFIX = "/seed/api/v1/finops"
DEFAULT_DAYS, MOST_DAYS = 7, 90
MOST_GROUPS = 1000
MOST_DEPTH = 25
_PER_THOUSAND = Decimal(1000)


class Seed(BaseModel):
    """What the seed's records have in common: names in camelCase."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, extra="forbid")


class SeedDay(Seed):
    """A day's runs and cost."""

    date: str
    run_count: int
    estimated_usd: float


class SeedShare(Seed):
    """A part of the whole cost, by agent or organisation."""

    dimension: str
    label: str
    run_count: int
    allocation_percent: float


class SeedModelShare(Seed):
    """A model's part of the whole cost."""

    model_id: str
    run_count: int
    allocation_percent: float
    estimated_usd: float


class SeedCacheDay(Seed):
    """A day's prompts, and those answered out of a semantic cache."""

    date: str
    total_prompts: int
    cache_hits: int


class SeedRoi(Seed):
    """Savings of caches of both kinds, less what writing them cost; embeddings; and what is left."""

    total_cache_savings_usd: float
    total_embedding_cost_usd: float
    net_roi_usd: float


class SeedBurn(Seed):
    """What a session has spent in the short window."""

    session_id: str
    cumulative_usd: float


class SeedAnomaly(Seed):
    """An open anomaly."""

    session_id: str
    agent_id: str
    burn_rate_usd_per_hour: float
    baseline_usd_per_hour: float
    anomaly_ratio: float | None


class SeedRate(Seed):
    """USD per 1,000 tokens of a model; 0 of a part means the rate of what it is a part of."""

    model_id: str = Field(min_length=1, max_length=256)
    input_rate_per_k_tokens: float = Field(ge=0, allow_inf_nan=False)
    output_rate_per_k_tokens: float = Field(ge=0, allow_inf_nan=False)
    cached_input_rate_per_k_tokens: float = Field(0, ge=0, allow_inf_nan=False)
    reasoning_rate_per_k_tokens: float = Field(0, ge=0, allow_inf_nan=False)


class SeedBaselineBody(Seed):
    """A baseline to set."""

    baseline_usd_per_hour: float = Field(ge=0, allow_inf_nan=False)


class SeedBaseline(SeedBaselineBody):
    """An agent's baseline."""

    agent_id: str


class SeedTreeCost(Seed):
    """What a session and all below it have cost."""

    root_run_id: str
    tree_total_cost_usd: float
    run_count: int


class SeedTree(Seed):
    """A session, and those that are a part of it."""

    id: str
    agent_id: str
    depth: int
    input_tokens: int
    output_tokens: int
    total_cost_usd: float
    sub_runs: "list[SeedTree]"


async def _week(
    resources: WithResources, days: Annotated[int, Query(description="How many days; 1 to 90.")] = DEFAULT_DAYS
) -> Question:
    within = min(max(days, 1), MOST_DAYS)
    return question(resources.now_ms(), Asked(days=within), "UTC", within)


Week = Annotated[Question, Depends(_week)]


@router.get("/trends")
async def seed_trends(resources: WithResources, caller: Viewer, asked: Week) -> list[SeedDay]:
    """Runs and cost day by day, zeros included."""
    found = await find(resources, caller, asked)
    answer = await asyncio.to_thread(trend, found.frame, asked.days, [], 1)
    used = {day.date: totals for series in answer.series for day, totals in zip(asked.days, series.days, strict=True)}
    return [
        SeedDay(
            date=day.date.isoformat(),
            run_count=used[day.date].runs if used else 0,
            estimated_usd=_usd(used[day.date].cost) if used else 0.0,
        )
        for day in asked.days
    ]


@router.get("/allocations")
async def seed_allocations(resources: WithResources, caller: Viewer, asked: Week) -> list[SeedShare]:
    """Parts of the cost by agent, then by organisation."""
    found = await find(resources, caller, asked)
    shares: list[SeedShare] = []
    for name, dimension in (("agent", Dimension.AGENT), ("org", Dimension.ORG)):
        answer = await asyncio.to_thread(allocate, found.frame, [dimension], MOST_GROUPS)
        shares += [
            SeedShare(
                dimension=name,
                label=row.group[0] or "",
                run_count=row.totals.runs,
                allocation_percent=_percent(row.totals.cost, answer.total.cost),
            )
            for row in answer.rows
        ]
    return shares


@router.get("/allocations/by-model")
async def seed_allocations_by_model(resources: WithResources, caller: Viewer, asked: Week) -> list[SeedModelShare]:
    """Parts of the cost by model."""
    found = await find(resources, caller, asked)
    answer = await asyncio.to_thread(allocate, found.frame, [Dimension.MODEL], MOST_GROUPS)
    return [
        SeedModelShare(
            model_id=row.group[0] or "",
            run_count=row.totals.runs,
            allocation_percent=_percent(row.totals.cost, answer.total.cost),
            estimated_usd=_usd(row.totals.cost),
        )
        for row in answer.rows
    ]


@router.get("/cache-impact")
async def seed_cache_impact(resources: WithResources, caller: Viewer, asked: Week) -> list[SeedCacheDay]:
    """Prompts and answers out of semantic caches, day by day."""
    found = await find(resources, caller, asked)
    answer = await asyncio.to_thread(trend, found.frame, asked.days, [], 1)
    used = {day.date: totals for series in answer.series for day, totals in zip(asked.days, series.days, strict=True)}
    return [
        SeedCacheDay(
            date=day.date.isoformat(),
            total_prompts=used[day.date].prompts if used else 0,
            cache_hits=used[day.date].rare.get(CACHE_HITS, 0) if used else 0,
        )
        for day in asked.days
    ]


@router.get("/roi-stats")
async def seed_roi_stats(resources: WithResources, caller: Viewer) -> SeedRoi:
    """Over all that is kept."""
    asked = question(resources.now_ms(), Asked(days=MAX_DAYS), "UTC", MAX_DAYS)
    found = await find(resources, caller, asked)
    answer = await asyncio.to_thread(roi, found.frame)
    return SeedRoi(
        total_cache_savings_usd=_usd(answer.cache.reduction + answer.semantic_savings),
        total_embedding_cost_usd=_usd(answer.embedding_cost),
        net_roi_usd=_usd(answer.net),
    )


@router.get("/burn-rates/active")
async def seed_burn_rates(live: WithLive, caller: Viewer) -> list[SeedBurn]:
    """What each active session has spent in the short window."""
    rows = sorted(
        (row for row in live.picture.sessions.rows() if caller.sees(row.org_id)),
        key=lambda row: (-row.short_pico_usd, row.session_id),
    )
    return [SeedBurn(session_id=row.session_id, cumulative_usd=_usd(row.short_pico_usd)) for row in rows]


@router.get("/anomalies/active")
async def seed_anomalies(live: WithLive, caller: Viewer) -> list[SeedAnomaly]:
    """Open anomalies, the most urgent first."""
    kept = live.picture.anomalies.open(lambda one: caller.sees(one.org_id), limit=MOST_GROUPS, after=None)
    return [
        SeedAnomaly(
            session_id=one.session_id,
            agent_id=one.agent_id,
            burn_rate_usd_per_hour=float(next(iter(one.burn_usd_per_hour.values()))),
            baseline_usd_per_hour=float(one.baseline_usd_per_hour),
            anomaly_ratio=None if one.ratio is None else float(one.ratio),
        )
        for one in (notice(each.json) for each in kept)
    ]


@router.get("/valuation-rates")
async def seed_rates(resources: WithResources, caller: Viewer) -> list[SeedRate]:
    """What the models in use cost now, those without a rate left out."""
    asked = question(resources.now_ms(), Asked(days=MOST_DAYS), "UTC", MOST_DAYS)
    found = await find(resources, caller, asked)
    _, (projected,) = await read_together(resources, lambda pipe, keys: pipe.hgetall(keys.rates))
    book = (await projected_book(resources)).with_overrides(rates_from(projected).values())
    used = found.frame.select("provider", "model").unique().sort("model", "provider").rows()
    rates: dict[str, SeedRate] = {}
    for provider, model in used:
        card = book.resolve(provider or None, model, resources.now_ms())
        if card.tiers:
            base = card.tiers[0]
            rates.setdefault(
                model,
                SeedRate(
                    model_id=model,
                    input_rate_per_k_tokens=_usd(base.input * 1000),
                    output_rate_per_k_tokens=_usd(base.output * 1000),
                    cached_input_rate_per_k_tokens=_usd(base.cached_input * 1000),
                    reasoning_rate_per_k_tokens=_usd(base.reasoning * 1000),
                ),
            )
    return list(rates.values())


@router.put("/valuation-rates", responses=responses(409))
async def seed_set_rates(resources: WithResources, caller: Editor, body: list[SeedRate]) -> list[SeedRate]:
    """Set what models cost at any provider, whenever it was used; one after the other, in their order.

    Where one is refused those before it stand; the same again changes nothing.
    """
    for rate in body:
        base, answer = _per_million(rate.input_rate_per_k_tokens), _per_million(rate.output_rate_per_k_tokens)
        wanted = RateBody(
            effective_from="always",
            input_usd_per_million_tokens=base,
            output_usd_per_million_tokens=answer,
            cached_input_usd_per_million_tokens=_per_million(rate.cached_input_rate_per_k_tokens, base),
            reasoning_usd_per_million_tokens=_per_million(rate.reasoning_rate_per_k_tokens, answer),
        )
        await set_rate(resources, caller, (ANY_PROVIDER, rate.model_id), wanted)
    return body


_AgentId = Annotated[str, Path(max_length=256, description="As events name it.")]


@router.put("/baselines/{agent_id:path}", responses=responses(404))
async def seed_set_baseline(
    resources: WithResources, caller: Editor, agent_id: _AgentId, body: SeedBaselineBody
) -> SeedBaseline:
    """Set an agent's baseline, in the one organisation that the token is bound to."""
    org_id = _only_org(caller)
    asked = question(resources.now_ms(), Asked(days=MOST_DAYS), "UTC", MOST_DAYS, {Dimension.AGENT: [agent_id]})
    if (await find(resources, caller, asked)).frame.is_empty():
        raise Problem(404, f"Nobody has seen an agent {agent_id!r} in {org_id!r} in the last {MOST_DAYS} days.")
    wanted = BaselineBody(usd_per_hour=f"{Decimal(str(body.baseline_usd_per_hour)):f}")
    await set_baseline(resources, caller, (org_id, agent_id), wanted)
    return SeedBaseline(agent_id=agent_id, baseline_usd_per_hour=body.baseline_usd_per_hour)


_RunId = Annotated[str, Path(max_length=256, description="A session's id.")]


@router.get("/runs/{run_id}/tree-cost", responses=responses(404, 409))
async def seed_tree_cost(live: WithLive, caller: Viewer, run_id: _RunId) -> SeedTreeCost:
    """What a session and all below it have cost."""
    root = tree_of(live.picture.known, _session(live, caller, run_id)).nodes[0]
    return SeedTreeCost(root_run_id=run_id, tree_total_cost_usd=_usd(root.tree_pico_usd), run_count=root.tree_sessions)


@router.get("/runs/{run_id}/cost-tree", responses=responses(404, 409))
async def seed_cost_tree(
    live: WithLive,
    caller: Viewer,
    run_id: _RunId,
    max_depth: Annotated[int, Query(alias="maxDepth", description="Levels below it; 25 at most.")] = 10,
) -> SeedTree:
    """A session and those below it, as deep as is asked for."""
    deepest = min(max(max_depth, 0), MOST_DEPTH)
    path: list[SeedTree] = []
    for node in tree_of(live.picture.known, _session(live, caller, run_id)).nodes:
        if node.depth <= deepest:
            told = _told(node)
            del path[node.depth :]
            if path:
                path[-1].sub_runs.append(told)
            path.append(told)
    return path[0]


def _told(node: Node) -> SeedTree:
    return SeedTree(
        id=node.row.session_id,
        agent_id=node.row.agent_id,
        depth=node.depth,
        input_tokens=node.row.input_tokens,
        output_tokens=node.row.output_tokens,
        total_cost_usd=_usd(node.row.spend_pico_usd),
        sub_runs=[],
    )


def _session(live: LiveView, caller: Principal, session_id: str) -> KnownSession:
    known = live.picture.known
    if not known.is_complete:
        raise unavailable("The sessions that are not active are still being read.", "view-loading")
    found = [row for row in known.named(session_id) if caller.sees(row.org_id)]
    if not found:
        raise Problem(404, f"There is no session {session_id!r}.", kind="no-such-session")
    if len(found) > 1:
        raise Problem(409, f"{len(found)} organisations have a session {session_id!r}.", kind="ambiguous-session")
    return found[0]


def _only_org(caller: Principal) -> str:
    if caller.orgs is None or len(caller.orgs) != 1:
        raise Problem(403, "This path names no organisation: it takes a token that is bound to one.")
    (org_id,) = caller.orgs
    return org_id


def _usd(pico_usd: int) -> float:
    return pico_usd / PICO_PER_USD


def _percent(part: int, whole: int) -> float:
    found = share(part, whole)
    return 0.0 if found is None else float(found * 100)


def _per_million(rate: float, base: str | None = None) -> str:
    """A rate per 1,000 tokens as decimal text per million; 0 is the base's, if there is one."""
    if base is not None and not rate:
        return base
    return f"{Decimal(str(rate)) * _PER_THOUSAND:f}"
