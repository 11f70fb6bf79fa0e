// Trends: who spent what, day by day; from organisation to agent to session by a click.
import { API, asked, choice, count, field, get, go, h, link, money, NAMES, percent, query, run, section, show, table, tile, usd, zone } from "./lib.js";
import { Chart, stacked } from "./chart.js";

const GROUPS = ["org_id", "agent_id", "team_id", "project_code", "provider", "model", "kind"];
const FILTERS = ["org_id", "agent_id", "team_id", "project_code", "provider", "model"];
const NEXT = { org_id: "agent_id", agent_id: "model", team_id: "agent_id", project_code: "agent_id", provider: "model", model: "agent_id", kind: "model" };
const zones = Intl.supportedValuesOf ? Intl.supportedValuesOf("timeZone") : [];

const name = (group, by) => group[by] || "(none)";

run(async () => {
  const { days = "30", group_by = "org_id", tz = zone, ...given } = asked();
  const filters = Object.fromEntries(FILTERS.filter((one) => given[one] !== undefined).map((one) => [one, given[one]]));
  const question = { days, tz, ...filters };
  const [trends, allocations, roi] = await Promise.all([
    get("/trends", { ...question, group_by, limit: 9 }),
    get("/allocations", { ...question, group_by, limit: 100 }),
    get("/roi-stats", question),
  ]);
  const all = [...trends.series, ...(trends.rest ? [{ ...trends.rest, group: { [group_by]: `${trends.groups - trends.series.length} more` } }] : [])];
  const xs = (all[0]?.days ?? []).map((day) => Date.parse(day.start) / 1000);
  const names = all.map((series) => name(series.group, group_by));
  const { series, data } = stacked(names, all.map((one) => one.days.map((day) => Number(day.cost_usd))));
  const chart = new Chart(`USD per day by ${NAMES[group_by]}`, {
    zone: tz,
    days: xs,
    series,
    height: 260,
    rows: () => ({
      columns: [{ name: "day", cell: (row) => row.date }, ...names.map((label, index) => ({ name: label, number: true, cell: (row) => money(row.costs[index]) }))],
      rows: (all[0]?.days ?? []).map((day, index) => ({ date: day.date, costs: all.map((one) => one.days[index].cost_usd) })).reverse(),
    }),
  });
  const narrower = (row) => go({ [group_by]: row.group[group_by] ?? "", group_by: NEXT[group_by] });
  const cache = roi.cache;
  show(
    h("form", { class: "controls", onsubmit: (event) => event.preventDefault() },
      choice("days", [["7", "7 days"], ["30", "30 days"], ["90", "90 days"]], days, (value) => go({ days: value })),
      choice("by", GROUPS.map((one) => [one, NAMES[one]]), group_by, (value) => go({ group_by: value })),
      field("time zone", h("input", { list: "zones", value: tz, onchange: (event) => go({ tz: event.target.value }) })),
      h("datalist", { id: "zones" }, zones.map((one) => h("option", { value: one }))),
      ...Object.entries(filters).map(([one, value]) => h("button", { class: "action", type: "button", onclick: () => go({ [one]: undefined }) }, `${NAMES[one]}: ${value || "(none)"} ✕`))),
    h("div", { class: "tiles" },
      tile("Spent", usd(trends.total.cost_usd), h("span", {}, h("time", {}, trends.period.first), " to ", h("time", {}, trends.period.last))),
      tile("Events", count(trends.total.events), `${count(trends.total.input_tokens)} input, ${count(trends.total.output_tokens)} output tokens`),
      tile("Cache hits", percent(cache.hit_ratio), "of the input tokens"),
      tile("Caches saved", usd(cache.reduction_usd), h("span", {}, usd(cache.cache_savings_usd), " less ", usd(cache.cache_write_premium_usd), " for writing them")),
      tile("Semantic caches saved", usd(roi.semantic_savings_usd), `${count(cache.semantic_hits)} of ${count(cache.prompts)} prompts answered without a model`),
      tile("Net of embeddings", usd(roi.net_usd), h("span", {}, "embeddings cost ", usd(roi.embedding_cost_usd)))),
    section(`Spend per day, by ${NAMES[group_by]}`, chart.element),
    section(`By ${NAMES[group_by]}, dearest first: ${count(allocations.groups)}`,
      table(`Spend by ${NAMES[group_by]}`, [
        { name: NAMES[group_by], wide: true, cell: (row) => h("button", { class: "plain", type: "button", onclick: () => narrower(row), title: `by ${NAMES[NEXT[group_by]]}` }, name(row.group, group_by)) },
        { name: "spent", number: true, cell: (row) => money(row.cost_usd) },
        { name: "share", number: true, cell: (row) => percent(row.share) },
        { name: "events", number: true, cell: (row) => count(row.events) },
        { name: "input tokens", number: true, cell: (row) => count(row.input_tokens) },
        { name: "output tokens", number: true, cell: (row) => count(row.output_tokens) },
        { name: "unpriced", number: true, cell: (row) => count(row.unpriced.tokens) },
        { name: "now", cell: (row) => (group_by === "agent_id" || group_by === "org_id" ? link(`/sessions${query({ org_id: group_by === "org_id" ? row.group.org_id : filters.org_id, agent_id: row.group.agent_id })}`, "sessions", { "aria-label": `sessions of ${name(row.group, group_by)}` }) : "") },
      ], allocations.allocations, { empty: "Nothing was used." }),
      h("p", {},
        link(`${API}/exports/allocations.csv${query({ ...question, group_by })}`, "Take this table away (CSV)", { class: "action", download: "allocations.csv" }), " ",
        link(`${API}/exports/allocations.parquet${query({ ...question, group_by })}`, "Parquet", { class: "action", download: "allocations.parquet" }), " ",
        link(`${API}/exports/focus.csv${query(question)}`, "FOCUS 1.2", { class: "action", download: "focus.csv" }))),
  );
  chart.set([xs, ...data]);
});
