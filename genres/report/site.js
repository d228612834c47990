// What the pages do beyond being read: open all code at once, turn a map.
"use strict";

for (const button of document.querySelectorAll("button.all-code")) {
  const folded = [...document.querySelectorAll("details.code")];
  const label = () => {
    const open = folded.every((one) => one.open);
    button.textContent = open ? "Hide all code" : "Show all code";
    button.setAttribute("aria-pressed", open);
    return open;
  };
  button.hidden = folded.length === 0;
  button.addEventListener("click", () => {
    const open = !label();
    for (const one of folded) one.open = open;
    label();
  });
  for (const one of folded) one.addEventListener("toggle", label);
  label();
}

function loadPlotly() {
  return new Promise((resolve, reject) => {
    if (window.Plotly) return resolve();
    const script = document.createElement("script");
    script.src = "plotly.js";
    script.onload = resolve;
    script.onerror = reject;
    document.head.append(script);
  });
}

for (const map of document.querySelectorAll(".turnable")) {
  const button = map.querySelector("button");
  button.hidden = false;
  button.addEventListener("click", async () => {
    button.disabled = true;
    const figure = JSON.parse(map.querySelector("script").textContent);
    const place = document.createElement("div");
    place.className = "turning";
    try {
      await loadPlotly();
      map.prepend(place);
      const layout = { ...figure.layout, autosize: true, width: undefined };
      const options = { displaylogo: false, responsive: true };
      await Plotly.newPlot(place, figure.data, layout, options);
      map.querySelector(".picture")?.setAttribute("hidden", "");
      button.parentNode.remove();
    } catch (error) {
      place.remove();
      button.replaceWith("This browser cannot draw maps in three dimensions.");
    }
  });
}
