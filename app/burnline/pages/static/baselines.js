// Baselines: what was set, what would fit, and accepting it with one click.
import { action, at, count, field, get, h, link, me, part, put, query, rateCell, remove, run, said, section, show, table } from "./lib.js";

const path = (row) => `/baselines/${part(row.org_id)}/${part(row.agent_id)}`;

async function draw() {
  const who = await me();
  const [set, fits] = await Promise.all([get("/baselines", { limit: 500 }), get("/baselines/suggestions", { days: 14, limit: 200 })]);
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
  const accept = (row) => change(() => put(path(row), { usd_per_hour: row.suggested_usd_per_hour, source: "suggestion" }),
    `${row.org_id} / ${row.agent_id}: ${row.suggested_usd_per_hour} USD/h from the next event on.`);
  show(
    section("Suggested, by what sessions did burn", h("details", { class: "rule" }, h("summary", {}, "How a suggestion comes to be"), h("p", { class: "faint" }, fits.rule)),
      table("Suggestions", [
        { name: "agent", wide: true, cell: (row) => link(`/sessions${query({ org_id: row.org_id, agent_id: row.agent_id })}`, `${row.org_id} / ${row.agent_id}`) },
        { name: "now, USD/h", number: true, cell: (row) => rateCell(row.current.usd_per_hour) },
        { name: "set by", cell: (row) => row.current.baseline_source },
        { name: "suggested, USD/h", number: true, cell: (row) => (row.suggested_usd_per_hour ? rateCell(row.suggested_usd_per_hour) : "–") },
        { name: "sessions", number: true, cell: (row) => count(row.sessions.n) },
        { name: "why", wide: true, cell: (row) => row.why },
        { name: "", cell: (row) => (who.may_edit && row.suggested_usd_per_hour && row.suggested_usd_per_hour !== row.current.usd_per_hour
          ? action("Accept", accept(row), { "aria-label": `accept ${row.suggested_usd_per_hour} USD per hour for ${row.org_id} ${row.agent_id}` }) : "") },
      ], fits.rows, { empty: "No agent has spent anything yet." })),
    section("Set", table(`Below all of them: ${set.default.usd_per_hour} USD/h × ${set.default.multiplier}`, [
      { name: "for", wide: true, cell: (row) => `${row.org_id} / ${row.agent_id}` },
      { name: "baseline, USD/h", number: true, cell: (row) => rateCell(row.usd_per_hour) },
      { name: "anomaly above, USD/h", number: true, cell: (row) => rateCell(row.anomaly_above_usd_per_hour) },
      { name: "by", wide: true, cell: (row) => row.source },
      { name: "since", cell: (row) => (row.updated_at ? at(row.updated_at) : "") },
      { name: "", cell: (row) => (who.may_edit ? action("Delete", change(() => remove(path(row)), `${row.org_id} / ${row.agent_id}: what lies below counts again.`), { "aria-label": `delete the baseline of ${row.org_id} ${row.agent_id}` }) : "") },
    ], set.rows, { empty: "None was set: the default counts for all.", told: true }),
    who.may_edit ? h("form", { class: "controls", onsubmit: (event) => {
      event.preventDefault();
      const { org_id, agent_id, usd_per_hour } = Object.fromEntries(new FormData(event.target));
      change(() => put(path({ org_id, agent_id }), { usd_per_hour, source: "dashboard" }), `${org_id} / ${agent_id}: ${usd_per_hour} USD/h from the next event on.`)({ target: event.submitter });
    } },
      field("organisation (* for any)", h("input", { name: "org_id", required: true })),
      field("agent (* for any)", h("input", { name: "agent_id", required: true })),
      field("usual burn, USD/h", h("input", { name: "usd_per_hour", inputmode: "decimal", required: true })),
      h("button", { class: "action main", type: "submit" }, "Set")) : null),
  );
}

run(draw);
