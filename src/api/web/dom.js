// Small helpers. Text from the API only ever becomes text: nothing here parses HTML.

export const UNKNOWN = "–";

/** An element with attributes and children; strings become text. */
export function el(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "on") for (const [event, fn] of Object.entries(value)) node.addEventListener(event, fn);
    else if (value === true) node.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(key, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** Writes only what differs, so that a selection and the place of a screen reader stay. */
export function say(node, text) {
  if (node && node.textContent !== text) node.textContent = text;
}

export function number(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return UNKNOWN;
  const size = Math.abs(value);
  const step = size >= 100 ? 1 : size >= 10 ? 10 : 100;
  return String(Math.round(value * step) / step);
}

export function seconds(value) {
  if (value === null || value === undefined) return UNKNOWN;
  return value < 1 ? `${number(Math.round(value * 1000))} ms` : `${number(value)} s`;
}

export function percent(ratio) {
  return ratio === null || ratio === undefined ? UNKNOWN : `${Math.round(ratio * 1000) / 10} %`;
}

/** The time of day of an RFC 3339 text, UTC. */
export function clock(text) {
  return text ? text.slice(11, 19) : UNKNOWN;
}

export async function get(path) {
  const answer = await fetch(path, { headers: { accept: "application/json" }, cache: "no-store" });
  if (!answer.ok) {
    const problem = await answer.json().catch(() => null);
    throw new Error(problem?.error?.message ?? `${path}: status ${answer.status}`);
  }
  return answer.json();
}

/** Replaces the rows of a table, unless they are the same or the reader stands in one of them. */
export function rows(body, made, none, columns) {
  if (!body) return;
  if (made.length === 0) made = [el("tr", {}, el("td", { colspan: columns, class: "none" }, none))];
  const old = [...body.children];
  made.forEach((row, i) => {
    if (!old[i]) body.append(row);
    else if (!old[i].isEqualNode(row)) replaceRow(old[i], row);
  });
  old.slice(made.length).forEach((row) => row.remove());
}

function replaceRow(old, row) {
  const focused = old.contains(document.activeElement) ? document.activeElement.dataset.focus : null;
  old.replaceWith(row);
  if (focused) row.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus();
}

export const cell = (text, attributes = {}) => el("td", attributes, text);
export const amount = (text) => el("td", { class: "n" }, text);
