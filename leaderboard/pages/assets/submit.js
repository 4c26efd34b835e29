// The form of predictions, code and endpoints: the file is uploaded in pieces, then the submission is checked or queued.
(() => {
  const PIECE = 8 * 1024 * 1024;
  const root = () => new URL(window.gradio_config?.root || location.origin).pathname.replace(/\/$/, "");
  const api = (path, options = {}) => fetch(`${root()}/api/v1${path}`, options);
  const json = (method, body) => ({ method, body: JSON.stringify(body), headers: { "Content-Type": "application/json" } });
  const uploaded = new WeakMap(); // File -> what the submission says of it

  function make(tag, text, className) {
    const element = document.createElement(tag);
    if (text) element.textContent = text;
    if (className) element.className = className;
    return element;
  }

  async function answerOf(response) {
    const body = await response.json().catch(() => ({}));
    if (response.ok) return body;
    const problems = body.problems?.length ? body.problems : [{ message: body.error || `The board answered ${response.status}.`, fix: "Try again." }];
    throw Object.assign(new Error("refused"), { problems });
  }

  async function upload(file, progress) {
    if (uploaded.has(file)) return uploaded.get(file);
    progress.hidden = false;
    const begun = await answerOf(await api("/uploads", json("POST", { filename: file.name, bytes: file.size })));
    let { offset } = begun;
    let last = begun;
    for (let tries = 0; offset < file.size || !last.artifact; ) {
      progress.value = file.size ? offset / file.size : 1;
      try {
        const response = await api(`/uploads/${begun.id}`, { method: "PATCH", body: file.slice(offset, offset + PIECE), headers: { "Upload-Offset": String(offset), "Content-Type": "application/octet-stream" } });
        last = await answerOf(response);
        ({ offset } = last);
        tries = 0;
      } catch (error) {
        tries += 1;
        if (error.problems || tries > 5) throw error;
        await new Promise((wait) => setTimeout(wait, 1000 * tries));
        ({ offset } = await answerOf(await api(`/uploads/${begun.id}`)));
      }
    }
    progress.hidden = true;
    uploaded.set(file, last.artifact);
    return last.artifact;
  }

  function submissionOf(form) {
    const body = { kind: form.dataset.submission, benchmark: form.dataset.benchmark };
    for (const field of form.elements) {
      const value = field.type === "file" ? "" : field.value?.trim();
      if (!field.name || !value || field.type === "submit") continue;
      const [outer, inner] = field.name.split(".");
      if (inner) (body[outer] ??= {})[inner] = value;
      else body[outer] = value;
    }
    return body;
  }

  function lineOf(problem) {
    const warns = problem.severity === "warning";
    const line = make("li", "", warns ? "warn" : "bad");
    const mark = line.appendChild(make("b", warns ? "!" : "✗", "mark"));
    mark.setAttribute("aria-label", warns ? "Warning" : "Problem");
    const text = line.appendChild(make("div", problem.message));
    text.append(make("br"), make("span", problem.fix, "quiet"));
    return line;
  }

  function show(place, title, problems, more = []) {
    const list = make("ul", "", "checks");
    list.append(...problems.map(lineOf));
    place.replaceChildren(make("h2", title), list, ...more);
  }

  function showLook(place, look) {
    const more = [];
    if (look.accepted && look.cost.queue_position) more.push(make("p", `It would be number ${look.cost.queue_position} in the queue.`));
    for (const quota of look.quota) more.push(make("p", `${quota.left} of ${quota.limit} submissions left.`, "quiet"));
    if (look.existing) {
      const link = make("a", "Show that request");
      link.href = `${root()}/request/${encodeURIComponent(look.existing)}`;
      more.push(link);
    }
    show(place, look.accepted ? "Ready to submit" : "Not ready", look.problems, more);
  }

  async function send(form, queue) {
    const place = form.parentElement.querySelector(".checked");
    const buttons = [...form.querySelectorAll("button")];
    buttons.forEach((button) => (button.disabled = true));
    try {
      const body = submissionOf(form);
      const [file] = form.elements.file?.files ?? [];
      if (file) body.artifact = await upload(file, form.querySelector("progress"));
      if (!queue) return showLook(place, await answerOf(await api("/submissions/check", json("POST", body))));
      const queued = await answerOf(await api("/submissions", json("POST", body)));
      location.assign(`${root()}/request/${queued.id}?benchmark=${encodeURIComponent(queued.benchmark)}`);
    } catch (error) {
      show(place, "Not submitted", error.problems ?? [{ message: "The board did not answer.", fix: "Try again; what was uploaded is kept." }]);
    } finally {
      buttons.forEach((button) => (button.disabled = false));
    }
  }

  document.addEventListener("submit", (event) => {
    if (!event.target.matches("form[data-submission]")) return;
    event.preventDefault();
    send(event.target, event.submitter?.name === "send");
  });
})();
