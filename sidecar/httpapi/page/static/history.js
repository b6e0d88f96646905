// The history. It is fetched whole when the range changes, and then incrementally.

import { names } from './tables.js';

const steps = 360; // of a range: more could not be distinguished

export const ranges = { '15m': 15 * 60e3, '1h': 3600e3, '6h': 6 * 3600e3, '24h': 24 * 3600e3 };

// key identifies a container in all documents, as Identity.Key does in Go.
export const key = (c) => [c.id, c.cgroup].filter(Boolean).join(' ');

export class History {
  constructor(range) {
    this.range = range;
    this.step = Math.max(100, Math.round(ranges[range] / steps));
    this.now = 0; // by the clock of the server
    this.containers = new Map();
  }

  // update fetches new steps with get(path) and adds them.
  async update(get) {
    const last = this.last();
    const from = last && Math.floor(last / this.step) * this.step;
    const since = from ? new Date(from).toISOString() : `${ranges[this.range]}ms`;
    const document = await get(`history?since=${encodeURIComponent(since)}&step=${this.step}ms`);
    this.now = Date.parse(document.time);
    if (last > this.now + 60e3) this.containers.clear(); // the clock was set back
    for (const c of document.containers) this.add(c, from);
    for (const [k, c] of this.containers) {
      cut(c, 0, c.times.findIndex((t) => t >= this.now - ranges[this.range]));
      if (!c.times.length) this.containers.delete(k);
    }
  }

  last() {
    return Math.max(0, ...[...this.containers.values()].map((c) => c.times.at(-1) ?? 0));
  }

  add(container, from) {
    const of = this.containers.get(key(container)) ?? { times: [], series: new Map() };
    this.containers.set(key(container), of);
    Object.assign(of, { id: container.id, name: container.name, cgroup: container.cgroup });
    const kept = from ? of.times.findIndex((t) => t >= from) : 0;
    if (kept >= 0) cut(of, kept, of.times.length);
    for (const track of container.tracks) {
      const before = of.times.length;
      of.times.push(...track.time_unix_ms);
      for (const [name, column] of Object.entries(track.series ?? {})) {
        if (!of.series.has(name)) of.series.set(name, new Array(before).fill(null));
        of.series.get(name).push(...column.last);
      }
      for (const values of of.series.values()) while (values.length < of.times.length) values.push(null);
    }
  }
}

// cut removes steps.
function cut(of, from, to) {
  const n = to < 0 ? of.times.length : to - from;
  if (n <= 0) return;
  of.times.splice(from, n);
  for (const [name, values] of of.series) {
    values.splice(from, n);
    if (values.every((v) => v == null)) of.series.delete(name);
  }
}

// middle is the median of the distances between times; 0 where there is none.
function middle(times) {
  const d = times.slice(1).map((t, i) => t - times[i]).sort((a, b) => a - b);
  return d.length ? d[Math.floor(d.length / 2)] : 0;
}

// interval is the distance between the latest steps.
export const interval = (times) => middle(times.slice(-6)) || 1000;

// isGap returns whether samples are missing between a step and the one before: the
// distance is much longer than those nearby. Old steps are coarser than new ones, and the
// first may be the only one of these.
function isGap(times, i) {
  const usual = Math.max(middle(times.slice(Math.max(0, i - 6), i)), middle(times.slice(i, i + 6)));
  return usual > 0 && times[i] - times[i - 1] > Math.max(3 * usual, 2000);
}

// sampled returns for each step the last full sample up to it, or the first one after it.
// Light readings between two samples have no generation.
function sampled(of) {
  const generation = of.series.get(names.generation) ?? [];
  let last = generation.findIndex((v) => v != null);
  return of.times.map((_, i) => (generation[i] != null ? (last = i) : last));
}

// withGaps returns a container's steps with an empty one in each gap, so that lines
// break there. Series that only full samples have (rows, details, pools: names with a /)
// have the value of the last sample.
export function withGaps(of) {
  const from = [], times = [];
  of.times.forEach((t, i) => {
    if (i > 1 && isGap(of.times, i)) {
      times.push((t + of.times[i - 1]) / 2);
      from.push(-1);
    }
    times.push(t);
    from.push(i);
  });
  const samples = sampled(of), rows = from.map((i) => (i < 0 ? i : samples[i]));
  const at = (name) => {
    const v = of.series.get(name);
    return (name.includes('/') ? rows : from).map((i) => v?.[i] ?? null);
  };
  // known is a series that some light readings lack: they have the value of the last sample.
  const known = (name) => {
    const v = of.series.get(name), is = of.series.get(names.generation);
    return from.map((i, k) => v?.[i] ?? (i >= 0 && is?.[i] == null ? v?.[rows[k]] : null) ?? null);
  };
  // sampledAt is when the rows of a step were read.
  const sampledAt = (i) => of.times[rows[i]];
  return { times, at, known, sampledAt, gap: (i) => from[i] < 0, names: [...of.series.keys()] };
}
