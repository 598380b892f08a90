// Before the first paint: the theme that the reader chose, else that of the system.
(() => {
  const chosen = localStorage.getItem("sluice-theme");
  if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
})();
