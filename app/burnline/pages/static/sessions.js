// Active sessions: sorted, filtered, page by page.
import { asked, at, choice, count, field, get, go, h, perHour, ratio, run, section, sessionLink, severity, show, table, usd, action } from "./lib.js";

const SORTS = [["burn_short", "burn, short window"], ["burn_long", "burn, long window"], ["ratio", "against baseline"], ["spend", "spent"],
  ["last_event_at", "newest event"], ["first_event_at", "beginning"], ["events", "events"], ["input_tokens", "input tokens"], ["output_tokens", "output tokens"]];

const filter = (name, label) => field(label, h("input", { name, value: asked()[name] ?? "", autocomplete: "off" }));

run(async () => {
  const { org_id, agent_id, sort = "burn_short", order = "desc", anomalous, cursor } = asked();
  const page = await get("/burn-rates/active", { org_id, agent_id, sort, order, anomalous, cursor, limit: 50 });
  const form = h("form", { class: "controls", onsubmit: (event) => {
    event.preventDefault();
    go({ ...Object.fromEntries(new FormData(event.target)), cursor: "" });
  } },
    filter("org_id", "organisation"), filter("agent_id", "agent"),
    choice("sort by", SORTS, sort, (value) => go({ sort: value, cursor: "" })),
    choice("order", [["desc", "greatest first"], ["asc", "least first"]], order, (value) => go({ order: value, cursor: "" })),
    choice("anomaly", [["", "any"], ["true", "open"], ["false", "none"]], anomalous ?? "", (value) => go({ anomalous: value, cursor: "" })),
    h("button", { class: "action main", type: "submit" }, "Filter"));
  show(section(`${count(page.active)} active sessions`, form,
    table("Active sessions", [
      { name: "session", wide: true, cell: sessionLink },
      { name: "organisation", wide: true, cell: (row) => row.org_id },
      { name: "agent", wide: true, cell: (row) => row.agent_id },
      { name: `burn ${page.windows_s[0]} s`, number: true, cell: (row) => perHour(Object.values(row.burn_usd_per_hour)[0]) },
      { name: `burn ${page.windows_s[1]} s`, number: true, cell: (row) => perHour(Object.values(row.burn_usd_per_hour)[1]) },
      { name: "against baseline", cell: (row) => ratio(row.ratio, row.multiplier) },
      { name: "spent", number: true, cell: (row) => usd(row.spend_usd) },
      { name: "events", number: true, cell: (row) => count(row.events) },
      { name: "newest event", cell: (row) => at(row.last_event_at) },
      { name: "anomaly", cell: (row) => severity(row.anomaly) },
    ], page.rows, { empty: "No active session is like that." }),
    h("p", {}, cursor ? action("First page", () => go({ cursor: "" })) : "", " ",
      page.next_cursor ? action("Next page", () => go({ cursor: page.next_cursor })) : "")));
});
