// Follows what the page shows ([data-live]) by server-sent events, while the page can be seen.
// Progress, times and the log are written in place; anything else has podium.js draw the page again.
(() => {
  const POLL_MS = 15000;
  let followed = null; // { address, source } or, where the board refuses one more, { address, timer }

  const one = (name, root = document) => root.querySelector(`[data-${name}]`);
  const write = (name, text, root) => {
    const element = one(name, root);
    if (element && element.textContent !== text) element.textContent = text;
  };
  const count = (number) => number.toLocaleString("en-GB");

  function duration(seconds) {
    if (seconds === null || !Number.isFinite(seconds)) return "unknown";
    const whole = Math.max(0, Math.round(seconds));
    if (whole < 60) return `${whole} s`;
    if (whole < 3600) return `${Math.floor(whole / 60)} min`;
    const [hours, minutes, days] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, Math.floor(whole / 86400)];
    if (whole < 86400) return minutes ? `${hours} h ${minutes} min` : `${hours} h`;
    return `${days} day${days > 1 ? "s" : ""}`;
  }

  function left(utc) {
    if (!utc) return "unknown";
    const seconds = (Date.parse(utc) - Date.now()) / 1000;
    return seconds >= 1 ? duration(seconds) : "any moment";
  }

  const changed = () => document.dispatchEvent(new CustomEvent("podium-changed"));
  const redrawIf = (state) => {
    const shown = one("live")?.dataset.state;
    if (shown !== undefined && state !== shown) changed();
  };

  function showBar(progress, root) {
    const bar = one("bar", root);
    if (!bar || !progress?.total) return;
    const percent = Math.min(100, (100 * progress.done) / progress.total);
    bar.setAttribute("aria-valuenow", percent.toFixed(1));
    bar.firstElementChild.style.width = `${percent}%`;
    write("percent", `${Math.round(percent)} %`, root);
  }

  function element(tag, attributes, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  }

  function showTasks(tasks) {
    const body = one("tasks");
    if (!body || !tasks.length) return;
    body.parentElement.hidden = false;
    body.replaceChildren(...tasks.map((task) => element(
      "tr",
      { class: task.done >= task.total ? "done" : task.done ? "now" : "later" },
      element("td", {}, task.task),
      element("td", { class: "n num" }, `${count(task.done)} of ${count(task.total)}`),
    )));
  }

  function showLog(parts) {
    const log = one("log");
    if (!log) return;
    const atEnd = log.scrollTop + log.clientHeight > log.scrollHeight - 8;
    const open = new Set([...log.querySelectorAll("details[open]")].map((fold) => fold.id));
    log.replaceChildren(...parts.map((part, index) => {
      const lines = element("pre", part.summary ? {} : { class: part.kind }, part.text);
      if (!part.summary) return lines;
      const fold = element("details", { id: `fold-${index}` }, element("summary", {}, part.summary), lines);
      fold.open = open.has(fold.id);
      return fold;
    }));
    one("no-log")?.toggleAttribute("hidden", parts.length > 0);
    if (atEnd) log.scrollTop = log.scrollHeight;
  }

  let place = null;
  function showPlace(news) {
    place = { ...place, ...news };
    if (!place.queue_position) return;
    const start = place.expected_start ? `; expected start: ${left(place.expected_start)}` : "";
    const time = start && place.expected_seconds ? `, expected time: ${duration(place.expected_seconds)}` : "";
    write("place", `Number ${place.queue_position} in the queue${start}${time}.`);
  }

  const row = (id) => document.querySelector(`tr[data-id="${CSS.escape(id)}"]`);
  const SHOW = {
    status: ({ state }) => redrawIf(state),
    queue: ({ state }) => redrawIf(state),
    position: showPlace,
    expected(times) {
      showPlace(times);
      write("end", left(times.expected_end));
    },
    progress({ progress }) {
      if (!progress) return;
      showBar(progress, document);
      write("task", progress.task || "starting");
      if (progress.total) write("answered", `${count(progress.done)} of ${count(progress.total)} answered`);
      showTasks(progress.tasks);
    },
    log: ({ parts }) => showLog(parts),
    running({ running }) {
      for (const request of running) {
        const line = row(request.id);
        if (!line) continue;
        showBar(request.progress, line);
        write("task", request.progress?.task || "starting", line);
        write("end", left(request.expected_end), line);
      }
    },
    waiting({ waiting }) {
      for (const request of waiting) {
        const line = row(request.id);
        if (line) write("start", left(request.expected_start), line);
      }
    },
  };

  function stop() {
    followed?.source?.close();
    clearInterval(followed?.timer);
    followed = null;
    place = null;
  }

  function follow(address) {
    const source = new EventSource(address);
    followed = { address, source };
    for (const [name, show] of Object.entries(SHOW)) {
      source.addEventListener(name, (event) => show(JSON.parse(event.data)));
    }
    source.addEventListener("end", () => source.close());
    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED && followed?.source === source) {
        followed = { address, timer: setInterval(changed, POLL_MS) };
      }
    });
  }

  // The page is drawn, and drawn again, after this script came. A browser has few connections, so hidden pages let go.
  function settle() {
    const address = document.hidden ? undefined : one("live")?.dataset.live;
    if (address === followed?.address) return;
    stop();
    if (address) follow(address);
  }
  document.addEventListener("visibilitychange", settle);
  new MutationObserver(settle).observe(document, { childList: true, subtree: true });
  settle();
})();
