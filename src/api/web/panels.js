// Tables and cards beside the charts: pools' values, decisions, requests, GPUs, and the drawer.
import { UNKNOWN, amount, cell, clock, el, get, number, percent, rows, say, seconds } from "./dom.js";

const field = (section, name) => section.querySelector(`[data-field="${name}"]`);
const path = (name) => encodeURIComponent(name);

// ---- a pool ----

export function showPool(section, pool, point) {
  const traffic = pool.traffic ?? {};
  const n = pool.replicas;
  const whole = (value) => number(value === null || value === undefined ? null : Math.round(value));
  say(field(section, "health"), pool.health);
  field(section, "health").className = `health ${pool.health}`;
  say(field(section, "sentence"), pool.sentence);
  say(field(section, "whyCount"), `Why ${n.desired}:`);
  say(field(section, "why"), pool.decision?.words ?? "nothing was decided yet");
  say(field(section, "ready"), `${n.ready} / ${n.desired}`);
  say(field(section, "bounds"), `${n.min}–${n.max}`);
  say(field(section, "inFlight"), number(traffic.inFlightRequests));
  say(field(section, "waiting"), number(traffic.waitingRequests) + (traffic.waitingRequests > 0 ? `, ${seconds(traffic.oldestWait)}` : ""));
  say(field(section, "tokens"), `${whole(point?.promptTokensPerSecond)} / ${whole(point?.outputTokensPerSecond)}`);
  say(field(section, "ttft"), `${seconds(point?.ttftP50)} / ${seconds(point?.ttftP95)}`);
  say(field(section, "itl"), `${seconds(point?.itlP50)} / ${seconds(point?.itlP95)}`);
  say(field(section, "attainment"), percent(traffic.attainment));
  say(field(section, "completed"), traffic.completed === undefined ? UNKNOWN : String(traffic.completed));
  say(field(section, "startup"), `${seconds(pool.startP50)} / ${seconds(pool.startP90)}`);
  say(field(section, "learned"), pool.learnedWords ?? UNKNOWN);
  markBreach(field(section, "ttft"), point?.ttftP95, pool.objective?.ttft);
  markBreach(field(section, "itl"), point?.itlP95, pool.objective?.interTokenLatency);
}

function markBreach(node, value, limit) {
  const over = limit !== null && limit !== undefined && value !== null && value !== undefined && value > limit;
  node.classList.toggle("over", over);
  if (over) say(node, `${node.textContent} over ${seconds(limit)}`);
}

export function showReplicas(section, replicas) {
  const made = replicas.slice(0, 100).map((r) => el("tr", {}, cell(r.id),
    cell(el("span", { class: `state ${r.state}` }, r.state)), cell(r.phase ?? ""), amount(number(r.inFlightRequests)),
    cell(r.address ?? ""), cell(el("a", { class: "log", href: `/api/v1/replicas/${r.id}/logs`, "data-focus": `log-${r.id}` }, "log")),
    cell(r.text ?? "")));
  rows(section.querySelector(".replicas tbody"), made, "No replica runs.", 7);
}

export function showTrail(section, why) {
  const trail = section.querySelector(".trail");
  if (!trail) return;
  rows(trail.querySelector("tbody"), trailRows(why.decision), "", 4);
  const hints = why.hints.map((hint) => el("li", {}, hint.words));
  trail.querySelector(".hints").replaceChildren(...(hints.length ? hints : [el("li", {}, "another demand: no limit holds the count.")]));
}

function trailRows(decision) {
  const first = el("tr", {}, cell(`policy ${decision.proposal.policy}`), amount(""), amount(number(decision.proposal.replicas)),
    cell(decision.proposal.words));
  const told = decision.trail[0]?.stage === "policy"; // in the trail already
  return [...(told ? [] : [first]), ...decision.trail.map((e) => el("tr", {}, cell(e.stage), amount(String(e.before)), amount(String(e.after)), cell(e.words)))];
}

export function showPoints(section, points) {
  const made = points.slice(-20).reverse().map((p) => el("tr", {}, cell(el("time", { datetime: p.at }, clock(p.at))), amount(number(p.demand)),
    amount(String(p.ready)), amount(String(p.starting)), amount(number(p.waitingRequests)), amount(seconds(p.ttftP95)), amount(seconds(p.itlP95))));
  rows(section.querySelector(".points tbody"), made, "Nothing was seen yet.", 7);
}

