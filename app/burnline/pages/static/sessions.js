// All sessions: active, idle and retired ones, found, sorted, page by page. The question stands in the address.
import { action, asked, at, choice, count, field, get, go, h, money, burnCell, ratio, run, section, sessionCell, severity, show, table, usd, zone } from "./lib.js";

const SORTS = [["burn_short", "burn, short window"], ["burn_long", "burn, long window"], ["ratio", "against baseline"], ["spend", "spent"],
  ["last_event_at", "newest event"], ["first_event_at", "beginning"], ["events", "events"], ["runs", "runs"], ["tool_calls", "tool calls"],
  ["input_tokens", "input tokens"], ["output_tokens", "output tokens"], ["unpriced_tokens", "unpriced tokens"]];
const STATES = [["", "any"], ["active", "active"], ["idle", "idle"], ["retired", "retired"]];
const PERIODS = [["", "any time"], ["1", "today"], ["7", "the last 7 days"], ["30", "the last 30 days"]];

const text = (name, label, type = "text") => field(label, h("input", { name, type, value: asked()[name] ?? "", autocomplete: "off" }));
const pick = (name, label, options, chosen) => choice(label, options, chosen ?? "", (value) => go({ [name]: value, cursor: "" }));

function controls({ sort, order, state, days, anomalous }) {
  return h("form", { class: "controls", onsubmit: (event) => {
    event.preventDefault();
    go({ ...Object.fromEntries(new FormData(event.target)), cursor: "" });
  } },
    text("search", "search", "search"), text("org_id", "organisation"), text("agent_id", "agent"),
    pick("state", "state", STATES, state), pick("days", "under way", PERIODS, days),
    pick("sort", "sort by", SORTS, sort), pick("order", "order", [["desc", "greatest first"], ["asc", "least first"]], order),
    pick("anomalous", "anomaly", [["", "any"], ["true", "open"], ["false", "none"]], anomalous),
    h("button", { class: "action main", type: "submit" }, "Find"));
}

const burn = (row, index) => (row.burn ? burnCell(Object.values(row.burn.burn_usd_per_hour)[index]) : "");

run(async () => {
  const { sort = "burn_short", order = "desc", cursor, days, search, org_id, agent_id, state, anomalous } = asked();
  const tz = days ? zone : undefined;
  const page = await get("/sessions", { sort, order, cursor, days, tz, search, org_id, agent_id, state, anomalous, limit: 50 });
  show(section(`${count(page.sessions)} sessions`, controls({ sort, order, state, days, anomalous }),
    h("p", { class: "faint" }, "Together they have spent ", usd(page.spend_usd), "."),
    table("Sessions", [
      { name: "session", wide: true, cell: sessionCell },
      { name: "state", cell: (row) => row.state },
      { name: `burn ${page.windows_s[0]} s, USD/h`, number: true, cell: (row) => burn(row, 0) },
      { name: `burn ${page.windows_s[1]} s, USD/h`, number: true, cell: (row) => burn(row, 1) },
      { name: "against baseline", cell: (row) => (row.burn ? ratio(row.burn.ratio, row.burn.multiplier) : "") },
      { name: "spent", number: true, cell: (row) => money(row.spend_usd) },
      { name: "events", number: true, cell: (row) => count(row.events) },
      { name: "newest event", cell: (row) => at(row.last_event_at) },
      { name: "anomaly", cell: (row) => severity(row.anomaly) },
    ], page.rows, { empty: "No session is like that." }),
    h("p", {}, cursor ? action("First page", () => go({ cursor: "" })) : "", " ",
      page.next_cursor ? action("Next page", () => go({ cursor: page.next_cursor })) : "")));
});
