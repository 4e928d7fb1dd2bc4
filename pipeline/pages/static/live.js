// Asks for the page again while somebody looks at it, and replaces the panels that have changed; the rest of the
// page, with what is focused, selected or opened on it, stays.
"use strict";
(() => {
  const seconds = Number(document.body.dataset.live || 0);
  const told = document.getElementById("live");
  const pause = document.getElementById("pause");
  const theme = document.getElementById("theme");
  let paused = false, mark = "", misses = 0;
  const say = (text) => { if (told.textContent !== text) told.textContent = text; };

  // whether all of it is shown now: what somebody reads or types in stays, and is asked for again
  function replace(fresh) {
    let whole = true;
    const selection = getSelection();
    for (const panel of fresh.querySelectorAll("[data-digest]")) {
      const old = document.getElementById(panel.id);
      if (!old || old.dataset.digest === panel.dataset.digest) continue;
      const focused = document.activeElement;
      const typing = old.contains(focused) && /^(INPUT|TEXTAREA|SELECT|BUTTON)$/.test(focused.tagName);
      if (typing || (!selection.isCollapsed && old.contains(selection.anchorNode))) { whole = false; continue; }
      const opened = [...old.querySelectorAll("details")].map((one) => one.open);
      window.charts.forget(old);
      old.replaceWith(panel);
      panel.querySelectorAll("details").forEach((one, i) => { one.open = opened[i] ?? one.open; });
      panel.classList.add("changed");
      window.charts.drawAll(panel.id === "meanwhile" ? document : panel);
    }
    const then = fresh.getElementById("window"), now = document.getElementById("window");
    if (then && now) now.textContent = then.textContent;
    return whole;
  }

  async function look() {
    if (paused || document.hidden) return;
    try {
      const headers = mark ? { "if-none-match": mark } : {};
      const answer = await fetch(location.href, { headers, credentials: "same-origin", cache: "no-store",
        signal: AbortSignal.timeout(30000) });
      if (paused) return;
      if (answer.status === 401 || answer.redirected) { location.reload(); return; }
      if (answer.status === 202) { misses = 0; say("Being worked out"); return; }
      if (answer.status !== 200 && answer.status !== 304) throw new Error(String(answer.status));
      if (answer.status === 200) {
        const whole = replace(new DOMParser().parseFromString(await answer.text(), "text/html"));
        mark = whole ? answer.headers.get("etag") || "" : "";
      }
      misses = 0;
      say("Live");
      told.classList.remove("lost");
    } catch {
      misses += 1;
      say("No answer: these are older figures");
      told.classList.add("lost");
    }
  }

  async function turn() {
    await look();
    // somebody who does not answer is asked less often
    setTimeout(turn, seconds * 1000 * Math.min(12, 1 + misses));
  }

  if (seconds) {
    told.textContent = "Live";
    pause.hidden = false;
    pause.addEventListener("click", () => {
      paused = !paused;
      pause.setAttribute("aria-pressed", String(paused));
      told.textContent = paused ? "Paused" : "Live";
    });
    setTimeout(turn, seconds * 1000);
  }

  // what is said once is not said to whoever is sent the address
  const here = new URL(location.href);
  if (here.searchParams.has("said")) {
    here.searchParams.delete("said");
    history.replaceState(null, "", here);
  }

  const dark = () => document.documentElement.dataset.theme
    ? document.documentElement.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const name = () => { theme.textContent = dark() ? "Light" : "Dark"; };
  theme.hidden = false;
  name();
  theme.addEventListener("click", () => {
    const next = dark() ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    try { localStorage.setItem("theme", next); } catch { /* it holds for this page */ }
    name();
    window.charts.drawAll(document);
  });

  // what is chosen is shown at once; without a script there is the button
  for (const form of document.querySelectorAll("form.choices")) {
    form.addEventListener("change", (event) => {
      if (event.target.name === "workspace") {
        for (const other of form.querySelectorAll("select:not([name=workspace]):not([name=hours])")) other.value = "";
      }
      if (event.target.tagName === "SELECT") form.requestSubmit();
    });
    form.addEventListener("submit", () => {
      // what is not chosen, or is as the page has it by itself, isn't in the address
      for (const field of form.elements) {
        if (field.name && (!field.value || field.value === field.dataset.usual)) field.disabled = true;
      }
    });
    addEventListener("pageshow", () => { for (const field of form.elements) field.disabled = false; });
  }
})();