/** All points of a pool as text for a spreadsheet. */
export function csv(points) {
  const names = Object.keys(points[0] ?? {});
  return [names.join(","), ...points.map((p) => names.map((name) => p[name] ?? "").join(","))].join("\n");
}

// ---- decisions ----

/** What is decided again and again, because it cannot be done yet, is one row: the first. Newest first, as given. */
function onceEach(changes) {
  const last = new Map();
  return changes.toReversed().filter((c) => {
    const step = `${c.previous} ${c.desired}`;
    const same = last.get(c.pool) === step;
    last.set(c.pool, step);
    return !same;
  }).toReversed();
}

export function showChanges(recent, older) {
  const begin = recent.at(-1)?.at ?? "~"; // of what is in memory: the store tells what was before
  const changes = onceEach([...recent, ...older.filter((c) => c.at < begin)]);
  const made = changes.slice(0, 100).map((c) => el("tr", {}, cell(el("time", { datetime: c.at }, clock(c.at))), cell(c.pool ?? UNKNOWN),
    amount(`${c.previous} → ${c.desired}`), cell(c.words ?? ""),
    cell(el("a", { class: "steps", "data-focus": `${c.pool} ${c.at}`, href: `/api/v1/pools/${path(c.pool)}/why?at=${path(c.at)}` }, "steps"))));
  rows(document.querySelector("#decisions tbody"), made, "No count has changed since the start.", 5);
}

/** What the store remembers from before the start, as changes. */
export async function olderChanges() {
  const { decisions } = await get("/api/v1/decisions?changed=true&limit=100");
  return decisions.flatMap((tick) => tick.pools.filter((p) => p.pool !== null && p.decision.desired !== p.decision.previous)
    .map((p) => ({ pool: p.pool, at: tick.at, previous: p.decision.previous, desired: p.decision.desired, words: p.words })));
}

// ---- requests ----

const armed = new Set();

export function showRequests(requests, refresh) {
  const body = document.querySelector("#requests tbody");
  if (requests === null) return rows(body, [], "Unknown: the gateway does not answer.", 8);
  const here = new Set(requests.map((r) => r.id));
  for (const id of armed) if (!here.has(id)) armed.delete(id);
  const made = requests.slice(0, 100).map((r) => el("tr", { "data-id": r.id }, cell(r.id), cell(r.model), cell(r.pool ?? ""),
    cell(r.position === null ? r.phase : `${r.phase}, place ${r.position}`), amount(r.replica ?? ""), amount(String(r.outputTokens)),
    amount(seconds(r.age)), cell(el("button", { type: "button", class: armed.has(r.id) ? "cancel armed" : "cancel", "data-focus": r.id },
      armed.has(r.id) ? "Really end it?" : "Cancel"))));
  body.onclick = (event) => press(event.target.closest("button.cancel"), refresh);
  return rows(body, made, "No request is open.", 8);
}

/** The first press asks, the second one does it. */
async function press(button, refresh) {
  const id = button?.dataset.focus;
  if (!id) return;
  if (armed.has(id)) {
    armed.delete(id);
    await fetch(`/api/v1/requests/${path(id)}`, { method: "DELETE" });
  } else {
    armed.add(id);
    button.classList.add("armed");
    button.textContent = "Really end it?";
  }
  refresh();
}

// ---- GPUs ----

export function showGpus(inventory) {
  const section = document.querySelector("#gpus");
  const gpus = inventory?.gpus ?? [];
  const memory = new Map((inventory?.replicas ?? []).map((r) => [r.replica, r.gpuMemoryUsedBytes]));
  const made = gpus.map((g) => el("tr", {}, cell(g.id), cell(g.type), amount(gib(g.memoryBytes)), amount(gib(g.measured?.memoryUsedBytes)),
    amount(number(g.used * 100)), cell(g.replicas.map((id) => holder(id, memory, "")).join(" "))));
  rows(section.querySelector("tbody"), made, "No GPU is known on this machine.", 6);
  const cards = section.querySelector(".cards");
  cards.hidden = gpus.length === 0;
  cards.replaceChildren(...gpus.map((gpu) => gpuCard(gpu, memory)));
  section.classList.toggle("has-cards", gpus.length > 0);
}

