// Talking to the server: JSON in and out, and the server's own words where something is wrong.

export class Refusal extends Error {
  constructor(reason, status) {
    super(reason);
    this.status = status;
  }
}

// The path prefix that a proxy serves the pages under, such as /stats; empty without one.
export const { root } = document.documentElement.dataset;

// Operators' routes need a token where the server has one. It is kept while the page is open, and nowhere else.
let token = null;

export function useToken(text) {
  token = text;
}

async function answer(address, options = {}) {
  const headers = { Accept: "application/json", ...options.headers };
  if (token) headers.Authorization = `Bearer ${token}`;
  try {
    return await fetch(address.startsWith("/") ? root + address : address, { ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal("The server does not answer. Is it still running?", 0);
  }
}

export async function json(address, options) {
  const got = await answer(address, options);
  const content = await got.json().catch(() => ({}));
  if (!got.ok) throw new Refusal(content.reason ?? `The server answers with ${got.status}.`, got.status);
  return content;
}

export async function html(address, options = {}) {
  const got = await answer(address, { ...options, headers: { Accept: "text/html" } });
  if (!got.ok) throw new Refusal(`The server answers with ${got.status}.`, got.status);
  return new DOMParser().parseFromString(await got.text(), "text/html");
}
