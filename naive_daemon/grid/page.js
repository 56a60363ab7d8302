"use strict";
// Draws the heat map of two settings that the reader chooses; the others are at their best, or fixed.
const { axes, figures, quote, rank_by, points } = JSON.parse(document.getElementById("map").textContent);
const place = document.querySelector(".heat");
const said = document.getElementById("said");
const choices = document.getElementById("choices");
const touched = matchMedia("(pointer: coarse)").matches;
const narrow = matchMedia("(max-width: 640px)");
const BEST = "";
const LOWER_IS_BETTER = new Set(["drawdown"]);
const MONEY = new Set(["pnl", "realised_pnl", "open_pnl", "drawdown"]);
const SIGNED = new Set(["pnl", "realised_pnl", "open_pnl", "sharpe"]);
const TEXTS_MAX = 80;
const keys = axes.map((axis) => axis.key);
const valuesOf = Object.fromEntries(axes.map((axis) => [axis.key, axis.values]));
const chosen = { figure: rank_by, x: keys[0], y: keys[1] ?? null, fixed: Object.fromEntries(keys.map((key) => [key, BEST])) };

function select(words, name, options, value, take) {
  const label = document.createElement("label");
  const list = document.createElement("select");
  list.dataset.choice = name;
  for (const [text, option] of options) list.add(new Option(text, option, false, option === value));
  list.addEventListener("change", () => { take(list.value); show(); });
  label.append(`${words} `, list);
  choices.append(label);
}

function offer() {
  choices.replaceChildren();
  const names = keys.map((key) => [key, key]);
  select("Show", "figure", Object.entries(figures).map(([name, words]) => [words, name]), chosen.figure, (value) => { chosen.figure = value; });
  if (keys.length > 1) {
    select("across", "x", names, chosen.x, (value) => { if (value === chosen.y) chosen.y = chosen.x; chosen.x = value; });
    select("up", "y", names, chosen.y, (value) => { if (value === chosen.x) chosen.x = chosen.y; chosen.y = value; });
  }
  for (const key of others()) {
    const options = [["at its best", BEST], ...valuesOf[key].map((value) => [value, value])];
    select(key, `fixed-${key}`, options, chosen.fixed[key], (value) => { chosen.fixed[key] = value; });
  }
}

function others() {
  return keys.filter((key) => key !== chosen.x && key !== chosen.y);
}

function isBetter(one, other) {
  if (other === undefined || other[chosen.figure] === null) return one[chosen.figure] !== null || other === undefined;
  if (one[chosen.figure] === null) return false;
  const gain = Number(one[chosen.figure]) - Number(other[chosen.figure]);
  return LOWER_IS_BETTER.has(chosen.figure) ? gain < 0 : gain > 0;
}

// The best point of each cell, by the figure that is shown.
function cells() {
  const found = new Map();
  for (const point of points) {
    if (others().some((key) => chosen.fixed[key] !== BEST && chosen.fixed[key] !== point.settings[key])) continue;
    const cell = JSON.stringify([point.settings[chosen.x], chosen.y === null ? "" : point.settings[chosen.y]]);
    if (isBetter(point, found.get(cell))) found.set(cell, point);
  }
  return found;
}

function escaped(text) {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}

function told(point) {
  if (point === undefined) return "not tested";
  const value = point[chosen.figure];
  const unit = MONEY.has(chosen.figure) ? ` ${quote}` : "";
  const settings = keys.map((key) => escaped(`${key}=${point.settings[key]}`)).join("<br>");
  return `${escaped(figures[chosen.figure])}: ${value === null ? "not known" : escaped(value + unit)}<br>${settings}`;
}

function short(value) {
  return String(Number(Number(value).toPrecision(3)));
}

function show() {
  offer();
  const style = getComputedStyle(document.documentElement);
  const [text, grid] = ["--quiet", "--rule"].map((name) => style.getPropertyValue(name).trim());
  const [across, up] = [valuesOf[chosen.x], chosen.y === null ? [""] : valuesOf[chosen.y]];
  const best = cells();
  const at = up.map((y) => across.map((x) => best.get(JSON.stringify([x, y]))));
  const shown = at.map((row) => row.map((point) => point?.[chosen.figure] ?? null));
  const isSigned = SIGNED.has(chosen.figure);
  const most = Math.max(...shown.flat().map((value) => Math.abs(Number(value ?? 0))), Number.MIN_VALUE);
  const data = [{
    type: "heatmap", x: across, y: up,
    z: shown.map((row) => row.map((value) => (value === null ? null : Number(value)))),
    customdata: at.map((row) => row.map(told)),
    text: shown.map((row) => row.map((value) => (value === null ? "" : short(value)))),
    texttemplate: across.length * up.length <= (narrow.matches ? TEXTS_MAX / 4 : TEXTS_MAX) ? "%{text}" : "",
    hovertemplate: "%{customdata}<extra></extra>", hoverongaps: false, xgap: 1, ygap: 1,
    ...(isSigned ? { zmin: -most, zmax: most } : {}),
    colorscale: isSigned ? [[0, "#c74a4a"], [0.5, "#efe9dc"], [1, "#1f8f77"]] : [[0, "#e9eef6"], [1, "#2f6cc7"]],
    reversescale: LOWER_IS_BETTER.has(chosen.figure),
    showscale: !narrow.matches, colorbar: { thickness: 12, outlinewidth: 0 },
  }];
  const axis = (key) => ({
    type: "category", title: { text: key === null ? "" : escaped(key) }, automargin: true, gridcolor: grid, linecolor: grid,
    tickcolor: grid, fixedrange: touched,
  });
  const layout = {
    margin: { l: 8, r: 8, t: 8, b: 48 }, xaxis: axis(chosen.x), yaxis: { ...axis(chosen.y), showticklabels: chosen.y !== null },
    font: { family: "system-ui, sans-serif", size: 12, color: text }, dragmode: false,
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
  };
  Plotly.react(place, data, layout, { responsive: true, displaylogo: false, displayModeBar: false });
  const free = others().filter((key) => chosen.fixed[key] === BEST);
  const held = others().filter((key) => chosen.fixed[key] !== BEST);
  const parts = [];
  if (free.length) parts.push(`Each cell is its best point over all values of ${free.join(", ")}.`);
  if (held.length) parts.push(`Fixed: ${held.map((key) => `${key}=${chosen.fixed[key]}`).join(", ")}.`);
  parts.push("Point at a cell to see it exactly.");
  said.textContent = parts.join(" ");
}

show();
narrow.addEventListener("change", show);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
