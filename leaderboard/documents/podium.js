// What every page does in the browser: keep the benchmark in addresses, change the view in place, copy.
(() => {
  const parameters = () => new URLSearchParams(location.search);

  function keepBenchmark(root) {
    const benchmark = parameters().get("benchmark");
    const chosen = benchmark && root.querySelector(`a[data-benchmark="${CSS.escape(benchmark)}"]`);
    if (chosen && !chosen.hasAttribute("aria-current")) {
      root.querySelector("a[data-benchmark][aria-current]")?.removeAttribute("aria-current");
      chosen.setAttribute("aria-current", "true");
      root.querySelector("[data-chosen]").textContent = chosen.textContent;
    }
    root.querySelectorAll("select[data-benchmark]").forEach((select) => {
      if (benchmark && select.value !== benchmark) select.value = benchmark;
    });
    if (!benchmark) return;
    root.querySelectorAll("a[data-keep]").forEach((link) => {
      const target = new URL(link.href);
      if (target.searchParams.get("benchmark") === benchmark) return;
      target.searchParams.set("benchmark", benchmark);
      link.href = target.pathname + target.search;
    });
  }

  function changeBenchmark(select) {
    const root = document.documentElement.dataset.root;
    const page = location.pathname.slice(root.length).split("/")[1];
    const next = new URL(["model", "request", "manage", "participate"].includes(page) ? `${root}/` : location.pathname, location.origin);
    next.searchParams.set("benchmark", select.value);
    location.assign(next);
  }

  // Of many benchmarks: a field that leaves those whose titles hold every word, and Enter for the first of them.
  function narrow(field) {
    const words = field.value.toLowerCase().split(/\s+/);
    field.parentElement.querySelectorAll("li").forEach((item) => {
      item.hidden = !words.every((word) => item.textContent.toLowerCase().includes(word));
    });
  }
  document.addEventListener("input", ({ target }) => target.matches("[data-narrow]") && narrow(target));
  document.addEventListener("toggle", ({ target }) => target.matches("details.many[open]") && target.querySelector("input").focus(), true);
  document.addEventListener("pointerdown", ({ target }) => {
    const open = document.querySelector("details.many[open]");
    if (open && !open.contains(target)) open.open = false;
  });
  document.addEventListener("keydown", ({ key, target }) => {
    const many = target.closest?.("details.many");
    if (many && key === "Escape") many.open = false;
    if (many && key === "Enter" && target.matches("input")) many.querySelector("li:not([hidden]) a")?.click();
  });

  // A form inside drawn markup is a view of the address: sending it goes there and keeps the scroll position.
  function go(form) {
    const next = new URL(location.href);
    new FormData(form).forEach((value, key) => {
      if (value) next.searchParams.set(key, value);
      else next.searchParams.delete(key);
    });
    form.querySelectorAll("input[type=checkbox]:not(:checked)").forEach((box) => next.searchParams.delete(box.name));
    next.searchParams.delete("page");
    focused = document.activeElement?.name;
    history.replaceState(null, "", next);
    again();
  }

  // A page is drawn again from its own address; one of Gradio's by the event of its hidden button.
  let asked = 0;
  async function again() {
    const button = document.querySelector("#again");
    if (button) return button.click();
    const ticket = ++asked;
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } }).catch(() => null);
    if (!answer || answer.status >= 500) return null; // what is shown stays
    const next = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (ticket !== asked) return null;
    document.title = next.title;
    return document.querySelector("main").replaceChildren(...next.querySelector("main").childNodes);
  }
  document.addEventListener("podium-again", again);
  let focused = null;

  // Drawing again replaces the markup: what the reader had opened, scrolled or was writing in stays as it was.
  const opened = new Set();
  const scrolled = new Set();
  document.addEventListener("toggle", ({ target }) => {
    if (target.id) target.open ? opened.add(target.id) : opened.delete(target.id);
  }, true);
  document.addEventListener("scroll", ({ target }) => {
    if (!target.matches?.(".log")) return;
    const atEnd = target.scrollTop + target.clientHeight > target.scrollHeight - 8;
    atEnd ? scrolled.delete(target.id) : scrolled.add(target.id);
  }, true);

  let refresh = null;
  function settle() {
    document.querySelector("#again")?.setAttribute("tabindex", "-1");
    const current = document.querySelector("header.top nav a[aria-current]");
    const heading = (document.querySelector(".page h1, .columns h1") ?? current)?.textContent.trim();
    const title = `${heading} · ${document.querySelector(".brand")?.textContent.trim()}`;
    if (window.gradio_config && heading && document.title !== title) document.title = title;
    if (current && current.dataset.shown !== "yes") {
      current.dataset.shown = "yes";
      current.scrollIntoView({ block: "nearest", inline: "center" });
    }
    opened.forEach((id) => document.getElementById(id)?.setAttribute("open", ""));
    document.querySelectorAll(".log").forEach((log) => {
      if (!scrolled.has(log.id) && log.dataset.shown !== "yes") log.scrollTop = log.scrollHeight;
      log.dataset.shown = "yes";
    });
    const field = focused && document.querySelector(`form[data-view] [name="${focused}"]:not([type=hidden])`);
    if (field && field !== document.activeElement) {
      field.focus();
      field.setSelectionRange?.(field.value.length, field.value.length);
      focused = null;
    }
    const due = document.querySelector("[data-refresh]");
    if (due && due !== refresh?.due) {
      clearInterval(refresh?.timer);
      refresh = { due, timer: setInterval(tick, 1000 * due.dataset.refresh) };
    } else if (!due && refresh) {
      clearInterval(refresh.timer);
      refresh = null;
    }
  }
  const reading = () => document.activeElement?.matches(".page input, .page select, .page textarea")
    || document.querySelector(".page form[data-touched]") || !getSelection().isCollapsed;
  const tick = () => document.hidden || reading() || again();

  // live.js says that what is shown has changed; who is writing or marking text is not disturbed.
  let overdue = null;
  document.addEventListener("podium-changed", () => {
    clearInterval(overdue);
    const draw = () => document.hidden || reading() || (clearInterval(overdue), again());
    overdue = setInterval(draw, 2000);
    draw();
  });

  document.addEventListener("change", (event) => {
    if (event.target.matches("select[data-benchmark]")) changeBenchmark(event.target);
    else if (event.target.closest("form[data-view]")) go(event.target.closest("form"));
  });
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("form[data-view]")) return;
    event.preventDefault();
    go(event.target);
  });
  document.addEventListener("click", async (event) => {
    const view = event.target.closest("a[data-view]");
    if (view && !event.metaKey && !event.ctrlKey && event.button === 0) {
      event.preventDefault();
      history.replaceState(null, "", view.href);
      again();
      return;
    }
    const button = event.target.closest("button[data-copy]");
    if (!button) return;
    await navigator.clipboard.writeText(button.dataset.copy);
    const label = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = label), 1500);
  });

  // The look-up happens when a field is left; a pause in typing counts as leaving it.
  let pause;
  document.addEventListener("input", (event) => {
    if (!event.target.closest(".live-lookup")) return;
    clearTimeout(pause);
    pause = setTimeout(() => event.target.dispatchEvent(new FocusEvent("blur")), 600);
  });

  const theme = parameters().get("__theme");
  if (theme === "dark" || theme === "light") document.documentElement.style.colorScheme = theme;

  // The page may have been drawn before this script came, or be drawn after it.
  function complete() {
    keepBenchmark(document);
    settle();
  }
  new MutationObserver(complete).observe(document, { childList: true, subtree: true });
  complete();
})();
