// Keeps the page current: one event stream tells that something is new, the API says what. Without this file the page
// is the same, as of its loading.
import { Charts } from "./charts.js";
import { Lanes } from "./lanes.js";
import { el, get, say } from "./dom.js";
import * as panels from "./panels.js";

const REFRESH_MS = 1000; // not more often
const IDLE_MS = 5000; // without a word of the stream
const RANGES = [5, 10, 30]; // minutes

const pools = new Map(); // name -> {section, charts, lanes, points}
let changes = [];
let older = []; // of the store: also from before the start
let minutes = Number(new URLSearchParams(location.hash.slice(1)).get("range")) || RANGES[0];
let source = null;
let heard = 0; // when the API answered last
let asking = false;
let again = false;
let timer = null;

for (const section of document.querySelectorAll("section.pool"))
  pools.set(section.dataset.pool, { section, charts: null, lanes: new Lanes(section.querySelector(".lanes")), points: [] });

// ---- asking ----

async function askPool(pool, replicas) {
  const place = pools.get(pool.name);
  const name = encodeURIComponent(pool.name);
  const last = place.points.at(-1);
  const recent = await get(`/api/v1/pools/${name}/recent${last ? `?from=${encodeURIComponent(last.at)}` : ""}`);
  place.points = [...place.points, ...recent.points.filter((p) => !last || p.at > last.at)].slice(-900);
  const own = replicas.filter((replica) => replica.pool === pool.name);
  panels.showPool(place.section, pool, place.points.at(-1));
  panels.showReplicas(place.section, own);
  if (place.section.querySelector(".points").open) panels.showPoints(place.section, place.points);
  if (place.section.querySelector(".trail")?.open) panels.showTrail(place.section, await get(`/api/v1/pools/${name}/why`));
  place.charts ??= new Charts(place.section.querySelector(".charts"), pool);
  place.charts.update(pool, place.points, minutes);
  place.lanes.update(own, place.charts.from, Date.parse(recent.now) / 1000);
}

async function ask() {
  const [list, replicas, requests, conditions, inventory, recent] = await Promise.all([
    get("/api/v1/pools"), get("/api/v1/replicas"), get("/api/v1/requests").catch(() => null),
    get("/api/v1/conditions"), get("/api/v1/inventory"), get("/api/v1/changes")]);
  const known = list.pools.slice(0, pools.size);
  if (known.length !== pools.size || known.some((pool) => !pools.has(pool.name))) location.reload(); // another configuration
  await Promise.all(known.map((pool) => askPool(pool, replicas.replicas)));
  changes = recent.changes;
  panels.showChanges(changes, older);
  panels.showRequests(requests?.requests ?? null, soon);
  panels.showGpus(inventory);
  panels.showConditions(conditions.conditions);
  panels.showSummary(list.pools);
  heard = Date.now();
}

/** Now, or once more behind the question that is on its way. */
async function refresh() {
  clearTimeout(timer);
  timer = null;
  if (asking) {
    again = true;
    return;
  }
  asking = true;
  again = false;
  try {
    await ask();
  } catch (error) {
    if (!(error instanceof TypeError)) say(document.querySelector("#live"), error.message.slice(0, 80));
  } finally {
    asking = false;
    showLive();
    plan(again ? REFRESH_MS : IDLE_MS);
  }
}

function plan(ms) {
  if (document.hidden) return;
  clearTimeout(timer);
  timer = setTimeout(refresh, ms);
}

let due = 0;
function soon() {
  const wait = Math.max(0, due + REFRESH_MS - Date.now());
  if (wait === 0) {
    due = Date.now();
    refresh();
  } else if (!again) {
    plan(wait);
  }
}

// ---- the stream ----

function connect() {
  source = new EventSource("/api/v1/stream");
  source.addEventListener("open", soon);
  source.addEventListener("tick", soon);
  source.addEventListener("note", soon);
  source.addEventListener("error", showLive);
  source.addEventListener("decision", (event) => {
    changes = [JSON.parse(event.data), ...changes];
    panels.showChanges(changes, older);
    soon();
  });
}

function showLive() {
  const badge = document.querySelector("#live");
  const age = Math.round((Date.now() - heard) / 5000) * 5;
  const live = source?.readyState === EventSource.OPEN;
  const word = heard && age >= 10 ? `stale, ${age} s` : live ? "live" : "reconnecting";
  badge.className = `badge ${word.split(",")[0]}`;
  say(badge, word);
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    source?.close();
    clearTimeout(timer);
  } else {
    connect();
    refresh();
  }
});
setInterval(showLive, 1000);

// ---- what the reader does ----

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a.steps, a.log");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const href = link.getAttribute("href");
  const first = link.closest("tr").children;
  const title = link.classList.contains("log") ? `Output of replica ${first[0].textContent}` : `${first[1].textContent}: ${first[2].textContent} at ${first[0].textContent}`;
  panels.openDrawer(title, href);
});
document.querySelector("#drawer-close").addEventListener("click", () => document.querySelector("#drawer").close());

for (const { section } of pools.values()) {
  section.querySelector(".replicas").open = false; // the lanes show them
  section.addEventListener("toggle", refresh, true);
  const button = el("button", { type: "button", class: "copy" }, "Copy as CSV");
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(panels.csv(pools.get(section.dataset.pool).points));
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy as CSV"; }, 2000);
  });
  section.querySelector(".points .scroll").before(button);
}

const isDark = () => (document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
const theme = document.querySelector("#theme");

function redraw() {
  say(theme, isDark() ? "Light" : "Dark");
  theme.setAttribute("aria-label", `Switch to the ${isDark() ? "light" : "dark"} theme`);
  for (const place of pools.values()) place.charts?.redraw();
  refresh();
}

theme.hidden = false;
theme.addEventListener("click", () => {
  document.documentElement.dataset.theme = isDark() ? "light" : "dark";
  localStorage.setItem("sluice-theme", document.documentElement.dataset.theme);
  redraw();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

const range = el("select", { id: "range", "aria-label": "How far back" },
  ...RANGES.map((m) => el("option", { value: m, selected: m === minutes }, `last ${m} min`)));
range.addEventListener("change", () => {
  minutes = Number(range.value);
  location.replace(`#range=${minutes}`);
  refresh();
});
theme.before(range);

document.documentElement.classList.add("script");
connect();
redraw();
panels.olderChanges().then((found) => {
  older = found;
  soon();
}).catch(() => {}); // without the store there is only what happened since the start
