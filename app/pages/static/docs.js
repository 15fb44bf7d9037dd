"use strict";

// Starts Swagger UI on this server's own document. Nothing is asked of another server: no validator, no credentials.
const place = document.getElementById("swagger-ui");

SwaggerUIBundle({
  domNode: place,
  url: place.dataset.document,
  validatorUrl: null,
  deepLinking: true,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  defaultModelsExpandDepth: 0,
  supportedSubmitMethods: ["get", "post", "delete"],
});
