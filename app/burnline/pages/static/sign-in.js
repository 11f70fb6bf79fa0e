// Signing in: at the issuer where there is one, or with a token, which goes into a cookie that no script can read.
import { asked, field, h, link, problem, query, Refused, section, show, signIn } from "./lib.js";

const FAILED = {
  again: "This sign-in was begun elsewhere, or too long ago. Begin again.",
  away: "The issuer cannot be reached now. Try again in a moment.",
  refused: "The issuer did not let you in.",
  role: "You are known, but have no role here: ask for one (viewer, editor or admin).",
  size: "What the issuer says of you is too long for a cookie: its administrator has to give this client fewer claims.",
};

const { next = "/", failed } = asked();
const then = next.startsWith("/") && !/^\/[/\\]/.test(next) ? next : "/";
if (failed) problem(new Refused({ detail: FAILED[failed] ?? FAILED.refused }, 0));

function withToken(alone) {
  const token = h("input", { type: "password", name: "token", required: true, autocomplete: "current-password", autofocus: alone });
  const form = h("form", { class: "controls", onsubmit: async (event) => {
    event.preventDefault();
    try {
      await signIn(token.value.trim());
      location.assign(then);
    } catch (error) {
      problem(error);
    }
  } }, field("token", token), h("button", { class: alone ? "action main" : "action", type: "submit" }, "Sign in"));
  return [form, h("p", { class: "faint" }, "A token is made with ", h("code", {}, "burnline tokens create --name me --role viewer"), ".")];
}

async function draw() {
  const { issuer } = await fetch("/sign-in/ways").then((answer) => answer.json());
  if (!issuer) return show(section("Who are you?", withToken(true)));
  return show(section("Who are you?",
    h("p", {}, link(`/sign-in/start${query({ next: then })}`, `Sign in at ${new URL(issuer).host}`, { class: "action main" })),
    h("details", {}, h("summary", {}, "With a token instead"), withToken(false))));
}

draw().catch(() => problem(new Refused({ detail: "The API does not answer. Reload the page to try again." }, 0)));
