// The page /docs: Swagger UI over the service's own openapi.json, in place of our list, for those who want to try it.
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const setTheme = () => document.documentElement.classList.toggle("dark-mode", dark.matches);

  function load(name, attributes) {
    const element = Object.assign(document.createElement(name), attributes);
    return new Promise((loaded, failed) => {
      element.addEventListener("load", loaded);
      element.addEventListener("error", failed);
      document.head.append(element);
    });
  }

  async function open(button) {
    button.disabled = true;
    try {
      await Promise.all([
        load("link", { rel: "stylesheet", href: "docs-assets/swagger-ui.css" }),
        load("script", { src: "docs-assets/swagger-ui-bundle.js" }),
      ]);
    } catch {
      button.disabled = false;
      return;
    }
    setTheme();
    dark.addEventListener("change", setTheme);
    button.hidden = true;
    SwaggerUIBundle({
      url: "openapi.json",
      dom_id: "#reference",
      deepLinking: true,
      displayRequestDuration: true,
      validatorUrl: "none",
    });
  }

  const button = document.querySelector("[data-try]");
  button.hidden = false;
  button.addEventListener("click", () => open(button));
})();
