// The smaller parts: which number kills, the budget, ends, and what could not be read.
import { StackChart } from './stack.js';
import { withGaps } from './history.js';
import { advice, bar, day, clock, make, moment, percent, sentence, set, signed, size, span, unreclaimable } from './words.js';

const body = (id) => document.querySelector(`#${id} .body`);

// showMeaning explains the numbers that dashboards show.
export function showMeaning(c) {
  const whole = c?.limit_bytes ?? c?.usage_bytes;
  const numbers = c && [c.usage_bytes, c.working_set_bytes, c.rss_bytes, c.reclaimable_bytes, c.limit_bytes, c.oom_kills];
  set(body('meaning'), JSON.stringify(numbers ?? null), () => {
    if (!c) return [make('p', { class: 'empty' }, 'There is no container to read yet.')];
    const item = (name, bytes, meaning, kind) => make('div', { class: kind },
      make('dt', {}, name), make('dd', { class: 'amount' }, make('b', {}, size(bytes)), ' ', make('span', {}, percent(bytes, whole))),
      make('dd', { class: 'picture' }, bytes == null ? make('span', { class: 'meter hatched', 'aria-hidden': 'true' }) : bar(bytes / whole, kind)), make('dd', { class: 'meaning' }, meaning));
    return [
      make('dl', { class: 'numbers-list' },
        item('unreclaimable', unreclaimable(c), c.limit_bytes == null ? 'usage − reclaimable. There is no limit: the node’s memory is what ends.' : 'usage − reclaimable. When this reaches the limit, the kernel kills.', 'unreclaimable'),
        item('usage', c.usage_bytes, 'All that is charged, page cache too. 99 % of the limit is no danger by itself: the kernel fills what is free with files, and takes it back before it kills.', 'usage'),
        item('working set', c.working_set_bytes, 'usage − inactive_file: what kubectl top shows, and what the kubelet evicts by. It still holds cache that is in use.', 'working'),
        item('rss', c.rss_bytes, 'Private memory of all processes (anon), as cAdvisor’s rss. It lacks tmpfs and kernel memory, which count, too.', 'rss'),
        item('reclaimable', c.reclaimable_bytes, 'Page cache and slab that the kernel may take back; dirty pages are written first.', 'reclaimable')),
      c.oom_kills > 0 && make('p', { class: 'note' }, `The kernel has OOM-killed in this container ${c.oom_kills === 1 ? 'once' : `${c.oom_kills} times`}.`),
    ];
  });
}

// showBudget tells whether what the JVM may take fits.
export function showBudget(b) {
  set(body('budget'), JSON.stringify(b ?? null), () => {
    if (!b) return [make('p', { class: 'empty' }, 'Not known: it takes a limit, the heap’s maximum, and what cannot be reclaimed.')];
    const whole = Math.max(b.needed_bytes, b.limit_bytes);
    const over = b.needed_bytes - b.limit_bytes;
    return [
      make('p', { class: b.fits ? 'fits' : 'fits not' }, make('strong', {}, b.fits ? 'They fit.' : 'They do not fit.'),
        ` With the heap at its maximum and all else as it is now, the container needs ${size(b.needed_bytes)} of ${size(b.limit_bytes)}: ${b.fits ? `${size(-over)} are left.` : `${size(over)} too much.`}`),
      make('table', { class: 'plain' }, make('tbody', {}, b.parts.map((p) => make('tr', {},
        make('th', { scope: 'row' }, p.name === 'heap' ? 'heap, at its maximum' : p.name.replaceAll('_', ' ')),
        make('td', { class: 'picture' }, bar(p.bytes / whole, 'usage')), make('td', { class: 'number' }, size(p.bytes)))))),
      b.declared_bytes != null && make('p', { class: 'hint' }, `All maxima that are set, together: ${size(b.declared_bytes)}. That is rarely reached.`),
    ];
  });
}

export const kinds = { oom_kill: 'OOM kill', oom_kill_other: 'OOM kill of another process', java_out_of_memory: 'Java OutOfMemoryError', signal: 'Signal', exit: 'Exit', ended: 'Ended' };

