// One stream for all tabs of a browser: HTTP/1.1 allows six connections to a host, and each stream holds one.
//
// The tab that holds the lock reads the stream and tells the others over a BroadcastChannel; when it closes, the
// next one takes over. A frame says since which frame it tells (`since`); a tab that is behind that asks once for
// what it lacks. Where there are no locks (plain HTTP from another machine) each tab that is seen has its own
// stream, and hidden tabs have none.

const SILENT_MS = 12_000;  // heartbeats come every 5 s: a leader that is silent for so long is frozen

/** Follow the live page: show(frame) for each, lose() when the connection is gone, end() after a log-out.
    Tabs of one `channel` (the same session and language) share a stream; `have` names the frame that the page shows. */
export function follow({ language, channel: name, have, show, lose, end }) {
  const path = "/api/v1/live";
  const channel = "BroadcastChannel" in window ? new BroadcastChannel(name) : null;
  let source = null, heard = performance.now(), asking = false;

  const number = (frame) => Number(frame.split("-")[1] ?? -1);
  const boot = (frame) => frame.split("-")[0];
  const fits = ({ since }) => since === "" || (boot(since) === boot(have) && number(since) <= number(have));

  async function catchUp() {
    if (asking) return;
    asking = true;
    try {
      const answer = await fetch(`${path}/since?${new URLSearchParams({ lang: language, have })}`);
      if (answer.ok) take(await answer.json());
    } catch {
      // no network: what comes next tries again
    } finally {
      asking = false;
    }
  }

  function take(frame) {
    heard = performance.now();
    if (!fits(frame)) {
      catchUp();
      return;
    }
    if (boot(frame.frame) === boot(have) && number(frame.frame) < number(have)) return;  // known already
    have = frame.frame;
    show(frame);
  }

  function open() {
    if (source) return;
    source = new EventSource(`${path}?${new URLSearchParams({ lang: language, have })}`);
    source.addEventListener("frame", (event) => {
      channel?.postMessage({ kind: "frame", text: event.data });
      take(JSON.parse(event.data));
    });
    source.addEventListener("end", () => {
      channel?.postMessage({ kind: "end" });
      close();
      end();
    });
    source.addEventListener("error", () => {
      if (source?.readyState === EventSource.CLOSED) {
        close();
        lose();
        setTimeout(open, SILENT_MS);
      }
    });
  }

  function close() {
    source?.close();
    source = null;
  }

  channel?.addEventListener("message", ({ data }) => {
    if (source) return;
    if (data.kind === "end") end();
    else take(JSON.parse(data.text));
  });

  if (channel && navigator.locks) {
    navigator.locks.request(name, () => {
      open();
      return new Promise(() => {});  // until this tab is closed
    });
    setTimeout(() => { if (!source) catchUp(); }, 300);
    setInterval(() => {
      if (source || performance.now() - heard < SILENT_MS || document.hidden) return;
      heard = performance.now();
      open();  // whoever has the lock is frozen: better a stream too many
    }, 1000);
    return;
  }
  const seen = () => (document.hidden ? close() : open());
  document.addEventListener("visibilitychange", seen);
  seen();
}
