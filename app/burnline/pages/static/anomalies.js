// All anomalies of the last 90 days.
import { lookedAfter } from "./said.js";
import { action, asked, at, burnCell, chargeLink, choice, get, go, h, link, money, ratio, run, section, sessionCell, severity, show, table } from "./lib.js";

run(async () => {
  const { state, severity: severe, org_id, cursor } = asked();
  const page = await get("/anomalies", { state, severity: severe, org_id, cursor, limit: 50 });
  show(section("Anomalies of the last 90 days, the latest opening first",
    h("form", { class: "controls" },
      choice("state", [["", "any"], ["opened", "opened"], ["escalated", "escalated"], ["resolved", "resolved"]], state ?? "", (value) => go({ state: value, cursor: "" })),
      choice("severity", [["", "any"], ["warning", "warning"], ["critical", "critical"]], severe ?? "", (value) => go({ severity: value, cursor: "" }))),
    table("Anomalies", [
      { name: "state", cell: severity },
      { name: "session", wide: true, cell: sessionCell },
      { name: "opened", cell: (row) => at(row.opened_at) },
      { name: "changed", cell: (row) => at(row.updated_at) },
      { name: "burn then, USD/h", number: true, cell: (row) => burnCell(Object.values(row.burn_usd_per_hour)[0]) },
      { name: "against baseline", cell: (row) => ratio(row.ratio, row.multiplier) },
      { name: "spent", number: true, cell: (row) => money(row.spend_usd) },
      { name: "who looks after it", wide: true, cell: (row) => lookedAfter(row.notes) },
      { name: "crossed by", cell: (row) => chargeLink(row.evidence) },
      { name: "", cell: (row) => link(`/anomalies/${row.anomaly_id}`, "what happened", { "aria-label": `what happened in ${row.session_id}` }) },
    ], page.rows, { empty: "There has been none." }),
    h("p", {}, cursor ? action("First page", () => go({ cursor: "" })) : "", " ",
      page.next_cursor ? action("Next page", () => go({ cursor: page.next_cursor })) : "")));
}, 5000);
