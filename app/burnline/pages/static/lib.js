// What all pages share: questions to the API, elements, amounts and moments, freshness, and who looks.
export const API = "/api/v1/finops";

export class Refused extends Error {
  constructor(problem, status) {
    super(problem.detail || problem.title || `The API answered ${status}.`);
    this.status = status;
  }
}

export function query(params = {}) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== null && one !== "") search.append(name, one);
    }
  }
  const text = search.toString();
  return text ? `?${text}` : "";
}

export const part = (name) => encodeURIComponent(name);

async function ask(method, path, { body, headers = {} } = {}) {
  let answer;
  try {
    answer = await fetch(API + path, {
      method,
      headers: body === undefined ? headers : { "Content-Type": "application/json", ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
    });
  } catch {
    throw new Refused({ detail: "The API does not answer. It is tried again." }, 0);
  }
  if (answer.status === 401 && !headers.Authorization) {
    const here = location.pathname + location.search;
    location.assign(`/sign-in${query({ next: here })}`);
  }
  if (!answer.ok) {
    const problem = await answer.json().catch(() => ({}));
    throw new Refused(problem, answer.status);
  }
  return answer.status === 204 ? null : answer.json();
}

export async function get(path, params) {
  const answer = await ask("GET", path + query(params));
  if (answer && answer.lag) showFreshness(answer);
  return answer;
}
export const put = (path, body, params) => ask("PUT", path + query(params), { body });
export const remove = (path, params) => ask("DELETE", path + query(params));
export const signIn = (token) => ask("POST", "/me/cookie", { headers: { Authorization: `Bearer ${token}` } });


// ---- Elements. Text is always text: nothing that a publisher wrote is read as HTML.
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const $ = (id) => document.getElementById(id);
// Draws the page anew. Who is typing meanwhile goes on in the field of the same name.
export function show(...children) {
  const typing = document.activeElement?.matches("#content input[name]") ? document.activeElement : null;
  $("content").replaceChildren(...children.flat().filter(Boolean));
  const field = typing && $("content").querySelector(`input[name="${CSS.escape(typing.name)}"]`);
  if (!field) return;
  field.value = typing.value;
  field.focus();
}
export const link = (href, text, props = {}) => h("a", { href, ...props }, text);

export function problem(error) {
  $("problem").replaceChildren(...(error ? [h("p", { class: "problem" }, error.message)] : []));
  document.body.classList.toggle("stale-content", Boolean(error));
  if (error && !(error instanceof Refused)) console.error(error);
}

export function said(text) {
  $("problem").replaceChildren(h("p", { class: "said", role: "status" }, text));
}

// ---- Amounts: short on the page, whole in the tip.
const digits = (value, least, most = least) => value.toLocaleString("en-US", { minimumFractionDigits: least, maximumFractionDigits: most });

// Cents from ten cents on; below that two digits that say something.
export function shortUsd(text) {
  const value = Number(text);
  const size = Math.abs(value);
  const sign = value < 0 ? "−" : "";
  if (size === 0 || size >= 0.095) return `${sign}$${digits(size, 2)}`;
  return `${sign}$${size.toLocaleString("en-US", { minimumFractionDigits: 2, maximumSignificantDigits: 2 })}`;
}
const notKnown = () => h("span", { class: "faint" }, "not known");

export function usd(text, { per = "" } = {}) {
  if (text === null || text === undefined) return notKnown();
  return h("span", { title: `${text} USD${per}` }, `${shortUsd(text)}${per}`);
}
export const perHour = (text) => usd(text, { per: "/h" });

// In a column points stand below each other (`aligned`): four places below a dollar, two above.
export function money(text) {
  if (text === null || text === undefined) return notKnown();
  const size = Math.abs(Number(text));
  const tip = { title: `${text} USD` };
  if (size > 0 && size < 0.00005) return h("span", tip, "<$0.0001");
  const sign = Number(text) < 0 ? "−" : "";
  const places = size > 0 && size < 1 ? 4 : 2;
  return h("span", { ...tip, "data-places": places }, `${sign}$${digits(size, places)}`);
}
export function burnCell(text) {
  if (text === null || text === undefined) return notKnown();
  const value = Number(text);
  return h("span", { title: `${text} USD per hour` }, value > 0 && value < 0.005 ? "<$0.01" : `$${digits(value, 2)}`);
}
// A rate as it is written, to the last digit, with its point below the others'.
export function rateCell(text) {
  if (text === null || text === undefined) return "–";
  const places = Math.max(2, (String(text).split(".")[1] ?? "").length);
  return h("span", { "data-places": places }, places === 2 ? digits(Number(text), 2) : String(text));
}

// Gives each amount of a column the room of the places that others have.
function aligned(cells) {
  const amounts = cells.map((cell) => cell.querySelector("[data-places]")).filter(Boolean);
  const most = Math.max(...amounts.map((amount) => Number(amount.dataset.places)));
  for (const amount of amounts) {
    const missing = most - Number(amount.dataset.places);
    if (missing) amount.append(h("span", { class: "room", "aria-hidden": "true" }, "0".repeat(missing)));
  }
}
export const count = (value) => Number(value).toLocaleString("en-US");
export const percent = (text) => (text === null ? "–" : `${(Number(text) * 100).toFixed(1)} %`);

export function ratio(text, multiplier) {
  if (text === null) return h("span", { class: "badge warm" }, "no baseline");
  const value = Number(text);
  const kind = value > Number(multiplier) ? "hot" : value > 1 ? "warm" : "calm";
  const words = { hot: "above the line", warm: "above baseline", calm: "usual" }[kind];
  return h("span", { class: `badge ${kind}`, title: `${words}; an anomaly begins above ×${multiplier}` },
    `×${value < 10 ? value.toFixed(2) : Math.round(value)}`, h("span", { class: "faint" }, ` ${words}`));
}

export function severity(anomaly) {
  if (!anomaly) return "";
  const kind = anomaly.state === "resolved" ? "calm" : anomaly.severity === "critical" ? "hot" : "warm";
  return h("span", { class: `badge ${kind}` }, anomaly.state === "resolved" ? "resolved" : `${anomaly.severity}, ${anomaly.state}`);
}

export const NAMES = { org_id: "organisation", agent_id: "agent", team_id: "team", project_code: "project", provider: "provider", model: "model", kind: "kind" };

// ---- Moments.
export const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
const clock = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium", timeZone: zone });
const hour = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium", timeZone: zone });
const day = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeZone: zone });
// Of today the time is enough.
const moment = (ms) => (day.format(ms) === day.format(Date.now()) ? hour : clock).format(ms);
export const at = (ms) => h("time", { datetime: new Date(ms).toISOString(), title: `${clock.format(ms)} ${zone}, ${new Date(ms).toISOString()}` }, moment(ms));
export function span(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 90) return `${s} s`;
  if (s < 5400) return `${Math.round(s / 60)} min`;
  return `${(s / 3600).toFixed(1)} h`;
}

