// What people say of an anomaly: who looks after it, until when it is silent, and what it was; with the forms to say so.
import { action, at, field, h, problem, put, remove, said as told, section } from "./lib.js";

const HOURS = [[1, "1 hour"], [4, "4 hours"], [24, "1 day"], [168, "7 days"]];
const VERDICTS = [["true", "true: something went wrong"], ["false", "false: nothing did"], ["planned", "planned: it was meant to be"]];

function sentence(kind, note) {
  const words = {
    acknowledgement: () => ["acknowledged: no further notices until its severity rises"],
    silence: () => (note.until > Date.now() ? ["silent until ", at(note.until)] : ["was silent until ", at(note.until)]),
    feedback: () => [`feedback: ${note.verdict}`],
  }[kind]();
  return h("li", {}, ...words, ", says ", h("b", {}, note.by), " ", at(note.at), note.words ? `: “${note.words}”` : "");
}

// The same in a few words, for a row of a table.
export function lookedAfter({ acknowledgement, silence, feedback }) {
  const found = [
    acknowledgement && h("div", {}, "acknowledged by ", h("b", {}, acknowledgement.by)),
    silence && silence.until > Date.now() && h("div", {}, "silent until ", at(silence.until), ", by ", h("b", {}, silence.by)),
    feedback && h("div", {}, `judged ${feedback.verdict} by `, h("b", {}, feedback.by)),
  ].filter(Boolean);
  return found.length ? found : h("span", { class: "faint" }, "nobody yet");
}

// The forms are made once and stay as they are while the page is drawn anew: nobody loses what is being typed.
export class Said {
  constructor(id, redraw) {
    this.path = (kind) => `/anomalies/${id}/${kind}`;
    this.redraw = redraw;
    this.list = h("ul", { class: "said-list" });
    this.forms = h("div", {});
    this.element = section("What people say", this.list, this.forms);
    this.shown = "";
  }

  show(anomaly, mayEdit) {
    const notes = Object.entries(anomaly.notes).filter(([, note]) => note);
    this.list.replaceChildren(...(notes.length ? notes.map(([kind, note]) => sentence(kind, note)) : [h("li", { class: "faint" }, "Nobody has said anything.")]));
    const open = anomaly.state !== "resolved";
    const shape = JSON.stringify([mayEdit, open, notes.map(([kind]) => kind)]);
    if (shape === this.shown) return;
    this.shown = shape;
    this.forms.replaceChildren(...(mayEdit ? [this.form(open), ...notes.map(([kind]) => this.undo(kind))] : []));
  }

  async say(button, work, words) {
    button.disabled = true;
    try {
      await work();
      told(words);
      setTimeout(this.redraw, 500); // the projection follows the topic in a moment
    } catch (error) {
      problem(error);
    } finally {
      button.disabled = false;
    }
  }

  form(open) {
    const words = h("input", { name: "words", maxlength: 1000 });
    const hours = h("select", { name: "hours" }, HOURS.map(([value, text]) => h("option", { value }, text)));
    const verdict = h("select", { name: "verdict" }, VERDICTS.map(([value, text]) => h("option", { value }, text)));
    const body = (more = {}) => ({ ...more, ...(words.value ? { words: words.value } : {}) });
    const until = () => new Date(Date.now() + Number(hours.value) * 3_600_000).toISOString();
    const button = (text, work, done) => action(text, (event) => this.say(event.target, work, done));
    return h("form", { class: "controls", onsubmit: (event) => event.preventDefault() },
      field("why, in words", words),
      ...(open ? [
        button("Acknowledge", () => put(this.path("acknowledgement"), body()), "Acknowledged: no further notices until its severity rises."),
        field("for", hours),
        button("Silence", () => put(this.path("silence"), body({ until: until() })), "Silent: no notices until then."),
      ] : []),
      field("it was", verdict),
      button("Give feedback", () => put(this.path("feedback"), body({ verdict: verdict.value })), "Thank you: it is kept with the anomaly."));
  }

  undo(kind) {
    return action(`Take back the ${kind}`, (event) => this.say(event.target, () => remove(this.path(kind)), `The ${kind} is taken back.`));
  }
}
