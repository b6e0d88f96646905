// The rows over time, stacked, with the limit. uPlot draws; keyboard control, labels in
// the areas and text for screen readers are ours.
import { dark, fill, names, paper, rows, series, style } from './rows.js';
import { clock, day, limits, size, within } from './words.js';

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const GiB = 2 ** 30, MiB = 2 ** 20;

// lines returns the values of a scale, in steps of a power of two.
function lines(most, about) {
  const step = 2 ** Math.ceil(Math.log2(Math.max(most, MiB) / about));
  return Array.from({ length: Math.floor(most / step) + 1 }, (_, i) => i * step);
}

// increments are the steps of a time axis, in seconds.
const increments = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];

const scaleText = (v) => (v === 0 ? '0' : v >= GiB ? `${v / GiB} GiB` : v >= MiB ? `${v / MiB} MiB` : `${v / 1024} KiB`);

export class StackChart {
  // choose(index) is called when a time is selected, null being the latest; describe(index)
  // returns a sentence about it. Without them the chart is not interactive.
  constructor(root, { height, choose, describe }) {
    Object.assign(this, { root, height, choose, describe, pinned: null, index: null, steps: null });
    if (choose) {
      root.addEventListener('keydown', (e) => this.key(e));
      root.addEventListener('mousemove', () => { this.pinned = null; }, true); // before uPlot's own
    }
    new ResizeObserver(() => this.resize()).observe(root);
    dark.addEventListener('change', () => this.plot?.redraw(true, true));
    paper.addEventListener('change', () => this.resize());
  }

  // show draws steps (see withGaps) in a time range, and a forecast behind it, in half the
  // width of the range at most: a longer one is compressed.
  show(steps, from, to, forecast) {
    const needed = 1.1e3 * (forecast?.high_seconds ?? 0), ahead = forecast ? Math.min(Math.max(needed, (to - from) / 8), (to - from) / 2) : 0;
    Object.assign(this, { steps, from, now: to, to: to + ahead, forecast, squeeze: Math.min(1, ahead / Math.max(needed, 1)) });
    const usage = steps.at(names.usage), limit = steps.at(names.limit);
    const sum = usage.map((v) => (v == null ? null : 0));
    const layers = rows.map((row) => {
      const values = steps.at(series(row));
      return sum.map((s, i) => (s == null ? null : (sum[i] = s + Math.max(0, values[i] ?? 0))));
    });
    const highest = Math.max(0, ...usage, ...limit, ...sum);
    this.most = Math.max(highest * 1.07, 64 * MiB);
    const data = [steps.times.map((t) => t / 1000), ...layers, limit, steps.at(names.unreclaimable)];
    if (!this.plot) {
      this.plot = new uPlot(this.options(), data, this.root);
    } else {
      this.plot.batch(() => {
        this.plot.setData(data, false);
        this.plot.setScale('x', { min: from / 1000, max: this.to / 1000 });
        this.plot.setScale('y', { min: 0, max: this.most });
      });
      if (this.pinned != null) this.pin(this.nearest(this.pinned));
    }
    this.announce();
  }

  options() {
    const line = { points: { show: false }, spanGaps: false };
    const axis = { stroke: () => color('--soft'), font: '12px system-ui, sans-serif', ticks: { show: false }, grid: { stroke: () => color('--grid'), width: 1 } };
    return {
      width: Math.max(this.root.clientWidth, 100), height: this.height(), padding: [12, 22, 0, 0],
      legend: { show: false }, select: { show: false },
      cursor: { show: !!this.choose, y: false, points: { show: false }, drag: { x: false, y: false } },
      scales: {
        x: { time: true, range: () => [this.from / 1000, this.to / 1000] },
        y: { range: () => [0, this.most] },
      },
      axes: [
        { ...axis, size: 30, space: 74, incrs: increments, filter: (_, at) => at.map((t) => (this.squeeze < 1 && this.forecast && 1e3 * t > this.now ? null : t)), values: (u, at, _, __, step) => at.map((t) => (t == null ? '' : step >= 86400 || (step >= 3600 && new Date(t * 1000).getHours() === 0) ? day(t * 1000) : clock(t * 1000, step < 60))) },
        { ...axis, size: 66, splits: () => lines(this.most, this.height() > 200 ? 7 : 4), values: (_, at) => at.map(scaleText) },
      ],
      series: [
        {},
        ...rows.map((row) => ({ ...line, label: row.name, width: 1, stroke: () => color('--card'), fill: (u) => fill(row, u.ctx) })),
        { ...line, label: 'limit', width: 1.5, dash: [7, 5], stroke: () => color('--limit') },
        { ...line, label: 'unreclaimable', width: 1.5, stroke: () => color('--ink') },
      ],
      bands: rows.slice(1).map((_, i) => ({ series: [i + 2, i + 1] })),
      hooks: {
        setCursor: [(u) => this.moved(u.cursor.idx)],
        draw: [(u) => this.ahead(u), (u) => this.labels(u)],
      },
    };
  }

  resize() {
    if (this.plot && this.root.clientWidth) this.plot.setSize({ width: this.root.clientWidth, height: this.height() });
  }

