// Forms that change something through the API, and the stamp that proves that a request comes from one of our pages.
(() => {
  const stamp = () => document.cookie.match(/(?:^|; )podium_stamp=([^;]*)/)?.[1] ?? "";

  // Every request to the board carries it, Gradio's too; requests to anywhere else never do.
  const send = window.fetch;
  window.fetch = (target, options = {}) => {
    const request = new Request(target, options);
    if (new URL(request.url).origin === location.origin && stamp()) request.headers.set("X-Podium-Stamp", stamp());
    return send(request);
  };

  // <form data-send="POST /api/v1/..."> sends its fields as JSON; empty ones are left out, [data-lines] is a list.
  // Checkboxes with [data-list] are one list: the values of those that are ticked.
  function fields(form) {
    const values = {};
    for (const field of form.elements) {
      const value = field.value?.trim();
      if (!field.name || !value) continue;
      if ("list" in field.dataset) {
        values[field.name] = [...(values[field.name] ?? []), ...(field.checked ? [value] : [])];
        continue;
      }
      if ("lines" in field.dataset) values[field.name] = value.split("\n").map((line) => line.trim()).filter(Boolean);
      else values[field.name] = field.type === "number" ? Number(value) : value;
    }
    return values;
  }

  function showMessage(form, text) {
    const output = form.querySelector("output") ?? form.appendChild(document.createElement("output"));
    output.className = "said";
    output.textContent = text;
  }

  async function change(form) {
    const [method, address] = form.dataset.send.split(" ");
    const buttons = [...form.querySelectorAll("button")];
    buttons.forEach((button) => (button.disabled = true));
    showMessage(form, "");
    try {
      const payload = method === "DELETE" ? undefined : JSON.stringify(fields(form));
      const answer = await fetch(address, { method, body: payload, headers: { "Content-Type": "application/json" } });
      const body = await answer.json().catch(() => ({}));
      if (!answer.ok) return showMessage(form, sentences(body) || `The board answered ${answer.status}. Try again.`);
      delete form.dataset.touched;
      form.reset();
      await close(form.closest("details"));
      document.dispatchEvent(new CustomEvent("podium-again"));
    } catch {
      showMessage(form, "The board did not answer. Try again.");
    } finally {
      buttons.forEach((button) => (button.disabled = false));
    }
  }

  // podium.js keeps open what is open when the page is drawn again; it learns of the end of that by the event.
  function close(fold) {
    if (!fold?.open) return null;
    const closed = new Promise((done) => fold.addEventListener("toggle", done, { once: true }));
    fold.open = false;
    return closed;
  }

  function sentences(body) {
    const problems = (body.problems ?? []).map((problem) => `${problem.message} ${problem.fix}`);
    return problems.length ? problems.join(" ") : body.error;
  }

  document.addEventListener("submit", (event) => {
    if (!event.target.matches("form[data-send]")) return;
    event.preventDefault();
    change(event.target);
  });
  document.addEventListener("input", ({ target }) => {
    const form = target.closest?.("form[data-send]");
    if (form) form.dataset.touched = "yes";
  });

  // The part of a page that the address names is drawn after the browser has looked for it.
  let shown = "";
  function showTarget() {
    const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    if (!target || shown === location.hash) return;
    shown = location.hash;
    target.scrollIntoView();
  }
  new MutationObserver(showTarget).observe(document, { childList: true, subtree: true });
  showTarget();
})();