// ---- Freshness: always in sight; what is old looks old.
const STALE_S = 30;
let heard = null;
export function showFreshness(answer) {
  heard = { at: performance.now(), answer };
  drawFreshness();
}
function drawFreshness() {
  if (!heard) return;
  const { as_of, lag, unpriced } = heard.answer;
  const age = lag.seconds + (performance.now() - heard.at) / 1000;
  const stale = age > STALE_S;
  const words = [
    as_of ? `as of ${moment(Date.parse(as_of))}` : "no events yet",
    `${span(age * 1000)} behind`,
    `${count(lag.events)} events waiting`,
  ];
  if (unpriced.tokens) words.push(`${count(unpriced.tokens)} tokens unpriced (${shortUsd(unpriced.low_usd)} to ${shortUsd(unpriced.high_usd)})`);
  const text = (stale ? "STALE: " : "") + words.join(" · ");
  const place = $("freshness");
  if (place.textContent !== text) place.textContent = text;
  place.classList.toggle("stale", stale);
  place.classList.toggle("live", !stale);
  document.body.classList.toggle("old-content", stale);
}
setInterval(drawFreshness, 1000);

// ---- Tables. columns: [{name, cell(row), number, wide}]; the caption is read out, and shown if it says more than the heading.
export function table(caption, columns, rows, { empty = "Nothing.", told = false } = {}) {
  const place = { class: "scroll", tabindex: "0", role: "region", "aria-label": caption };
  if (!rows.length) return h("div", place, told ? h("p", { class: "faint small" }, caption) : null, h("p", { class: "empty" }, empty));
  const head = columns.map((column) => h("th", { scope: "col", class: column.number ? "number" : null }, column.name || h("span", { class: "unseen" }, "more")));
  const body = rows.map((row) =>
    h("tr", {}, columns.map((column) => h("td", { class: column.number ? "number" : column.wide ? "name" : null }, column.cell(row)))));
  columns.forEach((column, index) => { if (column.number) aligned(body.map((row) => row.children[index])); });
  return h("div", place,
    h("table", { class: columns.length < 6 ? "few" : null }, h("caption", { class: told ? null : "unseen" }, caption), h("thead", {}, h("tr", {}, head)), h("tbody", {}, body)));
}

