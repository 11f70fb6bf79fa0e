// One session: its burn against its line, by model, its notices, and its events down to the offset.
import { $, asked, at, burnCell, chargeLink, count, get, h, link, money, part, perHour, ratio, run, section, sessionLink, severity, show, span, table, tile, usd } from "./lib.js";
import { controlOf, controlTile } from "./control.js";
import { Chart, limit, line } from "./chart.js";

const id = decodeURIComponent(location.pathname.replace(/^\/sessions\//, ""));
const { org_id } = asked();
$("title").textContent = id;
document.title = `${id} · Burnline`;

const SLICE_S = 10;
const chart = new Chart("Burn of this session against its line, USD per hour", {
  series: [line("burn, USD/h", "--series", { area: true }), limit("line")],
  rows: ([xs, ys, lines]) => ({
    columns: [{ name: "until", cell: (row) => at(row[0] * 1000) }, { name: "USD/h", number: true, cell: (row) => row[1].toFixed(4) }, { name: "line", number: true, cell: (row) => row[2] === null ? "none" : row[2].toFixed(2) }],
    rows: xs.map((x, index) => [x, ys[index], lines[index]]).reverse(),
  }),
});
const tiles = h("div", { class: "tiles" }), rest = h("div", {});
show(tiles, section("Burn", chart.element), rest);

// The short window slid over the slices that the ledger holds: the same sum that the rule judges.
function slide(session) {
  const windowS = Number.parseInt(Object.keys(session.burn_usd_per_hour)[0], 10);
  const end = session.windows_end_at / 1000;
  const first = session.slices.length ? session.slices[0].start_at / 1000 : end - 600;
  const spend = new Map(session.slices.map((slice) => [slice.start_at / 1000, Number(slice.spend_usd)]));
  const xs = [], ys = [];
  for (let until = first + SLICE_S; until <= end; until += SLICE_S) {
    let sum = 0;
    for (let start = until - windowS; start < until; start += SLICE_S) sum += spend.get(start) ?? 0;
    xs.push(until);
    ys.push((sum * 3600) / windowS);
  }
  const at = session.baseline_source === "learned" ? null : Number(session.baseline_usd_per_hour) * Number(session.multiplier);
  return [xs, ys, xs.map(() => at)];
}

const relative = (orgId) => (row) => sessionLink({ session_id: row.session_id, org_id: orgId });

// Whom it belongs to and who belongs to it; nothing where it stands alone.
function family(session) {
  const { tree } = session;
  if (!tree || (tree.sessions === 1 && !tree.ancestors.length)) return "";
  const above = tree.ancestors.map((one) => [one.known ? relative(session.org_id)(one) : `${one.session_id} (nothing of it is known)`, " / "]);
  return section("Its tree",
    tree.ancestors.length ? h("p", {}, "Part of ", ...above.flat(), session.session_id) : "",
    h("p", {}, "It and all below it, ", count(tree.sessions), " sessions, have spent ", usd(tree.spend_usd), "."),
    table("The session and those that are a part of it", [
      { name: "session", wide: true, cell: (row) => [h("span", { class: "faint" }, "– ".repeat(row.depth)), relative(session.org_id)(row)] },
      { name: "agent", wide: true, cell: (row) => row.agent_id },
      { name: "state", cell: (row) => row.state },
      { name: "newest event", cell: (row) => at(row.last_event_at) },
      { name: "events", number: true, cell: (row) => count(row.events) },
      { name: "own", number: true, cell: (row) => money(row.spend_usd) },
      { name: "with all below", number: true, cell: (row) => money(row.tree_spend_usd) },
    ], tree.nodes),
    tree.nodes.length < tree.sessions ? h("p", { class: "faint" }, `The first ${count(tree.nodes.length)} are shown; the sums are over all.`) : "");
}

run(async () => {
  const session = await get(`/sessions/${part(id)}`, { org_id });
  const control = await controlOf(session);
  const history = await get("/anomalies", { org_id: session.org_id, agent_id: session.agent_id, limit: 500 });
  const own = history.rows.filter((row) => row.session_id === id && row.org_id === session.org_id);
  chart.set(slide(session));
  const burns = Object.entries(session.burn_usd_per_hour);
  const models = Object.entries(session.by_model).sort((a, b) => Number(b[1].cost_usd) - Number(a[1].cost_usd));
  tiles.replaceChildren(
      tile("Spent", usd(session.cost_usd), `${count(session.events)} events, ${count(session.runs)} runs, ${count(session.tool_calls)} tool calls`),
      ...burns.map(([window, value], index) => tile(`Burn over ${window}`, perHour(value), index ? "" : ratio(session.ratio, session.multiplier))),
      session.baseline_source === "learned"
        ? tile("Baseline", "learned", "no line: what leaves the agent's own range is told", { text: true })
        : tile("Baseline", perHour(session.baseline_usd_per_hour), `${session.baseline_source}; an anomaly begins above ×${session.multiplier}`),
      tile("Lifetime", span(session.last_event_at - session.first_event_at), session.active ? "active" : session.retired ? "retired" : "not active"),
      tile("Anomaly", session.anomaly ? link(`/anomalies/${session.anomaly.anomaly_id}`, severity(session.anomaly)) : "none open", link(`/sessions?org_id=${part(session.org_id)}&agent_id=${part(session.agent_id)}`, `${session.org_id} / ${session.agent_id}`), { text: true }),
      controlTile(control));
  rest.replaceChildren(
    section("By model and kind of token", table("By model", [
      { name: "model", wide: true, cell: ([model]) => model },
      { name: "events", number: true, cell: ([, sums]) => count(sums.events) },
      { name: "input", number: true, cell: ([, sums]) => count(sums.input_tokens) },
      { name: "of it cached", number: true, cell: ([, sums]) => count(sums.cached_input_tokens) },
      { name: "of it cache writes", number: true, cell: ([, sums]) => count(sums.cache_write_tokens) },
      { name: "output", number: true, cell: ([, sums]) => count(sums.output_tokens) },
      { name: "of it reasoning", number: true, cell: ([, sums]) => count(sums.reasoning_tokens) },
      { name: "unpriced", number: true, cell: ([, sums]) => count(sums.unpriced_tokens) },
      { name: "cost", number: true, cell: ([, sums]) => money(sums.cost_usd) },
    ], models)),
    family(session),
    section("Its anomalies", table("Anomalies of this session", [
      { name: "state", cell: severity },
      { name: "opened", cell: (row) => at(row.opened_at) },
      { name: "changed", cell: (row) => at(row.updated_at) },
      { name: "burn then, USD/h", number: true, cell: (row) => burnCell(Object.values(row.burn_usd_per_hour)[0]) },
      { name: "crossed by", cell: (row) => chargeLink(row.evidence) },
      { name: "", cell: (row) => link(`/anomalies/${row.anomaly_id}`, "what happened") },
    ], own, { empty: "None." })),
    section("Where it is counted from", table("Ledgers of this session, by source partition; the newest event of each can be explained to the last digit", [
      { name: "partition", cell: (row) => row.source_partition },
      { name: "newest event", cell: (row) => (row.last_offset < 0 ? "" : chargeLink({ partition: row.source_partition, offset: row.last_offset })) },
      { name: "at", cell: (row) => at(row.last_event_at) },
      { name: "events", number: true, cell: (row) => count(row.events) },
      { name: "cost", number: true, cell: (row) => money(row.cost_usd) },
    ], session.ledgers)),
  );
}, 3000);
