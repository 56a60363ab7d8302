"use strict";
// Draws every chart with the colours of the page, which follow the reader's light or dark setting.
const figures = JSON.parse(document.getElementById("charts").textContent);
const places = [...document.querySelectorAll(".chart")];
const touched = matchMedia("(pointer: coarse)").matches;
const narrow = matchMedia("(max-width: 640px)");

function themed(layout) {
  const style = getComputedStyle(document.documentElement);
  const [text, grid] = ["--quiet", "--rule"].map((name) => style.getPropertyValue(name).trim());
  const axis = (own) => ({
    ...own, gridcolor: grid, linecolor: grid, tickcolor: grid, zerolinecolor: grid, fixedrange: touched,
  });
  return {
    ...layout,
    font: { family: "system-ui, sans-serif", size: 12, color: text },
    xaxis: { ...axis(layout.xaxis), nticks: narrow.matches ? 3 : 0 },
    yaxis: { ...axis(layout.yaxis), nticks: narrow.matches ? 5 : 0 },
    dragmode: touched ? false : "zoom",
  };
}

function draw() {
  places.forEach((place, number) => {
    const { data, layout } = figures[number];
    Plotly.react(place, data, themed(layout), {
      responsive: true,
      displaylogo: false,
      displayModeBar: touched ? false : "hover",
      modeBarButtonsToRemove: ["lasso2d", "select2d", "toImage"],
    });
  });
}

draw();
narrow.addEventListener("change", draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