// `text`: no number, so it is set smaller; `hot`: it asks for somebody.
export function tile(name, figure, note = "", { text = false, hot = false } = {}) {
  return h("div", { class: hot ? "tile hot" : "tile" }, h("p", { class: "name" }, name), h("p", { class: text ? "figure text" : "figure" }, figure), h("p", { class: "note" }, note));
}

export const section = (title, ...children) => h("section", {}, h("h2", {}, title), ...children);
export const action = (text, onclick, props = {}) => h("button", { class: "action", type: "button", onclick, ...props }, text);
export const field = (name, input) => h("label", {}, name, input);

export function choice(name, options, chosen, onchange) {
  return field(name, h("select", { onchange: (event) => onchange(event.target.value) },
    options.map(([value, text]) => h("option", { value, selected: value === chosen }, text))));
}

export function sessionLink(row) {
  return link(`/sessions/${part(row.session_id)}${query({ org_id: row.org_id })}`, row.session_id);
}
// A session, and below it whose it is.
export const sessionCell = (row) => [sessionLink(row), h("div", { class: "faint small" }, row.org_id, " / ",
  link(`/sessions${query({ org_id: row.org_id, agent_id: row.agent_id })}`, row.agent_id, { "aria-label": `sessions of ${row.org_id} ${row.agent_id}` }))];
export const chargeLink = (source) => link(`/charges/${source.partition}/${source.offset}`, `${source.topic || ""} ${source.partition}/${source.offset}`.trim());

// ---- Who looks.
let mine = null;
export async function me() {
  if (mine) return mine;
  mine = await get("/me");
  const who = $("who");
  if (mine.subject === "anonymous") who.textContent = "on this machine";
  else who.replaceChildren(`${mine.subject}, ${mine.role}${mine.orgs ? `, ${mine.orgs.join(", ") || "no organisation"}` : ""} `,
    link("/sign-in/out", "Sign out", { class: "action" }));
  return mine;
}

// ---- The page's question stands in its address, so that links and the back button work.
export const asked = () => Object.fromEntries(new URLSearchParams(location.search));
export function go(change) {
  const params = { ...asked(), ...change };
  history.pushState(null, "", location.pathname + query(params));
  dispatchEvent(new PopStateEvent("popstate"));
}

// Draw now, again when the address changes, and every so many ms; a failure is said and tried again.
export function run(draw, everyMs = 0) {
  let drawing = false;
  let changed = false;
  const once = async () => {
    if (drawing || document.hidden) return;
    drawing = true;
    do {
      changed = false;
      try {
        await draw();
        if (document.querySelector("#problem .problem")) problem(null);
      } catch (error) {
        problem(error);
      }
    } while (changed); // the address did meanwhile: what was drawn answers another question
    drawing = false;
  };
  addEventListener("popstate", () => { changed = true; once(); });
  document.addEventListener("visibilitychange", once);
  if (everyMs) setInterval(once, everyMs);
  me().catch(problem);
  return once();
}
