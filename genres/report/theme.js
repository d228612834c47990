// Light or dark: what the system prefers, unless the reader chose the other one here.
"use strict";

{
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

  function remember(theme) {
    try {
      if (theme === preferred()) localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, theme);
    } catch {
      // then it holds for this page
    }
  }

  const chosen = () => document.documentElement.dataset.theme ?? preferred();

  function show(theme) {
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
    const button = document.querySelector("button.theme");
    if (button) button.textContent = chosen() === "dark" ? "Light page" : "Dark page";
  }

  function turn() {
    const other = chosen() === "dark" ? "light" : "dark";
    remember(other);
    show(other === preferred() ? null : other);
  }

  const again = () => show(remembered());
  again(); // before anything is drawn
  for (const event of ["pageshow", "storage"]) addEventListener(event, again); // changed on another page
  system.addEventListener("change", () => show(document.documentElement.dataset.theme));
  document.addEventListener("DOMContentLoaded", () => {
    const button = document.querySelector("button.theme");
    button.hidden = false;
    button.addEventListener("click", turn);
    again();
  });
}
