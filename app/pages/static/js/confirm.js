// Ask before something is removed for good.

export function confirmed(what) {
  const dialog = document.getElementById("confirm");
  document.getElementById("confirm-what").textContent = what;
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "remove"), { once: true });
    dialog.returnValue = ""; // of the last time, which Escape would leave
    dialog.showModal();
  });
}
