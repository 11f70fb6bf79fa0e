// The API's stream of server-sent events, kept open for as long as the page is looked at.
import { API, query } from "./lib.js";

export function listen(handlers, params = {}) {
  let source = null;
  const open = () => {
    source = new EventSource(`${API}/stream${query(params)}`);
    for (const [name, handler] of Object.entries(handlers)) {
      source.addEventListener(name, (event) => handler(JSON.parse(event.data)));
    }
  };
  const follow = () => {
    if (document.hidden) { source?.close(); source = null; }
    else if (!source || source.readyState === EventSource.CLOSED) open();
  };
  document.addEventListener("visibilitychange", follow);
  setInterval(follow, 5000); // a stream that was refused is not opened again by the browser itself
  follow();
}
