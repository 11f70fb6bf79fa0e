// Policies: what each asks of the learned rules, what it would have done lately, and which never can tell anything.
import { asked, burnCell, choice, count, get, go, h, link, money, run, section, show, table } from "./lib.js";

const any = (name) => (name === "*" ? h("span", { class: "faint" }, "any") : name);
const fired = (row) => (row.inert ? h("span", { class: "badge warm wrap" }, row.last_could_fire) : row.last_could_fire);
const quiet = (row) => (row.quiet.length ? `${row.quiet.join(", ")} (${row.time_zone})` : "none");
const told = (row) => (row.newest ? link(`/anomalies/${row.newest}`, count(row.would_tell), { "aria-label": `the newest of ${row.would_tell} of ${row.name}` }) : "0");

run(async () => {
  const { days = "7" } = asked();
  const found = await get("/policies", { days });
  show(
    h("form", { class: "controls", onsubmit: (event) => event.preventDefault() },
      choice("looking back", [["7", "7 days"], ["30", "30 days"], ["90", "90 days"]], days, (value) => go({ days: value }))),
    section(`What each would have done in the last ${days} days`,
      h("p", { class: "faint" }, `${count(found.incidents)} incidents of the learned rules were told in that time. Each counts for the first policy here that fits its agent.`),
      table("Policies", [
        { name: "policy", wide: true, cell: (row) => [row.name, h("div", { class: "faint small" }, `version ${row.version}, ${row.source}`)] },
        { name: "organisation", cell: (row) => any(row.org_id) },
        { name: "agent", cell: (row) => any(row.agent_id) },
        { name: "agents", number: true, cell: (row) => count(row.agents) },
        { name: "would tell", number: true, cell: told },
        { name: "would hold", number: true, cell: (row) => count(row.would_hold) },
        { name: "last could have fired", wide: true, cell: fired },
        { name: "sensitivity", number: true, cell: (row) => `×${row.sensitivity}` },
        { name: "told from", number: true, cell: (row) => money(row.minimum_spend_usd) },
        { name: "agent's line, USD/h", number: true, cell: (row) => (row.agent_usd_per_hour === null ? "none" : burnCell(row.agent_usd_per_hour)) },
        { name: "quiet", cell: quiet },
      ], found.rows, { empty: "None is published: the learned rules judge everybody alike. burnline policies apply FILE publishes some." })),
  );
}, 10000);
