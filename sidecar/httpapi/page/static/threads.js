// Threads by pool: at the latest or the selected step, and over time.
import { line } from './curves.js';
import { dark, names } from './rows.js';
import { exact, make, set, size } from './words.js';

const most = 10;

// pools returns the pools of the history and of the latest report.
function pools(container, steps, at, latest) {
  const reported = new Map();
  for (const jvm of container?.jvms ?? []) {
    for (const p of jvm.threads.pools ?? []) {
      const t = reported.get(p.name) ?? { count: 0, stack: 0 };
      reported.set(p.name, { count: t.count + p.count, stack: t.stack == null || p.stack_bytes == null ? null : t.stack + p.stack_bytes });
    }
  }
  const all = new Map();
  for (const name of steps.names.filter((n) => n.startsWith(names.pool))) {
    const values = steps.at(name);
    all.set(name.slice(names.pool.length), { values, count: values[at], greatest: Math.max(...values.filter((v) => v != null)) });
  }
  for (const [name, now] of reported) {
    const p = all.get(name) ?? { values: null, greatest: now.count };
    all.set(name, { ...p, count: latest ? now.count : p.count ?? null, stack: now.stack });
  }
  return [...all].map(([name, p]) => ({ name, ...p, count: p.count ?? (latest && container ? 0 : null) }))
    .sort((a, b) => (b.count ?? -1) - (a.count ?? -1) || b.greatest - a.greatest || (a.name < b.name ? -1 : 1));
}

export function showThreads({ container, ended, from, to }, steps, index) {
  const root = document.querySelector('#threads .body'), color = getComputedStyle(document.documentElement).getPropertyValue('--threads-line');
  const at = index ?? steps.times.length - 1, latest = index == null;
  const list = steps.times.length || container ? pools(container, steps, at, latest) : [];
  const total = latest && container ? (container.jvms ?? []).reduce((n, j) => n + j.threads.live, 0) : steps.at(names.threads)[at];
  set(root, JSON.stringify([list.map((p) => [p.name, p.count, p.stack]), steps.times.at(-1), index, from, dark.matches]), () => {
    if (!list.length) return [make('p', { class: 'empty' }, 'No threads known yet.')];
    const rest = list.slice(most);
    return [
      make('p', { class: 'hint' }, total == null ? 'Number of threads: unknown.' : `${exact(total)} threads. A pool is a group of threads whose names differ only in a number (#).`),
      make('table', { class: 'plain pools' },
        make('thead', {}, make('tr', {}, ['Pool', latest ? (ended ? 'Last' : 'Latest') : 'Count', 'Over time', 'Max', 'Stacks'].map((t, i) => make('th', { scope: 'col', class: ['', 'number', 'picture', 'number', 'number stacks'][i] }, t)))),
        make('tbody', {}, list.slice(0, most).map((p) => make('tr', {},
          make('th', { scope: 'row' }, p.name),
          make('td', { class: 'number' }, p.count == null ? make('span', { title: 'not among the largest pools at that time' }, '–') : exact(p.count)),
          make('td', { class: 'picture', 'aria-hidden': 'true' }, line({ values: p.values, steps, from, to, at: index, width: 132, height: 24, color })),
          make('td', { class: 'number' }, Number.isFinite(p.greatest) ? exact(p.greatest) : '–'),
          make('td', { class: 'number stacks' }, p.stack == null ? '–' : size(p.stack)))))),
      rest.length > 0 && make('p', { class: 'hint' }, `${rest.length} more pools, the largest with ${exact(rest[0].count ?? 0)}.`),
    ];
  });
}
