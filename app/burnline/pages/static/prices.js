// Prices: what models cost, by which rule, and rates of one's own, staged and then set together.
import { action, asked, at, field, get, go, h, me, money, part, put, query, rateCell, remove, run, said, section, show, table } from "./lib.js";

const staged = []; // {method, provider, model, body, from}
const FIELDS = [["input", "input_usd_per_million_tokens", true], ["output", "output_usd_per_million_tokens", true], ["cached input", "cached_input_usd_per_million_tokens"],
  ["cache write", "cache_write_usd_per_million_tokens"], ["reasoning", "reasoning_usd_per_million_tokens"]];

const tiers = (card) => table(`${card.provider || "any provider"} / ${card.model}: ${card.source}, ${card.rule}; USD per million tokens`, [
  { name: "input tokens of a request", cell: (tier) => (tier.above_input_tokens ? `more than ${tier.above_input_tokens.toLocaleString("en-US")}` : "any") },
  ...FIELDS.map(([name, key]) => ({ name, number: true, cell: (tier) => rateCell(tier[key]) })),
], card.tiers, { empty: "Unpriced: its tokens are counted, and cost nothing until there is a rate.", told: true });

async function commit() {
  const done = [];
  while (staged.length) {
    const { method, provider, model, body, from, org } = staged[0];
    const path = `/valuation-rates/${part(provider)}/${part(model)}`;
    await (method === "PUT" ? put(path, body) : remove(path, { effective_from: from, ...(org ? { org_id: org } : {}) }));
    done.push(`${provider}/${model}`);
    staged.shift();
  }
  said(`In force from the next event on: ${done.join(", ")}.`);
}

function stagedSection(redraw) {
  if (!staged.length) return null;
  return section(`${staged.length} staged`,
    table("What would change", [
      { name: "what", cell: (one) => (one.method === "PUT" ? "set" : "delete") },
      { name: "model", wide: true, cell: (one) => `${one.provider} / ${one.model}` },
      { name: "to", wide: true, cell: (one) => (one.body ? JSON.stringify(one.body) : one.from) },
    ], staged),
    h("p", {}, action("Set all of them", () => commit().then(redraw, (error) => { redraw(); throw error; }), { class: "action main" }), " ",
      action("Discard", () => { staged.length = 0; redraw(); })));
}

function setForm(provider, model, redraw) {
  const inputs = FIELDS.map(([name, key, needed]) => field(name, h("input", { name: key, inputmode: "decimal", required: needed, size: 8, placeholder: needed ? "USD" : "in proportion" })));
  return h("form", { class: "controls", onsubmit: (event) => {
    event.preventDefault();
    const given = Object.fromEntries([...new FormData(event.target)].filter(([, value]) => value !== ""));
    const { provider: p, model: m, effective_from, ...rates } = given;
    staged.push({ method: "PUT", provider: p, model: m, body: { effective_from: effective_from || "always", ...rates } });
    redraw();
  } },
    field("provider", h("input", { name: "provider", value: provider ?? "", required: true })),
    field("model", h("input", { name: "model", value: model ?? "", required: true })),
    ...inputs,
    field("from (ISO 8601, or always)", h("input", { name: "effective_from", value: "always" })),
    h("button", { class: "action main", type: "submit" }, "Stage"));
}

async function draw() {
  const { provider, model } = asked();
  const who = await me();
  const redraw = () => draw();
  const [set, used] = await Promise.all([get("/valuation-rates", { limit: 200 }), get("/allocations/by-model", { days: 30, limit: 30 })]);
  const wanted = used.allocations.map((row) => row.group).filter((group) => group.model);
  const cards = await Promise.all(wanted.map((group) => get(`/valuation-rates/${part(group.provider || "unknown")}/${part(group.model)}`).then((answer) => answer.card, () => null)));
  const asks = provider && model ? await get(`/valuation-rates/${part(provider)}/${part(model)}`) : null;
  show(
    section("What does a model cost?",
      h("form", { class: "controls", onsubmit: (event) => { event.preventDefault(); go(Object.fromEntries(new FormData(event.target))); } },
        field("provider", h("input", { name: "provider", value: provider ?? "", placeholder: "openai", required: true })),
        field("model", h("input", { name: "model", value: model ?? "", placeholder: "gpt-4o", required: true })),
        h("button", { class: "action main", type: "submit" }, "Show")),
      asks ? tiers(asks.card) : null),
    stagedSection(redraw),
    section("Models of the last 30 days",
      table("Base rates in force, USD per million tokens", [
        { name: "model", wide: true, cell: ({ group }) => h("a", { href: `/prices${query({ provider: group.provider || "unknown", model: group.model })}` }, group.model) },
        { name: "provider", wide: true, cell: ({ group }) => group.provider || "not named" },
        { name: "from", wide: true, cell: ({ card }) => (card ? (card.priced ? `${card.source}, ${card.rule}` : "unpriced") : "not known") },
        ...FIELDS.map(([name, key]) => ({ name, number: true, cell: ({ card }) => rateCell(card?.tiers[0]?.[key]) })),
        { name: "spent", number: true, cell: ({ row }) => money(row.cost_usd) },
      ], wanted.map((group, index) => ({ group, card: cards[index], row: used.allocations[index] })), { empty: "No model was used." })),
    section("Rates of your own; they go before the catalogue",
      table("Rates that were set", [
        { name: "model", wide: true, cell: (row) => `${row.provider} / ${row.model}` },
        { name: "for", wide: true, cell: (row) => row.org_id ?? "all" },
        { name: "from", cell: (row) => row.effective_from },
        { name: "costs", wide: true, cell: (row) => (row.multiplier ? `${row.multiplier} times` : row.same_as ? `as ${row.same_as}` : "its rates") },
        { name: "state", cell: (row) => row.state ?? "" },
        ...FIELDS.map(([name, key]) => ({ name, number: true, cell: (row) => rateCell(row[key]) })),
        { name: "", cell: (row) => (who.may_edit ? action("Stage deletion", () => { staged.push({ method: "DELETE", provider: row.provider, model: row.model, from: row.effective_from, org: row.org_id }); redraw(); }, { "aria-label": `stage deletion of ${row.provider} ${row.model}` }) : "") },
      ], set.rows, { empty: "None: every price is the catalogue's." }),
      who.may_edit ? setForm(provider, model, redraw) : null),
  );
}

run(draw);
