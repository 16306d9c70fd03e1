"use strict";

// Data of the page: { plots, night, experiment, tracking, name, configs }.
const page = JSON.parse(document.getElementById("page").textContent);
const dark = matchMedia("(prefers-color-scheme: dark)");
const WORDS = new Set(["text", "hovertext", "ticktext", "name", "legendgroup"]);
const NEUTRAL = "#5F5F5F";
const FAINT = 0.5;
let printing = false;

/** Return a figure, or a part of it, in the dark scheme. */
function byNight(value, key) {
  if (typeof value === "string") return page.night[value] ?? value;
  if (Array.isArray(value)) return WORDS.has(key) ? value : value.map((each) => byNight(each, key));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [name, WORDS.has(name) && typeof each === "string" ? each : byNight(each, name)]),
  );
}

/** Return a figure with trials coloured by a setting, and its colour bar. */
function coloured({ data, layout }, { name, colours, bar, ticks }) {
  const shaded = data.map((trace) => {
    if (!trace.marker || !(trace.customdata || trace.meta === "key")) return trace;
    const color = trace.customdata ? trace.customdata.map((trial) => colours[trial] ?? NEUTRAL) : NEUTRAL;
    const opacity = trace.marker.opacity < FAINT ? FAINT : 1;
    return { ...trace, marker: { ...trace.marker, color, opacity } };
  });
  const scale = { x: [null], y: [null], mode: "markers", showlegend: false, hoverinfo: "skip" };
  scale.marker = { color: [0], coloraxis: "coloraxis" };
  const colorbar = { title: { text: name }, thickness: 14, len: 0.9, outlinewidth: 0, ticks: "outside" };
  Object.assign(colorbar, { tickvals: ticks.map(([at]) => at), ticktext: ticks.map(([, text]) => text) });
  const coloraxis = { cmin: 0, cmax: 1, showscale: true, colorscale: bar, colorbar };
  return { data: [...shaded, scale], layout: { ...layout, coloraxis } };
}

function draw(box) {
  const plot = page.plots[box.dataset.plot];
  const choice = box.querySelector("select")?.value;
  let figure = choice ? coloured(plot.figure, plot.colourings[choice]) : plot.figure;
  if (dark.matches && !printing) figure = byNight(figure);
  const canvas = box.querySelector(".canvas");
  const isNew = !canvas.data;
  Plotly.react(canvas, figure.data, figure.layout, { responsive: true, displayModeBar: false });
  if (isNew) canvas.on("plotly_click", (event) => pin(box, plot, event.points[0]));
}

/** Show the hover text of a point below its plot, with a link to its run. */
function pin(box, plot, point) {
  if (!point.hovertext) return;
  const details = box.querySelector(".details");
  const [title, ...facts] = point.hovertext.split("<br>");
  details.innerHTML = `<p>${title}</p><div class="facts">${facts.join("<br>")}</div>`; // escaped by Python
  const run = plot.runs[point.customdata];
  if (run) details.append(linkTo(run));
  details.hidden = false;
}

/** Return a link to a run, or its address where a page must not open links. */
function linkTo(run) {
  const line = document.createElement("p");
  const base = server();
  const address = `${base}/#/experiments/${page.experiment}/runs/${run}?workflowType=machine_learning`;
  const isBoxed = window !== window.parent && window.origin === "null"; // a sandboxed iframe
  if (base && !isBoxed) {
    const link = Object.assign(document.createElement("a"), { href: address, target: "_blank", rel: "noopener" });
    link.textContent = "Open the run in MLflow";
    line.append(link);
  } else if (base) {
    const field = Object.assign(document.createElement("input"), { value: address, readOnly: true });
    field.ariaLabel = "Address of the run";
    field.addEventListener("focus", () => field.select());
    line.append("MLflow lets no link out of its viewer; the run is at ", field, copyButton(() => address, "Copy"));
  } else {
    line.textContent = `Its MLflow run is ${run}; swast-search ui ${page.name} serves it.`;
  }
  return line;
}

/** Return the address of MLflow: as the search recorded it, or the server of this page. */
function server() {
  if (page.tracking) return page.tracking;
  const outer = location.ancestorOrigins?.[0] ?? "";
  if (outer.startsWith("http")) return outer;
  return location.protocol.startsWith("http") && location.pathname.includes("get-artifact") ? location.origin : "";
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch { // an old browser, a sandbox, or an insecure context
    const area = Object.assign(document.createElement("textarea"), { value: text });
    area.style.cssText = "position: fixed; opacity: 0";
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    if (!done) throw new Error("nothing was copied");
  }
}

function copyButton(text, label) {
  const button = Object.assign(document.createElement("button"), { type: "button", textContent: label });
  button.addEventListener("click", () => copyFrom(button, text()));
  return button;
}

async function copyFrom(button, text) {
  const label = button.textContent;
  const result = await copy(text).then(() => "Copied", () => "Not copied");
  button.textContent = result;
  setTimeout(() => { button.textContent = label; }, 1500);
}

/** Sort a table by the column of a button; empty cells stay last. */
function sort(button) {
  const head = button.closest("th");
  const body = head.closest("table").tBodies[0];
  const down = head.ariaSort === "ascending";
  for (const other of head.parentNode.cells) other.ariaSort = null;
  head.ariaSort = down ? "descending" : "ascending";
  const keyed = [...body.rows].map((row) => [row.cells[head.cellIndex].dataset.value, row]);
  const order = (one, other) => (down ? -1 : 1) * compare(one[0], other[0]);
  const known = keyed.filter(([value]) => value !== "").sort(order);
  body.append(...[...known, ...keyed.filter(([value]) => value === "")].map(([, row]) => row));
}

function compare(one, other) {
  const [a, b] = [Number(one), Number(other)];
  return Number.isNaN(a) || Number.isNaN(b) ? one.localeCompare(other) : a - b;
}

const boxes = [...document.querySelectorAll("figure[data-plot]")];
const seen = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (!isIntersecting) continue;
    seen.unobserve(target);
    draw(target);
  }
}, { rootMargin: "600px" });
for (const box of boxes) {
  seen.observe(box);
  box.querySelector("select")?.addEventListener("change", () => draw(box));
}
const drawAgain = () => boxes.filter((box) => box.querySelector(".canvas").data).forEach(draw);
dark.addEventListener("change", drawAgain);
addEventListener("beforeprint", () => { printing = true; boxes.forEach(draw); });
addEventListener("afterprint", () => { printing = false; drawAgain(); });
document.addEventListener("click", (event) => {
  const button = event.target.closest("th button, button[data-trial]");
  if (!button) return;
  if (button.dataset.trial) copyFrom(button, page.configs[button.dataset.trial]);
  else sort(button);
});
