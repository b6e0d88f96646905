// Small curves: native memory in its parts, old generation, classes, threads.
import { dark, names, rows, style } from './rows.js';
import { exact, make, moment, set, signed, size } from './words.js';

// line draws a number over time, from zero to a maximum. Unknown values are gaps.
export function line({ values, steps, from, to, at, width, height, color, top }) {
  const canvas = make('canvas', { class: 'line' }), scale = 2;
  canvas.width = width * scale;
  canvas.height = height * scale;
  if (!values) return canvas;
  const c = canvas.getContext('2d');
  const most = 1.1 * Math.max(1, top ?? 0, ...values);
  const x = (i) => 3 + (width - 6) * (steps.times[i] - from) / (to - from), y = (v) => height - 2 - (height - 5) * v / most;
  c.scale(scale, scale);
  c.strokeStyle = c.fillStyle = color;
  c.lineWidth = 1.5;
  c.lineJoin = c.lineCap = 'round';
  c.beginPath();
  let down = false;
  values.forEach((v, i) => {
    if (v != null && down) c.lineTo(x(i), y(v));
    else if (v != null) { c.moveTo(x(i), y(v)); c.lineTo(x(i), y(v)); }
    down = v != null;
  });
  c.stroke();
  const end = at ?? values.findLastIndex((v) => v != null);
  if (values[end] != null) {
    c.beginPath();
    c.arc(x(end), y(values[end]), 2.5, 0, 7);
    c.fill();
  }
  return canvas;
}

// floors returns what survived collections of the old generation: the least value from one
// collection to the next.
function floors(used, collections) {
  const out = [...used];
  for (let i = 0, j; i < used.length; i = j) {
    let least = Infinity;
    for (j = i; j < used.length && (collections[j] === collections[i] || collections[j] == null); j++) if (used[j] != null) least = Math.min(least, used[j]);
    for (let k = i; k < j; k++) if (used[k] != null) out[k] = least;
  }
  return out;
}

// curves lists what there is: [title, values, format, id of the row whose colour it has].
function curves(steps) {
  const largest = (v) => Math.max(0, ...v);
  const native = steps.names.filter((n) => n.startsWith(names.native))
    .map((n) => [n.slice(names.native.length).replaceAll('_', ' '), steps.at(n), size, 'native'])
    .filter(([, v]) => largest(v) > 0).sort((a, b) => largest(b[1]) - largest(a[1]));
  const top = largest(native.flatMap(([, v]) => v));
  const old = steps.known(names.old), collections = steps.known(names.collections);
  return [
    ...native.map((curve) => [...curve, top]),
    collections.some((n) => n > 0) ? ['old generation after collection', floors(old, collections), size, 'heap'] : ['old generation', old, size, 'heap'],
    ['loaded classes', steps.known(names.classes), exact, 'metaspace'],
    ['threads', steps.known(names.threads), exact, 'threads'],
  ];
}

// showCurves shows the curves with their values at a step, and says them in words.
export function showCurves({ from, to }, steps, index) {
  const root = document.querySelector('#curves .body'), at = index ?? steps.times.length - 1;
  set(root, JSON.stringify([steps.times.at(-1), index, from, to, dark.matches]), () => {
    if (!steps.times.length) return [make('p', { class: 'empty' }, 'No samples yet.')];
    return curves(steps).map(([title, values, text, id, top]) => {
      const known = values.filter((v) => v != null);
      const now = values[at], first = known[0];
      const label = known.length ? `${title}, from ${text(first)} to ${text(known.at(-1))}; least ${text(Math.min(...known))}, most ${text(Math.max(...known))}; at ${moment(steps.times[at])}: ${now == null ? 'unknown' : text(now)}` : `${title}: unknown`;
      const { color } = style(rows.find((row) => row.id === id));
      const canvas = line({ values, steps, from, to, at: index, width: 210, height: 52, color, top });
      canvas.setAttribute('role', 'img');
      canvas.setAttribute('aria-label', label);
      return make('figure', {},
        make('figcaption', {}, make('span', {}, title), make('b', {}, now == null ? 'unknown' : text(now)),
          make('span', { class: 'change' }, now == null || first == null ? '' : signed(now - first, text))),
        canvas);
    });
  });
}
