// Light or dark: what the system prefers, unless the reader chose the other one here.
"use strict";

const theme = (() => {
  const KEY = "genres-report-theme";
  const system = matchMedia("(prefers-color-scheme: dark)");
  const preferred = () => (system.matches ? "dark" : "light");

  function remembered() {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null; // some browsers keep nothing for pages of the disk
    }
  }

  function remember(chosen) {
    try {
      if (chosen === preferred()) localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, chosen);
    } catch {
      // then it holds for this page
    }
  }

  function show(chosen) {
    document.documentElement.dataset.theme = chosen;
    const button = document.querySelector("button.theme");
    if (button) {
      button.hidden = false;
      button.textContent = chosen === "dark" ? "Light page" : "Dark page";
    }
  }

  const now = () => remembered() || preferred();
  show(now()); // before anything is drawn
  system.addEventListener("change", () => show(now()));
  addEventListener("storage", () => show(now()));
  addEventListener("pageshow", () => show(now())); // back from a page where it was changed
  return { show, remember };
})();

document.addEventListener("DOMContentLoaded", () => {
  theme.show(document.documentElement.dataset.theme);
  document.querySelector("button.theme").addEventListener("click", () => {
    const chosen = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    theme.remember(chosen);
    theme.show(chosen);
  });
});