const gib = (bytes) => number(bytes === undefined ? null : bytes / 1073741824);

// Memory where it is measured and the replica has its GPUs for itself.
const holder = (id, memory, mark) => `${mark}${id}${memory.get(id) === undefined ? "" : ` (${gib(memory.get(id))} GiB)`}`;

function gpuCard(gpu, memory) {
  const fill = el("span", { class: "fill" });
  fill.style.width = `${Math.min(gpu.used, 1) * 100}%`;
  const held = gpu.replicas.length ? gpu.replicas.map((id) => holder(id, memory, "#")).join(" ") : "free";
  const size = gpu.memoryBytes === undefined ? "" : `, ${gib(gpu.memoryBytes)} GiB`;
  const used = gpu.measured?.memoryUsedBytes === undefined ? [] : [el("span", {}, `${gib(gpu.measured.memoryUsedBytes)} GiB in use`)];
  return el("div", { class: "gpu" }, el("strong", {}, gpu.id), el("span", {}, `${gpu.type}${size}`),
    el("span", { class: "use" }, fill), ...used, el("span", {}, held));
}

// ---- the rest ----

export function showConditions(conditions) {
  const place = document.querySelector("#conditions");
  const made = conditions.map((c) => el("p", { class: "condition" }, el("strong", {}, c.name), ` ${c.pool ? `${c.pool}: ` : ""}${c.text}`));
  if (made.length !== place.children.length || made.some((node, i) => !node.isEqualNode(place.children[i]))) place.replaceChildren(...made);
}

export function showSummary(pools) {
  const sum = (of) => pools.reduce((total, pool) => total + (of(pool) ?? 0), 0);
  const trouble = pools.filter((pool) => pool.health === "trouble").length;
  const parts = [`${pools.length} pool${pools.length === 1 ? "" : "s"}`, `${sum((p) => p.replicas.ready)} ready`,
    `${sum((p) => p.traffic?.inFlightRequests)} in flight`, `${sum((p) => p.traffic?.waitingRequests)} waiting`];
  if (trouble) parts.push(`${trouble} in trouble`);
  say(document.querySelector("#summary"), parts.join(" · "));
  document.title = `${trouble ? "▲ " : ""}Sluice: ${parts.slice(1, 2)}`;
}

/** A drawer over the page: the steps of a decision, or what an engine wrote. */
export async function openDrawer(title, href) {
  const drawer = document.querySelector("#drawer");
  const body = document.querySelector("#drawer-body");
  say(document.querySelector("#drawer-title"), title);
  body.replaceChildren(el("p", {}, "…"));
  if (!drawer.open) drawer.showModal();
  try {
    body.replaceChildren(...(href.includes("/why?") ? stepsOf(await stepsAt(href)) : await logOf(href)));
  } catch (error) {
    body.replaceChildren(el("p", {}, error.message));
  }
}

/** A decision is shown before it is written down: until then the answer is about the one before it. */
async function stepsAt(href) {
  const wanted = Date.parse(new URL(href, location.href).searchParams.get("at"));
  for (let tries = 10; ; tries--) {
    const why = await get(href);
    if (!(Date.parse(why.at) < wanted) || tries === 0) return why;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

function stepsOf(why) {
  const head = ["Step", "Before", "After", "Why"].map((word) => el("th", { scope: "col" }, word));
  const inputs = why.inputs.map((i) => el("tr", {}, cell(i.signal), cell(i.state), amount(number(i.value)), cell(i.unit)));
  const inputHead = ["Signal", "State", "Value", "Unit"].map((word) => el("th", { scope: "col" }, word));
  return [el("p", {}, why.sentence), el("table", {}, el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...trailRows(why.decision))),
    el("h3", {}, "It would have changed with"), el("ul", {}, ...why.hints.map((hint) => el("li", {}, hint.words)),
      ...(why.hints.length ? [] : [el("li", {}, "another demand: no limit held the count.")])),
    el("h3", {}, "What it read"), el("table", {}, el("thead", {}, el("tr", {}, ...inputHead)), el("tbody", {}, ...inputs))];
}

async function logOf(href) {
  const answer = await fetch(`${href}?lines=300`, { cache: "no-store" });
  const text = await answer.text();
  return [el("pre", { tabindex: "0" }, answer.ok ? text || "It wrote nothing." : (JSON.parse(text).error?.message ?? text))];
}
