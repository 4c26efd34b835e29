// What the pages do in the browser besides Gradio: keep the benchmark in every address, copy, look up while typing.
(() => {
  const parameters = () => new URLSearchParams(location.search);

  // Among many benchmarks a part of a title is typed; the list itself stays behind the field, and is what changes.
  const MANY = 10;
  function searchable(select) {
    if (select.options.length <= MANY || select.hidden) return;
    const options = [...select.options];
    const titles = options.map((option) => option.text.trim());
    const names = options.map((option, at) => titles.indexOf(titles[at]) === titles.lastIndexOf(titles[at]) ? titles[at] : `${titles[at]} (${option.value})`);
    const list = Object.assign(document.createElement("datalist"), { id: "benchmark-titles" });
    list.append(...names.map((name) => new Option(name)));
    const field = Object.assign(document.createElement("input"), { type: "text", autocomplete: "off", ariaLabel: "Benchmark" });
    field.setAttribute("list", list.id);
    field.size = Math.max(...names.map((name) => name.length)); // the style sheet says how wide it may be
    const show = () => Object.assign(field, { value: names[select.selectedIndex], title: names[select.selectedIndex] });
    const pick = (at) => {
      if (at < 0) return;
      select.selectedIndex = at;
      select.dispatchEvent(new Event("change", { bubbles: true }));
    };
    field.addEventListener("focus", () => Object.assign(field, { value: "", placeholder: names[select.selectedIndex] }));
    field.addEventListener("blur", show);
    field.addEventListener("input", ({ inputType }) => {
      if (!inputType || inputType === "insertReplacementText") pick(names.indexOf(field.value)); // chosen, not typed
    });
    field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      const typed = field.value.trim().toLowerCase();
      const whole = names.findIndex((name) => name.toLowerCase() === typed);
      if (typed) pick(whole >= 0 ? whole : names.findIndex((name) => name.toLowerCase().includes(typed)));
    });
    select.hidden = true;
    select.before(field, list);
    show();
  }

  function keepBenchmark(root) {
    const benchmark = parameters().get("benchmark");
    root.querySelectorAll("select[data-benchmark]").forEach((select) => {
      if (benchmark && select.value !== benchmark) select.value = benchmark;
      searchable(select);
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
    const root = new URL(window.gradio_config?.root || location.origin).pathname.replace(/\/$/, "");
    const page = location.pathname.slice(root.length).split("/")[1];
    const next = new URL(["model", "request", "manage", "participate"].includes(page) ? `${root}/` : location.pathname, location.origin);
    next.searchParams.set("benchmark", select.value);
    location.assign(next);
  }

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

  const again = () => document.querySelector("#again")?.click();
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
    if (heading && document.title !== title) document.title = title;
    if (current && current.dataset.shown !== "yes") {
      current.dataset.shown = "yes";
      current.scrollIntoView({ block: "nearest", inline: "center" });
    }
    opened.forEach((id) => document.getElementById(id)?.setAttribute("open", ""));
    document.querySelectorAll(".log").forEach((log) => {
      if (!scrolled.has(log.id) && log.dataset.shown !== "yes") log.scrollTop = log.scrollHeight;
      log.dataset.shown = "yes";
    });
    const field = focused && document.querySelector(`form[data-view] [name="${focused}"]`);
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
