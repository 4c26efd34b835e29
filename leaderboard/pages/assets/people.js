// Who is signed in, at the right of the top bar. Whether somebody is can be seen by the stamp; their name is asked for.
(() => {
  const signedIn = () => document.cookie.includes("podium_stamp=");
  const root = () => new URL(window.gradio_config?.root || location.origin).pathname.replace(/\/$/, "");

  function signIn() {
    const link = document.createElement("a");
    link.textContent = "Sign in";
    link.href = `${root()}/api/v1/sign-in`;
    link.addEventListener("click", () => {
      const here = location.pathname.slice(root().length) + location.search;
      link.href = `${root()}/api/v1/sign-in?back=${encodeURIComponent(here)}`;
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
  async function draw(place) {
    me ??= signedIn() ? fetch(`${root()}/api/v1/me`).then((answer) => answer.json()) : Promise.resolve({});
    const known = await me.catch(() => ({}));
    place.replaceChildren(...(known.name ? signOut(known) : signIn()));
  }

  // The page may have been drawn before this script came, or be drawn after it.
  function fill() {
    for (const place of document.querySelectorAll("[data-people]:empty")) {
      place.append(" ");
      draw(place);
    }
  }
  new MutationObserver(fill).observe(document, { childList: true, subtree: true });
  fill();
})();
