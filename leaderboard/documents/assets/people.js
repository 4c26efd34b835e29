// Who is signed in, at the right of the top bar. The stamp's cookie shows whether somebody is; the API gives the name.
(() => {
  const signedIn = () => document.cookie.includes("podium_stamp=");
  const root = () => document.documentElement.dataset.root;

  function signIn() {
    const link = document.createElement("a");
    link.textContent = "Sign in";
    link.href = `${root()}/api/v1/sign-in`;
    link.addEventListener("click", () => {
      const current = location.pathname.slice(root().length) + location.search;
      link.href = `${root()}/api/v1/sign-in?back=${encodeURIComponent(current)}`;
    });
    return [link];
  }

  function signOut(me) {
    const name = document.createElement("b");
    name.textContent = me.name;
    if (me.roles.includes("maintainer")) name.title = "Maintainer of this board";
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Sign out";
    button.addEventListener("click", async () => {
      await fetch(`${root()}/api/v1/sign-out`, { method: "POST" });
      location.reload();
    });
    return [name, button];
  }

  let me;
  async function draw(container) {
    me ??= signedIn() ? fetch(`${root()}/api/v1/me`).then((answer) => answer.json()) : Promise.resolve({});
    const person = await me.catch(() => ({}));
    container.replaceChildren(...(person.name ? signOut(person) : signIn()));
  }

  // The page may have been drawn before this script came, or be drawn after it.
  function fill() {
    for (const container of document.querySelectorAll("[data-people]:empty")) {
      container.append(" ");
      draw(container);
    }
  }
  new MutationObserver(fill).observe(document, { childList: true, subtree: true });
  fill();
})();
