// Forms that change something through the API, and the stamp that shows the server that one of our pages asks.
(() => {
  const stamp = () => document.cookie.match(/(?:^|; )podium_stamp=([^;]*)/)?.[1] ?? "";

  // Every request to the board carries it, Gradio's too; requests to anywhere else never do.
  const send = window.fetch;
  window.fetch = (target, options = {}) => {
    const asked = new Request(target, options);
    if (new URL(asked.url).origin === location.origin && stamp()) asked.headers.set("X-Podium-Stamp", stamp());
    return send(asked);
  };

  // <form data-send="POST /api/v1/..."> sends its fields as JSON; empty ones are left out, [data-lines] is a list.
  function fields(form) {
    const said = {};
    for (const field of form.elements) {
      const value = field.value?.trim();
      if (!field.name || !value) continue;
      if ("lines" in field.dataset) said[field.name] = value.split("\n").map((line) => line.trim()).filter(Boolean);
      else said[field.name] = field.type === "number" ? Number(value) : value;
    }
    return said;
  }

  function tell(form, text) {
    const place = form.querySelector("output") ?? form.appendChild(document.createElement("output"));
    place.className = "said";
    place.textContent = text;
  }

  async function change(form) {
    const [method, address] = form.dataset.send.split(" ");
    const buttons = [...form.querySelectorAll("button")];
    buttons.forEach((button) => (button.disabled = true));
    tell(form, "");
    try {
      const body = method === "DELETE" ? undefined : JSON.stringify(fields(form));
      const answer = await fetch(address, { method, body, headers: { "Content-Type": "application/json" } });
      const said = await answer.json().catch(() => ({}));
      if (!answer.ok) return tell(form, sentences(said) || `The board answered ${answer.status}. Try again.`);
      delete form.dataset.touched;
      form.closest("details")?.removeAttribute("open");
      document.querySelector("#again")?.click();
    } catch {
      tell(form, "The board did not answer. Try again.");
    } finally {
      buttons.forEach((button) => (button.disabled = false));
    }
  }

  function sentences(said) {
    const problems = (said.problems ?? []).map((one) => `${one.message} ${one.fix}`);
    return problems.length ? problems.join(" ") : said.error;
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
