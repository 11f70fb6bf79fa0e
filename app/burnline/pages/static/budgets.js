// Budgets: how they stand, the fullest first; those that are used up; set and deleted by who may.
import { action, at, burnCell, count, field, get, h, link, me, money, put, query, remove, run, said, section, show, table } from "./lib.js";

const SCOPES = ["org", "team", "project", "agent"];
const when = (text) => at(Date.parse(text));
const who = (row) => `${row.scope} ${row.org_id}${row.name ? ` / ${row.name}` : ""}`;

function whose(row) {
  if (row.scope !== "agent") return link(`/trends${query({ org_id: row.org_id })}`, who(row));
  return link(`/sessions${query({ org_id: row.org_id, agent_id: row.name })}`, who(row));
}

function used(row) {
  const share = Number(row.saturation);
  const kind = share >= 1 ? "hot" : share >= 0.8 ? "warm" : "calm";
  const words = share >= 1 ? "used up" : row.reached_percent ? `${row.reached_percent} % reached` : "within";
  return h("span", {},
    h("meter", { min: 0, max: 1, low: 0.8, high: 0.95, optimum: 0, value: Math.min(share, 1), "aria-label": `used of the budget of ${who(row)}` }),
    " ", h("span", { class: `badge ${kind}` }, `${(share * 100).toFixed(1)} %`, h("span", { class: "faint" }, ` ${words}`)));
}

const COLUMNS = [
  { name: "whose", wide: true, cell: whose },
  { name: "period", cell: (row) => h("span", { title: `${row.period_start} to ${row.period_end}, ${row.time_zone}` }, row.period) },
  { name: "used", cell: used },
  { name: "spent", number: true, cell: (row) => money(row.spent_usd) },
  { name: "of", number: true, cell: (row) => money(row.amount_usd) },
  { name: "left", number: true, cell: (row) => money(row.remaining_usd) },
  { name: "burn of the last hour, USD/h", number: true, cell: (row) => burnCell(row.burn_usd_per_hour) },
  { name: "at its end", number: true, cell: (row) => (row.projected_usd === null ? "" : money(row.projected_usd)) },
  { name: "used up", cell: (row) => (Number(row.remaining_usd) <= 0 ? "now" : row.exhausted_at ? when(row.exhausted_at) : "not in this period") },
  { name: "budget", wide: true, cell: (row) => row.budget },
];

async function draw() {
  const caller = await me();
  const [stand, set] = await Promise.all([get("/budgets", { limit: 200 }), get("/budgets/set")]);
  const change = (what, words) => async (event) => {
    event.target.disabled = true;
    try {
      await what();
      await draw();
      said(words);
    } catch (error) {
      event.target.disabled = false;
      document.getElementById("problem").replaceChildren(h("p", { class: "problem" }, error.message));
    }
  };
  const names = ({ scope, org_id, name, period }) => ({ scope, org_id, name, period });
  const over = stand.rows.filter((row) => Number(row.remaining_usd) <= 0);
  const offsets = Object.entries(stand.offsets).map(([partition, offset]) => `${partition}/${offset ?? "?"}`).join(", ");
  const forms = document.querySelector("#set-a-budget"); // what somebody is typing stays
  show(
    section("Used up", table("Used up", COLUMNS, over, { empty: "None is: every budget has something left." })),
    section("All of them, the fullest first", table("Budgets", COLUMNS, stand.rows, { empty: "No budget is set." }),
      h("p", { class: "faint" }, `${count(stand.subjects)} in all. ${offsets ? `Equal to the ledgers at ${offsets} (partition/offset).` : ""}`)),
    section("Set", table("As they were set", [
      { name: "budget", wide: true, cell: (row) => row.key },
      { name: "amount", number: true, cell: (row) => money(row.amount_usd) },
      { name: "time zone", cell: (row) => row.time_zone },
      { name: "told at", cell: (row) => row.thresholds_percent.map((percent) => `${percent} %`).join(", ") },
      { name: "by", wide: true, cell: (row) => row.source },
      { name: "since", cell: (row) => (row.updated_at ? at(row.updated_at) : "") },
      { name: "", cell: (row) => (caller.may_edit
        ? action("Delete", change(() => remove("/budgets", names(row)), `${row.key} is deleted.`), { "aria-label": `delete the budget ${row.key}` }) : "") },
    ], set.rows, { empty: "None was set." }),
    caller.may_edit ? forms ?? form(change) : null),
  );
}

function form(change) {
  return h("form", { class: "controls", id: "set-a-budget", onsubmit: (event) => {
    event.preventDefault();
    const body = Object.fromEntries(new FormData(event.target));
    change(() => put("/budgets", { ...body, source: "dashboard" }), `${body.scope} ${body.org_id} ${body.name}: ${body.amount_usd} USD per ${body.period}.`)({ target: event.submitter })
      .finally(() => { event.submitter.disabled = false; });
  } },
    field("whose", h("select", { name: "scope" }, SCOPES.map((scope) => h("option", { value: scope }, scope)))),
    field("organisation (* for each)", h("input", { name: "org_id", required: true })),
    field("name (* for each; none of an organisation)", h("input", { name: "name" })),
    field("USD", h("input", { name: "amount_usd", inputmode: "decimal", required: true })),
    field("period", h("input", { name: "period", value: "month", required: true, list: "periods" })),
    h("datalist", { id: "periods" }, ["hour", "day", "week", "month", "rolling-24h"].map((period) => h("option", { value: period }))),
    field("time zone", h("input", { name: "time_zone", value: "UTC", required: true })),
    h("button", { class: "action main", type: "submit" }, "Set"));
}

// Who is typing is not disturbed.
run(async () => { if (!document.querySelector("#set-a-budget")?.contains(document.activeElement)) await draw(); }, 5000);
