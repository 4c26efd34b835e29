// Gradio knows the page /model?subject=org/name. The reader sees, copies and sends on /model/org/name.
(() => {
  const address = new URL(location.href);
  const subject = address.searchParams.get("subject");
  if (!subject) return;
  document.querySelectorAll("base").forEach((base) => (base.href = base.href)); // what is relative stays where it is
  address.searchParams.delete("subject");
  address.pathname += `/${subject.split("/").map(encodeURIComponent).join("/")}`;
  history.replaceState(history.state, "", address);
})();
