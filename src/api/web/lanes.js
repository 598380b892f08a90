// Replicas as lanes: one row a replica, from the order of its start to now, coloured by what it did.
import { el } from "./dom.js";

const SHOWN = 24;
const PHASES = { scheduled: "scheduled", fetched: "fetching", launched: "launching", loading: "loading" };

/** What a replica did: [word, from, to] in seconds. */
function segments(replica, now) {
  const at = (text) => (text ? Date.parse(text) / 1000 : null);
  const steps = [];
  if (at(replica.ordered) !== null) steps.push(["starting", at(replica.ordered)]);
  for (const phase of replica.phases) steps.push([PHASES[phase.phase] ?? phase.phase, at(phase.at)]);
  if (at(replica.ready) !== null) steps.push(["ready", at(replica.ready)]);
  const changed = at(replica.changed);
  if (!["starting", "ready"].includes(replica.state) && changed !== null) steps.push([replica.state, changed]);
  return steps.map(([word, from], i) => [word, from, steps[i + 1]?.[1] ?? now]);
}

const CLASS = (word) => (Object.values(PHASES).includes(word) ? "starting" : word);

export class Lanes {
  constructor(place) {
    this.place = place;
    this.seen = new Map(); // id -> the replica as it was seen last, and when
  }

  remember(replicas, now) {
    for (const replica of replicas) this.seen.set(replica.id, { replica, until: now, gone: false });
    const here = new Set(replicas.map((replica) => replica.id));
    for (const [id, lane] of this.seen) if (!here.has(id)) lane.gone = true;
  }

  update(replicas, from, now) {
    this.remember(replicas, now);
    for (const [id, lane] of this.seen) if (lane.until < from) this.seen.delete(id);
    const lanes = [...this.seen.values()].sort((a, b) => Number(b.replica.id) - Number(a.replica.id)).slice(0, SHOWN);
    this.place.hidden = lanes.length === 0;
    const title = el("h3", {}, "Replicas");
    this.place.replaceChildren(title, ...lanes.map((lane) => this.row(lane, from, now)));
  }

  row({ replica, until, gone }, from, now) {
    const track = el("div", { class: "track" });
    const width = now - from;
    for (const [word, begin, end] of segments(replica, gone ? until : now)) {
      const left = (Math.max(begin, from) - from) / width;
      const share = (end - Math.max(begin, from)) / width;
      if (share <= 0) continue;
      const bar = el("span", { class: `bar ${CLASS(word)}`, title: `${word}, ${Math.round(end - begin)} s` });
      if (share > 0.08) bar.append(word);
      bar.style.left = `${left * 100}%`;
      bar.style.width = `max(${share * 100}%, 3px)`;
      track.append(bar);
    }
    const word = gone ? "ended" : replica.phase ? `${replica.state}, ${replica.phase}` : replica.state;
    return el("div", { class: "lane" }, el("span", { class: "name" }, `#${replica.id}`), track, el("span", { class: "what" }, word));
  }
}
