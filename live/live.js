// Keeps the page up to date. The body comes escaped from the server, as in the page itself.
"use strict";
(() => {
  const body = document.getElementById("body");
  const pulse = document.getElementById("pulse");
  let stream, again;

  const say = (how, words) => {
    pulse.className = "pulse " + how;
    pulse.textContent = words;
  };

  // busy: a click that has begun, or words that are being selected, must not lose what is under them.
  const busy = () => {
    const chosen = getSelection();
    return body.querySelector(":active") || (!chosen.isCollapsed && body.contains(chosen.anchorNode));
  };

  const show = (event) => {
    if (busy()) {
      say("on", "live, held while you select");
      return;
    }
    const focused = body.contains(document.activeElement) ? document.activeElement.id : "";
    const scrolled = [...body.querySelectorAll(".card")].map((card) => card.scrollLeft);
    body.innerHTML = event.data;
    body.querySelectorAll(".card").forEach((card, i) => { card.scrollLeft = scrolled[i] || 0; });
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
    say("on", "live");
  };

  const close = () => {
    clearTimeout(again);
    stream?.close();
    stream = undefined;
  };

  const open = () => {
    close();
    stream = new EventSource("events" + location.search);
    stream.addEventListener("body", show);
    stream.onerror = () => {
      say("off", "not up to date");
      if (stream.readyState === EventSource.CLOSED) again = setTimeout(open, 10000); // refused
    };
  };

  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  addEventListener("pagehide", close);
  addEventListener("pageshow", (event) => { if (event.persisted) open(); });
  if (!document.hidden) open();
})();
