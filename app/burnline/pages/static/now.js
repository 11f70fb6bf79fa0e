// Now: what is spent today, what burns, which sessions, and what is wrong.
import { at, burnCell, count, get, h, link, money, ratio, run, section, sessionCell, severity, shortUsd, show, span, table, tile, usd, zone } from "./lib.js";
import { lookedAfter } from "./said.js";
import { Chart, line, spark } from "./chart.js";
import { listen } from "./live.js";

const ROWS = 25;
const SPARK = 60;
const sessions = new Map(); // by org and session: {row, seen: burn over the last seconds}
const id = (row) => `${row.org_id}\n${row.session_id}`;
const burn = (row) => Number(Object.values(row.burn_usd_per_hour)[0]);

const chart = new Chart("What burns, all sessions together, USD per hour", {
  series: [line("short window, USD/h", "--soft", { width: 1 }), line("long window, USD/h", "--series", { area: true })],
  rows: ([xs, short, long]) => ({
    columns: [
      { name: "time", cell: (row) => at(row[0] * 1000) },
      { name: "short window, USD/h", number: true, cell: (row) => row[1].toFixed(4) },
      { name: "long window, USD/h", number: true, cell: (row) => row[2].toFixed(4) },
    ],
    rows: xs.map((x, index) => [x, short[index], long[index]]).filter((_, index) => (xs.length - 1 - index) % 30 === 0).reverse(),
  }),
});
const points = [[], [], []];
const tiles = h("div", { class: "tiles" });
const anomalies = h("div", {});
const active = h("div", {});
show(tiles, section("Open anomalies", anomalies), section("Burning now, all sessions together", chart.element), section("Active sessions, most burning first", active));

const state = { spent: null, before: null, fullest: null, active: null, open: null, longS: 300 };

async function followLine() {
  const { points: more, long_window_s } = await get("/burn-rates/history", { after: points[0].length ? Math.round(points[0].at(-1) * 1000) : 0 });
  state.longS = long_window_s;
  for (const point of more) {
    points[0].push(point.at / 1000);
    points[1].push(Number(point.burn_usd_per_hour));
    points[2].push(Number(point.burn_long_usd_per_hour));
  }
  while (points[0].length > 900) points.forEach((values) => values.shift());
  if (points[0].length) chart.set(points);
}

const QUARTER = 900_000;

async function followSpend() {
  const today = await get("/trends", { days: 1, tz: zone });
  state.spent = today.series[0]?.days.at(-1)?.cost_usd ?? "0";
  // Usage is kept by quarters of an hour: yesterday up to the end of the quarter that it was at this time.
  const until = Math.ceil((Date.now() - 86_400_000) / QUARTER) * QUARTER;
  const from = new Date(Date.parse(today.period.start) - 86_400_000);
  const [before, budgets] = await Promise.all([
    until > from.getTime() ? get("/trends", { from: from.toISOString(), to: new Date(until).toISOString(), tz: zone }) : null,
    get("/budgets", { limit: 1 }),
  ]);
  state.before = (before?.series[0]?.days ?? []).reduce((sum, day) => sum + Number(day.cost_usd), 0);
  state.fullest = budgets.rows[0] ?? null;
}

function budgetTile() {
  const row = state.fullest;
  if (!row) return tile("Fullest budget", "–", link("/budgets", "none is set"));
  const whose = `${row.scope} ${row.org_id}${row.name ? ` / ${row.name}` : ""}`;
  return tile("Fullest budget", `${(Number(row.saturation) * 100).toFixed(1)} %`,
    link("/budgets", `${shortUsd(row.spent_usd)} of ${shortUsd(row.amount_usd)} per ${row.period}, ${whose}`));
}

