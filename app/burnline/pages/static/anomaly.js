// One anomaly: how it went on, both windows against the line, and the event that crossed it.
import { $, at, burnCell, chargeLink, get, h, me, money, ratio, run, section, sessionLink, severity, show, span, table, tile, usd } from "./lib.js";
import { controlOf, controlTile } from "./control.js";
import { Chart, limit, line } from "./chart.js";
import { explained } from "./explained.js";
import { Said } from "./said.js";

const id = location.pathname.split("/").at(-1);
let chart = null;
const said = new Said(id, () => draw());
const top = h("div", {}), below = h("div", {}), event = h("div", {});
let evidence = "";

function windows(notice) {
  return Object.entries(notice.burn_usd_per_hour);
}

async function draw() {
  const who = await me();
  const { anomaly, timeline } = await get(`/anomalies/${id}`);
  const control = await controlOf(anomaly);
  const learned = anomaly.learned;
  $("title").textContent = `Anomaly ${anomaly.subject ? `of ${anomaly.scope} ${anomaly.subject}` : anomaly.scope === "agent" ? `of ${anomaly.agent_id}` : `in ${anomaly.session_id}`}`;
  if (!chart) {
    chart = new Chart("Burn at each notice against the line, USD per hour", {
      series: [...windows(anomaly).map(([name], index) => ({ ...line(`over ${name}`, index ? "--warm" : "--series", { width: 1.5 }), dash: [2, 4], points: { show: true, size: 8 } })), limit("line")],
      rows: (data) => ({
        columns: [{ name: "at", cell: (row) => at(row[0] * 1000) }, ...windows(anomaly).map(([name], index) => ({ name: `over ${name}`, number: true, cell: (row) => row[index + 1].toFixed(4) })), { name: "line", number: true, cell: (row) => row.at(-1).toFixed(2) }],
        rows: data[0].map((_, index) => data.map((values) => values[index])),
      }),
    });
    show(top, said.element, section("Both windows against the line", chart.element,
      h("p", { class: "faint small" }, "A dot is a notice. What burned between two of them is not kept; the dotted lines only join them.")), below, event);
  }
  const lines = timeline.map((notice) => Number(notice.baseline_usd_per_hour) * Number(notice.multiplier));
  chart.set([timeline.map((notice) => notice.updated_at / 1000), ...windows(anomaly).map((_, index) => timeline.map((notice) => Number(windows(notice)[index][1]))), lines]);
  const last = timeline.at(-1);
  said.show(anomaly, who.may_edit);
  top.replaceChildren(anomaly.summary ? h("p", { class: "lead" }, anomaly.summary) : "", h("div", { class: "tiles" },
    tile("State", severity(anomaly), anomaly.resolved_by ? `resolved by ${anomaly.resolved_by === "clock" ? "the clock: nothing came any more" : "event time"}` : "open"),
    tile("Session", sessionLink(anomaly), `${anomaly.org_id} / ${anomaly.agent_id}`, { text: true }),
    tile("Since", at(anomaly.opened_at), anomaly.state === "resolved" ? `lasted ${span(last.updated_at - anomaly.opened_at)}` : `${span(Date.now() - anomaly.opened_at)} ago`, { text: true }),
    learned
      ? tile("Spent", usd(anomaly.spend_usd), learned.excess_usd === null ? "what is usual is not known" : `${learned.excess_usd} USD above usual`)
      : tile("Spent by the session", usd(anomaly.spend_usd), `baseline ${anomaly.baseline_source}: ${anomaly.baseline_usd_per_hour} USD/h × ${anomaly.multiplier}`),
    controlTile(control)),
    ...(learned ? [h("p", {}, `${learned.summary} Out of range: ${learned.statistic.replaceAll("_", " ")}, learned from ${learned.learned_from}.${learned.suggested ? " Suggested: sent to nobody." : ""}`)] : []));
  below.replaceChildren(...(learned && Object.keys(learned.change_usd_per_hour).length ? [section("What changed", table("The change in USD per hour, by cause", [
    { name: "cause", cell: ([cause]) => cause },
    { name: "USD/h", number: true, cell: ([, change]) => change },
  ], Object.entries(learned.change_usd_per_hour)))] : []), ...(anomaly.members ? [section("What it is made of", table("Members, by what each spends above its usual in an hour", [
    { name: "member", cell: (member) => `${member.scope} ${member.name}` },
    { name: "USD/h above usual", number: true, cell: (member) => perHour(member.excess_usd_per_hour) },
  ], anomaly.members))] : []), section("How it went on", table("Notices", [
    { name: "#", number: true, cell: (notice) => notice.revision },
    { name: "state", cell: severity },
    { name: "at", cell: (notice) => at(notice.updated_at) },
    ...windows(anomaly).map(([name], index) => ({ name: `burn ${name}, USD/h`, number: true, cell: (notice) => burnCell(windows(notice)[index][1]) })),
    { name: "against baseline", cell: (notice) => ratio(notice.ratio, notice.multiplier) },
    { name: "spent so far", number: true, cell: (notice) => money(notice.spend_usd) },
    { name: "crossed by", cell: (notice) => chargeLink(notice.evidence) },
  ], timeline)));
  const first = timeline[0].evidence;
  const place = `/charges/${first.partition}/${first.offset}`;
  if (evidence !== place) {
    event.replaceChildren(explained(await get(place), "The event that crossed the line"));
    evidence = place;
  }
}

run(draw, 3000);
