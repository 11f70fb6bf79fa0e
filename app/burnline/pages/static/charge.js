// One event of the log.
import { $, get, run, show } from "./lib.js";
import { explained } from "./explained.js";

const [partition, offset] = location.pathname.split("/").slice(-2);
$("title").textContent = `Event ${partition}/${offset}`;
run(async () => show(explained(await get(`/charges/${partition}/${offset}`), "What this event cost, and why")));
