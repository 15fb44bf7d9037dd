// Requests that only operators may send: ask for the admin token if the server wants one.

import { json, useToken } from "./server.js";

export async function asOperator(address, options) {
  try {
    return await json(address, options);
  } catch (error) {
    if (error.status !== 401 || !(await askForToken())) throw error;
    return json(address, options);
  }
}

function askForToken() {
  const dialog = document.getElementById("token");
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      const field = document.getElementById("token-text");
      if (dialog.returnValue) useToken(field.value);
      field.value = "";
      resolve(Boolean(dialog.returnValue));
    }, { once: true });
    dialog.showModal();
  });
}
