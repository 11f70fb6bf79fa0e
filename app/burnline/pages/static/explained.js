// One event, explained: its tokens, its rate, the arithmetic.
import { at, h, section, sessionLink, table } from "./lib.js";

export function explained(charge, title) {
  const place = `${charge.topic}, partition ${charge.partition}, offset ${charge.offset}`;
  if (charge.dead_letter) {
    const { reason, field, detail } = charge.dead_letter;
    return section(title, h("p", {}, `${place}: no usage event (${reason}; ${field}: ${detail}).`), h("pre", {}, charge.value ?? ""));
  }
  const event = charge.event;
  return section(title,
    h("p", {}, `${place}: event ${event.event_id} of `, sessionLink(event), `, ${event.org_id} / ${event.agent_id}, `, at(event.occurred_at)),
    table(`${event.model}${event.provider ? ` at ${event.provider}` : ""}: ${charge.card ? `${charge.card.source}, ${charge.card.rule}` : ""}`, [
      { name: "part", cell: (step) => step.part },
      { name: "quantity", number: true, cell: (step) => step.quantity.toLocaleString("en-US") },
      { name: "rate, USD", number: true, cell: (step) => (step.rate_usd ? `${step.rate_usd} per ${step.per}` : "no rate") },
      { name: "amount", number: true, cell: (step) => (step.amount_usd ? `$${step.amount_usd}` : "not known") },
    ], charge.steps ?? [], { told: true }),
    charge.cost_usd === null ? "" : h("p", {}, "Together ", h("b", {}, `${charge.cost_usd} USD`), `. ${charge.standing}`),
    h("details", {}, h("summary", {}, "The record as it was sent"), h("pre", {}, charge.value ?? "")));
}
