// Requests to the server. Errors carry the server's own reason.

export class RequestError extends Error {
  constructor(reason, status, field = "") {
    super(reason);
    this.status = status;
    this.field = field; // where in the request the mistake is, if it is at one place
  }
}

// The path prefix that a proxy serves the pages under, such as /stats; empty without one.
export const { root } = document.documentElement.dataset;

// Operator routes need the admin token, if the server has one. It lives in this page's memory only.
let token = null;

export function useToken(text) {
  token = text;
}

async function send(address, options = {}) {
  const headers = { Accept: "application/json", ...options.headers };
  if (token) headers.Authorization = `Bearer ${token}`;
  try {
    return await fetch(address.startsWith("/") ? root + address : address, { ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new RequestError("The server does not respond. Check that it is running.", 0);
  }
}

export async function json(address, options) {
  const response = await send(address, options);
  const content = await response.json().catch(() => ({}));
  const { reason = `The server responded with status ${response.status}.`, field } = content;
  if (!response.ok) throw new RequestError(reason, response.status, field);
  return content;
}

// The page at an address, also one that says what is wrong with the address.
export async function anyPage(address, options = {}) {
  const response = await send(address, { ...options, headers: { Accept: "text/html" } });
  return { response, page: new DOMParser().parseFromString(await response.text(), "text/html") };
}

export async function html(address, options = {}) {
  const { response, page } = await anyPage(address, options);
  if (response.ok) return page;
  const reason = page.querySelector(".problem")?.textContent;
  throw new RequestError(reason || `The server responded with status ${response.status}.`, response.status);
}