  // labels writes the names of rows into areas that are large enough, and the limit.
  labels(u) {
    const c = u.ctx, scale = devicePixelRatio || 1, last = u.data[0].length - 1;
    const y = (v) => u.valToPos(v, 'y', true), x = (i) => u.valToPos(u.data[0][i], 'x', true);
    c.save();
    c.font = `600 ${12 * scale}px system-ui, sans-serif`;
    c.textBaseline = 'middle';
    rows.forEach((row, k) => {
      const { color: back, label } = style(row);
      if (!label) return;
      const width = c.measureText(row.name).width, pad = 8 * scale;
      let floor = Infinity, roof = -Infinity, i = last; // of the space free over the whole width
      for (let free = 0; i >= 0 && free < width + 2 * pad; i--) {
        if (u.data[k + 1][i] == null) return;
        free = x(last) - x(i);
        floor = Math.min(floor, y(k ? u.data[k][i] : 0));
        roof = Math.max(roof, y(u.data[k + 1][i]));
      }
      if (i < 0 || floor - roof < 17 * scale) return;
      c.fillStyle = label;
      c.textAlign = 'right';
      if (row.pattern) { c.strokeStyle = back; c.lineWidth = 4 * scale; c.lineJoin = 'round'; c.strokeText(row.name, x(last) - pad, (floor + roof) / 2); }
      c.fillText(row.name, x(last) - pad, (floor + roof) / 2);
    });
    const limit = u.data[rows.length + 1].findLast((v) => v != null);
    if (limit != null) {
      c.fillStyle = color('--limit');
      c.textAlign = 'left';
      c.textBaseline = 'top';
      c.fillText(`limit ${size(limit)}`, u.bbox.left + 6 * scale, y(limit) + 5 * scale);
    }
    c.restore();
  }

  // ahead draws the forecast: a line from now to the limit, and its interval as a band.
  // A heap, or direct memory, is full below the limit of the container: there the band is the interval only.
  ahead(u) {
    const f = this.forecast, limit = u.data[rows.length + 1].findLast((v) => v != null), last = u.data[0].length - 1;
    const value = u.data[rows.length + 2].findLast((v) => v != null);
    this.root.dataset.forecast = f ? f.reached : '';
    if (!f || limit == null || value == null) return;
    const c = u.ctx, scale = devicePixelRatio || 1, { left, top, width, height } = u.bbox, below = f.reached !== 'container_limit';
    const x = (s) => u.valToPos(this.now / 1000 + Math.max(0, s - (this.now - f.from) / 1000) * this.squeeze, 'x', true), y = (v) => u.valToPos(v, 'y', true);
    const now = u.valToPos(u.data[0][last], 'x', true);
    c.save();
    c.beginPath();
    c.rect(left, top, width, height);
    c.clip();
    c.fillStyle = c.strokeStyle = color('--mood');
    c.lineWidth = 1.5 * scale;
    c.globalAlpha = 0.25;
    c.beginPath();
    if (below) c.rect(x(f.low_seconds), top, Math.max(x(f.high_seconds) - x(f.low_seconds), 2 * scale), height);
    else [[now, value], [x(f.low_seconds), limit], [x(f.high_seconds), limit]].forEach(([px, v], i) => c[i ? 'lineTo' : 'moveTo'](px, y(v)));
    c.fill();
    c.globalAlpha = 1;
    c.beginPath();
    c.moveTo(below ? x(f.seconds) : now, below ? top + height : y(value));
    c.lineTo(x(f.seconds), below ? top : y(limit));
    c.stroke();
    c.globalAlpha = 0.6;
    c.setLineDash([2 * scale, 3 * scale]);
    c.beginPath();
    c.moveTo(now, top);
    c.lineTo(now, top + height);
    c.stroke();
    c.restore();
    c.save();
    c.fillStyle = color('--ink');
    c.font = `600 ${12 * scale}px system-ui, sans-serif`;
    c.textAlign = 'right';
    c.textBaseline = 'bottom';
    const text = `${limits[f.reached] ?? 'limit'} ${within(f)}`, exact = this.squeeze < 1 ? `${text}, not to scale` : text;
    c.fillText(c.measureText(exact).width < width - 8 * scale ? exact : text, left + width - 4 * scale, y(limit) - 4 * scale);
    c.restore();
  }

  // moved is called by uPlot when the cursor is over another step: the pointer moved, or
  // the steps did.
  moved(index) {
    if (index === this.index || this.pinned != null) return;
    this.chosen(index);
  }

  chosen(index) {
    this.index = index;
    this.choose?.(index);
    this.announce();
  }

  nearest(time) {
    let best = null;
    this.steps.times.forEach((t, i) => {
      if (!this.steps.gap(i) && (best == null || Math.abs(t - time) < Math.abs(this.steps.times[best] - time))) best = i;
    });
    return best;
  }

  // pin selects a step by key; null returns to the latest.
  pin(index) {
    this.pinned = index == null ? null : this.steps.times[index];
    this.plot?.setCursor(index == null ? { left: -10, top: -10 } : { left: this.plot.valToPos(this.pinned / 1000, 'x'), top: 10 });
    this.chosen(index);
  }

  key(e) {
    if (!this.steps?.times.length || e.altKey || e.ctrlKey || e.metaKey) return;
    const known = this.steps.times.map((_, i) => i).filter((i) => !this.steps.gap(i));
    const at = known.indexOf(this.index ?? known.at(-1));
    const to = { ArrowLeft: at - 1, ArrowDown: at - 1, ArrowRight: at + 1, ArrowUp: at + 1, PageDown: at - 10, PageUp: at + 10, Home: 0, End: known.length - 1, Escape: null }[e.key];
    if (to === undefined) return;
    e.preventDefault();
    this.pin(to == null ? null : known[Math.min(Math.max(to, 0), known.length - 1)]);
  }

  // announce updates the text for screen readers.
  announce() {
    if (!this.choose) return;
    const n = this.steps.times.length, at = this.index ?? n - 1;
    this.root.setAttribute('aria-valuemax', Math.max(0, n - 1));
    this.root.setAttribute('aria-valuenow', Math.max(0, at));
    const f = this.index == null && this.forecast;
    this.root.setAttribute('aria-valuetext', n ? this.describe(at) + (f ? `; ${limits[f.reached] ?? 'limit reached'} ${within(f)}` : '') : 'no data yet');
  }
}
