// Lists that this browser keeps and the server never sees.

// Return a list in a storage of the window, "localStorage" or "sessionStorage", that holds the first `most` valid items.
// A browser may refuse its storage, and another program may have written to it: the list is then empty, and what is
// kept lasts as long as the page.
export function keptList(storage, key, isValid, most) {
  let unstored = [];
  let isStored = true;

  function read() {
    if (!isStored) return unstored;
    try {
      const items = JSON.parse(window[storage].getItem(key) ?? "[]");
      return Array.isArray(items) ? items.filter(isValid).slice(0, most) : [];
    } catch {
      return [];
    }
  }

  function write(items) {
    unstored = items.slice(0, most);
    try {
      window[storage].setItem(key, JSON.stringify(unstored));
    } catch {
      isStored = false;
    }
  }

  return { read, write };
}
