// The forms of predictions, code, endpoints and competition bundles: the file is uploaded in pieces, then used.
(() => {
  const PIECE = 8 * 1024 * 1024;
  const root = () => document.documentElement.dataset.root;
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

  async function digestOf(file) {
    if (!crypto.subtle) throw Object.assign(new Error("insecure"), { problems: [{ message: "Your browser computes checksums only on pages that were opened over https.", fix: "Open this board over https, or upload the file through the API." }] });
    const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
    return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  // Goes on where it was after a connection broke, and is at its end at once when the board has the file already.
  async function upload(file, progress) {
    if (uploaded.has(file)) return uploaded.get(file);
    const artifact = { filename: file.name, bytes: file.size, sha256: await digestOf(file) };
    let state = await answerOf(await api("/uploads", json("POST", artifact)));
    const { id } = state;
    progress.hidden = false;
    for (let tries = 0; !state.done; ) {
      const { offset } = state;
      progress.value = file.size ? offset / file.size : 1;
      try {
        const headers = { "Upload-Offset": String(offset), "Content-Type": "application/octet-stream" };
        state = await answerOf(await api(`/uploads/${id}`, { method: "PATCH", body: file.slice(offset, offset + PIECE), headers }));
        tries = 0;
      } catch (error) {
        tries += 1;
        if (error.problems || tries > 5) throw error;
        await new Promise((wait) => setTimeout(wait, 1000 * tries));
        state = await answerOf(await api(`/uploads/${id}`));
      }
    }
    progress.hidden = true;
    uploaded.set(file, artifact);
    return artifact;
  }

  // A check box always says yes or no, but for that of the terms, which names their version or says nothing.
  function valueOf(field) {
    if (field.type === "file" || field.type === "submit" || field.matches(":disabled")) return "";
    if (field.type === "checkbox") return field.name === "terms" ? (field.checked ? field.value : "") : field.checked;
    const text = field.value?.trim() ?? "";
    return field.type === "number" && text ? Number(text) : text;
  }

  function fieldsOf(form, body = {}) {
    for (const field of form.elements) {
      const value = valueOf(field);
      if (!field.name || value === "") continue;
      const [outer, inner] = field.name.split(".");
      if (inner) (body[outer] ??= {})[inner] = value;
      else body[outer] = value;
    }
    return body;
  }

  const submissionOf = (form) => fieldsOf(form, { kind: form.dataset.submission, benchmark: form.dataset.benchmark });

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

  function leftOf(quota) {
    const what = quota.counts === "failures" ? "failures after scoring began" : "submissions";
    const resets = quota.frees_at ? `; ${quota.period ? "resets" : "one more"} at ${quota.frees_at.replace("T", " ").replace("Z", " UTC")}` : "";
    return `${quota.left} of ${quota.limit} ${what} left ${quota.period || `per ${quota.period_days} days`}${resets}.`;
  }

  function showLook(place, look) {
    const more = [];
    if (look.accepted && look.cost.queue_position) more.push(make("p", `It would be number ${look.cost.queue_position} in the queue.`));
    for (const quota of look.quota) more.push(make("p", leftOf(quota), "quiet"));
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

  async function addBundle(form) {
    const place = form.parentElement.querySelector(".checked");
    const button = form.querySelector("button");
    button.disabled = true;
    try {
      const { sha256 } = await upload(form.elements.file.files[0], form.querySelector("progress"));
      const body = { id: form.elements.id.value.trim(), sha256, replace: form.elements.replace.checked };
      const added = await answerOf(await api("/bundles", json("POST", body)));
      const ran = added.solutions_run ? `${added.solutions_run} sample solutions were run, and each got a score.` : "No sample solution was run.";
      show(place, `${added.title} was added`, added.warnings, [make("p", ran), make("p", added.next)]);
    } catch (error) {
      show(place, "Not added", error.problems ?? [{ message: "The board did not answer.", fix: "Try again; what was uploaded is kept." }]);
    } finally {
      button.disabled = false;
    }
  }

  // Only the questions of the chosen track are asked. Those beside a checkpoint are checked as they are answered.
  document.addEventListener("change", (event) => {
    const form = event.target.closest?.("form[data-submission], form[data-asked]");
    if (!form) return;
    if (event.target.name === "track") {
      for (const track of form.querySelectorAll("fieldset[data-track]")) {
        track.hidden = track.disabled = track.dataset.track !== event.target.value;
      }
    }
    if (!form.matches("[data-asked]")) return;
    const before = JSON.parse(form.dataset.answers);
    form.dataset.answers = JSON.stringify({ track: before.track, ...fieldsOf(form) });
    document.querySelector("button#look-again, #look-again button")?.click();
  });

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.matches("form[data-asked]")) event.preventDefault();
    if (!form.matches("form[data-submission], form[data-bundle]")) return;
    event.preventDefault();
    if (form.matches("[data-bundle]")) addBundle(form);
    else send(form, event.submitter?.name === "send");
  });
})();
