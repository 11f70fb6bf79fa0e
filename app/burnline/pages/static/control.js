// What the runtime of a session is asked to do, as a tile: what is in force, or what would be asked if it were enforced.
import { at, get, h, part, tile } from "./lib.js";

export const controlOf = ({ session_id, org_id, agent_id }) => get(`/controls/${part(session_id)}`, { org_id, agent_id });

export function controlTile(verdict) {
  const asked = verdict.action ?? verdict.would;
  if (!asked) return tile("Control", "none", "its runtime is asked nothing", { text: true });
  const ends = verdict.expires_at ? [", until ", at(Date.parse(verdict.expires_at))] : [];
  const mode = verdict.action ? "in force" : "proposed, not enforced";
  return tile("Control", h("span", { class: `badge ${verdict.allowed ? "warm" : "hot"}` }, `${asked}, ${mode}`),
    h("span", {}, verdict.reason, ...ends, ` (${verdict.control})`));
}