// showEnds lists autopsies, the newest first.
export function showEnds(autopsies) {
  set(body('ends'), JSON.stringify(autopsies?.map((a) => [a.time, a.pid, a.restarted_at]) ?? null), () => {
    if (!autopsies) return [make('p', { class: 'empty' }, 'Asking for data …')];
    if (!autopsies.length) return [make('p', { class: 'empty' }, 'No JVM has ended since jvmem observes. When one does, its last minutes and the cause are here.')];
    return autopsies.map((a, i) => autopsy(a, i));
  });
}

function autopsy(a, i) {
  const at = Date.parse(a.time), memory = /^(oom_|java_)/.test(a.kind);
  const grew = (a.grew ?? []).filter((g) => Math.abs(g.bytes) >= 2 ** 20);
  const parts = grew.filter((g) => !g.detail).slice(0, 6).flatMap((g) => [g, ...grew.filter((d) => d.detail && d.row === g.row).slice(0, 3)]);
  const picture = a.before?.time_unix_ms?.length > 1 && make('div', { class: 'chart small', role: 'img', 'aria-label': 'Memory by row in the minutes before the end' });
  if (picture) {
    const series = new Map(Object.entries(a.before.series).map(([name, c]) => [name, c.last]));
    const steps = withGaps({ times: a.before.time_unix_ms, series });
    requestAnimationFrame(() => new StackChart(picture, { height: () => 150 }).show(steps, steps.times[0], steps.times.at(-1)));
  }
  const facts = [
    a.container_name && `container ${a.container_name}`, `pid ${a.pid}`, a.version,
    a.limit_bytes && `limit ${size(a.limit_bytes)}`,
    a.last_age_seconds != null && `last breakdown ${a.last_age_seconds.toFixed(1)} s before`,
    a.restarted_at && `a JVM ran again at ${moment(Date.parse(a.restarted_at))}`,
  ].filter(Boolean);
  return make('article', { class: `end ${memory ? 'bad' : 'plain'}` },
    make('h3', {}, make('time', { datetime: a.time }, `${day(at)}, ${clock(at)}`), ' ', make('span', { class: 'tag' }, kinds[a.kind] ?? a.kind)),
    make('p', { class: 'lead' }, sentence(a.summary)),
    make('p', { class: 'hint' }, facts.join(' · ')),
    (picture || parts.length > 0) && make('div', { class: 'end-body' },
      picture && make('div', { class: 'picture' }, picture),
      parts.length > 0 && make('table', { class: 'plain' }, make('caption', {}, `In the last ${span(a.grew_seconds)}`),
        make('tbody', {}, parts.map((g) => make('tr', {}, make('th', { scope: 'row', class: g.detail && 'part' }, (g.detail ?? g.row).replaceAll('_', ' ')), make('td', { class: 'number' }, signed(g.bytes, size))))))),
    a.next?.length > 0 && make('details', { 'data-name': `next-${i}` }, make('summary', {}, 'What to do'), make('ol', { class: 'next' }, a.next.map((t) => make('li', {}, advice(t))))));
}

// showSources lists what gave nothing, and what to do about it.
export function showSources(report) {
  // Without a container the verdict tells it already.
  const missing = [...(report?.containers ?? []).flatMap((c) => c.sources ?? []), ...(report?.containers?.length ? report.sources ?? [] : [])].filter((s) => !s.ok);
  document.getElementById('sources').hidden = !missing.length;
  set(body('sources'), JSON.stringify(missing), () => [
    make('p', { class: 'hint' }, 'Without these some rows are unknown, or told with less detail. What is unknown is never shown as 0.'),
    make('dl', { class: 'missing' }, missing.map((s) => make('div', {}, make('dt', {}, s.name.replaceAll('_', ' '), s.pid > 0 && ` (pid ${s.pid})`),
      make('dd', {}, sentence(s.reason)), s.fix && make('dd', { class: 'fix' }, make('strong', {}, 'Fix: '), advice(s.fix))))),
  ]);
}
