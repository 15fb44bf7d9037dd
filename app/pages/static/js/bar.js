// The bar above a chart: copy buttons, and sheets that close by Escape, by a click elsewhere, or when the focus leaves.

const COPIED_MS = 2000;

export function enableCopying(article, link) {
  if (!navigator.clipboard) return; // browsers offer it only on localhost and over HTTPS
  for (const button of article.querySelectorAll(".copy")) {
    const code = button.closest(".code")?.querySelector("code");
    if (code) button.setAttribute("aria-label", `Copy ${button.dataset.copy}`);
    enable(button, () => code?.textContent ?? link());
  }
}

function enable(button, text) {
  const label = button.textContent;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const copied = await navigator.clipboard.writeText(text()).then(() => true, () => false);
    button.textContent = copied ? "Copied" : "Not allowed";
    setTimeout(() => { button.textContent = label; }, COPIED_MS);
  });
}

function closeAllBut(target) {
  for (const sheet of document.querySelectorAll(".bar details[open]")) if (!sheet.contains(target)) sheet.open = false;
}

document.addEventListener("pointerdown", ({ target }) => closeAllBut(target));
document.addEventListener("focusin", ({ target }) => closeAllBut(target));
document.addEventListener("keydown", ({ key, target }) => {
  const sheet = target.closest(".bar details[open]");
  if (key !== "Escape" || !sheet) return;
  sheet.open = false;
  sheet.querySelector("summary").focus();
});