async function followAnomalies() {
  const [open, page] = await Promise.all([get("/anomalies/active", { limit: 20 }), get("/burn-rates/active", { limit: 1 })]);
  state.open = open.rows;
  state.active = page.active;
  const rows = open.rows;
  anomalies.replaceChildren(table("Open anomalies", [
    { name: "severity", cell: severity },
    { name: "session", wide: true, cell: sessionCell },
    { name: "since", cell: (row) => at(row.opened_at) },
    { name: "burn, USD/h", number: true, cell: (row) => burnCell(Object.values(row.burn_usd_per_hour)[0]) },
    { name: "against baseline", cell: (row) => ratio(row.ratio, row.multiplier) },
    { name: "spent", number: true, cell: (row) => money(row.spend_usd) },
    { name: "at risk, USD/h", number: true, cell: (row) => burnCell(row.excess_usd_per_hour) },
    { name: "who looks after it", wide: true, cell: (row) => lookedAfter(row.notes) },
    { name: "", cell: (row) => link(`/anomalies/${row.anomaly_id}`, "what happened", { "aria-label": `what happened in ${row.session_id}` }) },
  ], rows, { empty: "None: nothing burns above its line." }));
  document.title = `${rows.length ? `(${rows.length}) ` : ""}Now · Burnline`;
}

// Against yesterday by this time, in words and with a sign; nothing where there was nothing.
function compared() {
  if (state.before === null) return "";
  if (!state.before) return "nothing yesterday by this time";
  const change = Number(state.spent) / state.before - 1;
  return `${change < 0 ? "−" : "+"}${Math.abs(change * 100).toFixed(0)} % against yesterday by this time (${shortUsd(state.before)})`;
}

function anomaliesTile() {
  if (state.open === null) return tile("Open anomalies", "…");
  const open = state.open.length;
  const earlier = link("/anomalies", "earlier ones");
  if (!open) return tile("Open anomalies", "0", earlier);
  const since = span(Date.now() - Math.min(...state.open.map((row) => row.opened_at)));
  return tile("Open anomalies", count(open), h("span", {}, `the oldest for ${since} · `, earlier), { hot: true });
}

function draw() {
  const now = points[2].at(-1);
  tiles.replaceChildren(
    tile("Spent today", state.spent === null ? "…" : usd(state.spent), h("span", { title: `days of ${zone}` }, compared())),
    tile("Burning now", now === undefined ? "…" : `${shortUsd(now)}/h`, now === undefined ? "" : `over ${span(state.longS * 1000)}; at this pace ${shortUsd(now * 24)} a day`),
    budgetTile(),
    tile("Active sessions", state.active === null ? "…" : count(state.active), link("/sessions", "all of them")),
    anomaliesTile(),
  );
  const top = [...sessions.values()].sort((a, b) => burn(b.row) - burn(a.row)).slice(0, ROWS);
  active.replaceChildren(table("Active sessions", [
    { name: "session", wide: true, cell: ({ row }) => sessionCell(row) },
    { name: "burn, USD/h", number: true, cell: ({ row }) => burnCell(Object.values(row.burn_usd_per_hour)[0]) },
    { name: "against baseline", cell: ({ row }) => ratio(row.ratio, row.multiplier) },
    { name: "last minutes", cell: ({ seen }) => spark(seen) },
    { name: "spent", number: true, cell: ({ row }) => money(row.spend_usd) },
    { name: "model", wide: true, cell: ({ row }) => row.model_mix.main_model + (row.model_mix.models > 1 ? ` +${row.model_mix.models - 1}` : "") },
    { name: "anomaly", cell: ({ row }) => (row.anomaly ? link(`/anomalies/${row.anomaly.anomaly_id}`, severity({ ...row.anomaly })) : "") },
  ], top, { empty: "No session is active." }));
}

listen({
  burn(event) {
    if (event.complete) {
      const kept = new Set(event.sessions.map(id));
      for (const key of sessions.keys()) if (!kept.has(key)) sessions.delete(key);
    }
    for (const row of event.sessions) {
      const seen = sessions.get(id(row))?.seen ?? [];
      seen.push(burn(row));
      if (seen.length > SPARK) seen.shift();
      sessions.set(id(row), { row, seen });
    }
    for (const row of event.gone) sessions.delete(id(row));
    draw();
  },
  anomaly: () => followAnomalies().then(draw, () => {}),
});

let turn = 0;
run(async () => {
  const jobs = [followLine()];
  if (turn % 3 === 0) jobs.push(followAnomalies());
  if (turn % 5 === 0) jobs.push(followSpend());
  turn += 1;
  await Promise.all(jobs);
  draw();
}, 2000);
