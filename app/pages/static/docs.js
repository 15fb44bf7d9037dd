"use strict";

// Start Swagger UI on this server's own document. It sends no request to any other server: no validator.
const dark = matchMedia("(prefers-color-scheme: dark)");
// The class is Swagger UI's own.
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();

const root = document.getElementById("swagger-ui");

SwaggerUIBundle({
  domNode: root,
  url: root.dataset.document,
  validatorUrl: null,
  deepLinking: true,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  defaultModelsExpandDepth: 0,
  supportedSubmitMethods: ["get", "post", "delete"],
});
