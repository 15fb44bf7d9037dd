"use strict";

// Start Swagger UI on this server's own document. It sends no request to any other server: no validator.
const { theme } = document.documentElement.dataset;
const prefersDark = matchMedia("(prefers-color-scheme: dark)");
// The class is Swagger UI's own.
const follow = () => document.documentElement.classList.toggle("dark-mode", theme ? theme === "dark" : prefersDark.matches);
prefersDark.addEventListener("change", follow);
follow();

const root = document.getElementById("swagger-ui");

const ownParts = ({ React }) => ({
  components: {
    InfoContainer: () => null, // the page has a head of its own, below which the headings follow in order
    ServersContainer: () => null, // a choice of one, without a label
    DeepLink: ({ text }) => React.createElement("span", null, text), // links within buttons, which open the same
  },
});

// What Swagger UI gives no name, or the same name in every route.
const NAMES = {
  ".copy-to-clipboard button": () => "Copy",
  ".close-modal": () => "Close",
  ".body-param__text": () => "Request body",
  "[data-param-name] :is(input, select, textarea)": (field) => field.closest("[data-param-name]").dataset.paramName,
  ".responses-table[role=region]": (table) => `Responses, ${table.closest(".opblock").querySelector("[data-path]").dataset.path}`,
};

function correct() {
  for (const [selector, name] of Object.entries(NAMES)) {
    for (const part of root.querySelectorAll(`${selector}:not([aria-label])`)) part.ariaLabel = name(part);
  }
  for (const text of root.querySelectorAll("pre.microlight")) text.tabIndex = 0; // so that the keyboard can scroll it
}

new MutationObserver(correct).observe(root, { childList: true, subtree: true });

SwaggerUIBundle({
  domNode: root,
  url: root.dataset.document,
  validatorUrl: null,
  deepLinking: true,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  defaultModelsExpandDepth: 0,
  supportedSubmitMethods: ["get", "post", "delete"],
  syntaxHighlight: { theme: "tomorrow-night" }, // the usual one has red numbers on grey
  plugins: [ownParts],
});
