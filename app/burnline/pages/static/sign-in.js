// Signing in with a token, which goes into a cookie that no script can read.
import { asked, field, h, problem, section, show, signIn } from "./lib.js";

const next = asked().next ?? "/";
const token = h("input", { type: "password", name: "token", required: true, autocomplete: "current-password", autofocus: true });
show(section("Who are you?",
  h("form", { class: "controls", onsubmit: async (event) => {
    event.preventDefault();
    try {
      await signIn(token.value.trim());
      location.assign(next.startsWith("/") && !next.startsWith("//") ? next : "/");
    } catch (error) {
      problem(error);
    }
  } }, field("token", token), h("button", { class: "action main", type: "submit" }, "Sign in")),
  h("p", { class: "faint" }, "A token is made with ", h("code", {}, "burnline tokens create --name me --role viewer"), ".")));
