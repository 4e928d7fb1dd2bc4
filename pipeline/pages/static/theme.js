// before anything is drawn, so that a page doesn't flash in the other colours
"use strict";
(() => {
  let theme = null;
  try { theme = localStorage.getItem("theme"); } catch { /* a browser that keeps nothing follows its system */ }
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
})();
