// Where the board is below its host, for every script; and the address that the reader sees.
(() => {
  const page = document.documentElement;
  page.dataset.root ??= new URL(window.gradio_config?.root || location.origin).pathname.replace(/\/$/, ""); // Gradio's pages

  // Gradio knows the page /manage?subject=tiny. The reader sees, copies and sends on /manage/tiny.
  const address = new URL(location.href);
  const subject = address.searchParams.get("subject");
  if (!subject) return;
  document.querySelectorAll("base").forEach((base) => (base.href = base.href)); // what is relative stays where it is
  address.searchParams.delete("subject");
  address.pathname += `/${subject.split("/").map(encodeURIComponent).join("/")}`;
  history.replaceState(history.state, "", address);
})();
