// The smaller parts: the numbers of dashboards, the budget, autopsies, missing sources.
import { line } from './incidents.js';
import { StackChart } from './stack.js';
import { withGaps } from './history.js';
import { advice, bar, day, clock, make, moment, percent, sentence, set, signed, size, span, unreclaimable } from './words.js';

const body = (id) => document.querySelector(`#${id} .body`);

// showMeaning explains the numbers of dashboards.
export function showMeaning(c) {
  const whole = c?.limit_bytes ?? c?.usage_bytes;
  const numbers = c && [c.usage_bytes, c.working_set_bytes, c.rss_bytes, c.reclaimable_bytes, c.limit_bytes, c.oom_kills];
  set(body('meaning'), JSON.stringify(numbers ?? null), () => {
    if (!c) return [make('p', { class: 'empty' }, 'No container yet.')];
    const item = (name, bytes, meaning, kind) => make('div', { class: kind },
      make('dt', {}, name), make('dd', { class: 'amount' }, make('b', {}, size(bytes)), ' ', make('span', {}, percent(bytes, whole))),
      make('dd', { class: 'picture' }, bytes == null ? make('span', { class: 'meter hatched', 'aria-hidden': 'true' }) : bar(bytes / whole, kind)), make('dd', { class: 'meaning' }, meaning));
    return [
      make('dl', { class: 'numbers-list' },
        item('unreclaimable', unreclaimable(c), c.limit_bytes == null ? 'usage − reclaimable. Without a limit, the node runs out of memory instead.' : 'usage − reclaimable. The container is OOM-killed when this reaches the limit.', 'unreclaimable'),
        item('usage', c.usage_bytes, 'Charged memory, including page cache. 99 % of the limit is harmless in itself: the kernel caches files in free memory and reclaims it before an OOM kill.', 'usage'),
        item('working set', c.working_set_bytes, 'usage − inactive_file, as in kubectl top. The kubelet evicts by it. It includes active page cache.', 'working'),
        item('rss', c.rss_bytes, 'Anonymous memory of all processes, as rss in cAdvisor. Without tmpfs and kernel memory, which count towards the limit as well.', 'rss'),
        item('reclaimable', c.reclaimable_bytes, 'Page cache and slab that the kernel can reclaim. Dirty pages are written back first.', 'reclaimable')),
      c.oom_kills > 0 && make('p', { class: 'note' }, `OOM kills in this container: ${c.oom_kills}.`),
    ];
  });
}

// showOwners shows who owned untracked native memory in the last look, or that there was none.
export function showOwners(c) {
  const details = c?.memory?.find((row) => row.name === 'native')?.detail ?? [], known = (name) => details.find((d) => d.name === name && d.bytes != null);
  const look = c?.owners, divided = look ? known(look.divided) : known('untracked') ?? known('malloc');
  document.getElementById('owners').hidden = !divided;
  if (!divided) return;
  const at = Date.parse(look?.time), age = Math.round((Date.now() - at) / 60e3);
  set(body('owners'), JSON.stringify([look, divided, age]), () => [
    make('p', { class: 'hint' }, look ? `${size(divided.bytes)} ${divided.name} now, divided by a look at ${moment(at, false)}, ${span(60 * age)} ago; other includes what was allocated since.`
      : `${size(divided.bytes)} ${divided.name}. Its owners were not looked at yet: jvmem looks when the JVM runs for 5 minutes, then hourly, and when native memory is suspected to leak.`),
    look?.reason && make('p', { class: 'note' }, sentence(look.reason)),
    divided.detail?.length > 0 && make('table', { class: 'plain' }, make('tbody', {}, divided.detail.map((d) => make('tr', {},
      make('th', { scope: 'row' }, d.name), make('td', { class: 'picture' }, bar(d.bytes / divided.bytes, 'usage')),
      make('td', { class: 'number' }, size(d.bytes)), make('td', { class: 'number share' }, percent(d.bytes, divided.bytes)))))),
  ]);
}

// showBudget shows whether the JVM’s settings fit the limit.
export function showBudget(b) {
  set(body('budget'), JSON.stringify(b ?? null), () => {
    if (!b) return [make('p', { class: 'empty' }, 'Unknown: this needs a limit, the maximum heap and the unreclaimable memory.')];
    const whole = Math.max(b.needed_bytes, b.limit_bytes);
    const over = b.needed_bytes - b.limit_bytes;
    return [
      make('p', { class: b.fits ? 'fits' : 'fits not' }, make('strong', {}, b.fits ? 'They fit.' : 'They do not fit.'),
        ` With the maximum heap and the peak of all other memory, the container needs ${size(b.needed_bytes)} of ${size(b.limit_bytes)}: ${b.fits ? `${size(-over)} to spare.` : `${size(over)} too much.`}`),
      make('table', { class: 'plain' }, make('tbody', {}, b.parts.map((p) => make('tr', {},
        make('th', { scope: 'row' }, p.name === 'heap' ? 'maximum heap' : p.name.replaceAll('_', ' ')),
        make('td', { class: 'picture' }, bar(p.bytes / whole, 'usage')), make('td', { class: 'number' }, size(p.bytes)))))),
      b.declared_bytes != null && make('p', { class: 'hint' }, `Sum of all configured maxima: ${size(b.declared_bytes)}. It is rarely reached.`),
    ];
  });
}

// showSizes shows what to set, or why there is no recommendation. Without c it shows nothing: the JVM ended.
export function showSizes(c) {
  const r = c?.recommended, missing = [...(c?.leaks ?? []).map((leak) => `fix first: ${leak}`), ...(c?.missing ?? [])];
  const flags = r && (r.jvms?.map((j) => [`pid ${j.pid}:`, ...j.options]) ?? [r.options]).filter((all) => all.length);
  set(document.getElementById('sizes'), JSON.stringify(c ? [r?.limit_bytes, r?.needed_bytes, flags, c.confidence, missing] : null), () => (c ? [
    make('h3', {}, 'What to set'),
    r ? make('p', {}, 'Recommended limit: ', make('strong', {}, size(r.limit_bytes)), ` (${size(r.needed_bytes)} needed, ${size(r.headroom_bytes)} of headroom). Confidence: ${c.confidence}.`)
      : make('p', {}, c.leaks ? 'No recommendation while memory leaks.' : 'No recommendation yet.'),
    flags?.map((all) => make('pre', { class: 'flags' }, all.flatMap((flag) => [make('span', { class: 'whole' }, flag), ' ']))),
    missing.length > 0 && make('details', { 'data-name': 'missing' }, make('summary', {}, 'What is missing'), make('ul', { class: 'evidence' }, missing.map((m) => make('li', {}, sentence(m))))),
    make('p', { class: 'hint' }, 'What each row needs, and how: ', make('a', { href: 'sizing?format=text' }, 'sizing'), '.'),
  ] : []));
}

const kinds = { oom_kill: 'OOM kill', oom_kill_other: 'OOM kill of another process', java_out_of_memory: 'Java OutOfMemoryError', signal: 'Signal', exit: 'Exit', ended: 'Ended' };

export const isKill = (a) => /^(oom_|java_)/.test(a.kind);

// endOf returns how an end is shown: [class, label].
export const endOf = (a) => [isKill(a) ? 'bad' : a.could_be_oom_kill ? 'warn' : 'wait', (kinds[a.kind] ?? a.kind) + (a.could_be_oom_kill ? ', could be an OOM kill' : '')];

// showAutopsies lists the autopsies, newest first.
export function showAutopsies(autopsies) {
  set(body('ends'), JSON.stringify(autopsies?.map((a) => [a.time, a.pid, a.restarted_at]) ?? null), () => {
    if (!autopsies) return [make('p', { class: 'empty' }, 'Loading …')];
    if (!autopsies.length) return [make('p', { class: 'empty' }, 'No JVM has ended so far. When one does, this shows the cause and its last minutes.')];
    return autopsies.map((a, i) => autopsy(a, i));
  });
}

function autopsy(a, i) {
  const at = Date.parse(a.time);
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
    a.last_age_seconds != null && `last breakdown ${a.last_age_seconds.toFixed(1)} s earlier`,
    a.incident && `open incident: ${line(a.incident)}`,
    a.restarted_at && `restarted at ${moment(Date.parse(a.restarted_at))}`,
  ].filter(Boolean);
  return make('article', { class: `end ${isKill(a) ? 'bad' : 'plain'}` },
    make('h3', {}, make('time', { datetime: a.time }, `${day(at)}, ${clock(at)}`), ' ', make('span', { class: 'tag' }, endOf(a)[1])),
    make('p', { class: 'lead' }, sentence(a.summary)),
    make('p', { class: 'hint' }, facts.join(' · ')),
    (picture || parts.length > 0) && make('div', { class: 'end-body' },
      picture && make('div', { class: 'picture' }, picture),
      parts.length > 0 && make('table', { class: 'plain' }, make('caption', {}, `In the last ${span(a.grew_seconds)}`),
        make('tbody', {}, parts.map((g) => make('tr', {}, make('th', { scope: 'row', class: g.detail && 'part' }, (g.detail ?? g.row).replaceAll('_', ' ')), make('td', { class: 'number' }, signed(g.bytes, size))))))),
    a.next?.length > 0 && make('details', { 'data-name': `next-${i}` }, make('summary', {}, 'What to do'), make('ol', { class: 'next' }, a.next.map((t) => make('li', {}, advice(t))))));
}

// missingSources are the sources of containers that failed. Without a container the verdict
// shows those of the report already.
export const missingSources = (report, containers) => [...containers.flatMap((c) => c.sources ?? []), ...(containers.length ? report.sources ?? [] : [])].filter((s) => !s.ok);

// showSources lists the sources that failed, and the fixes.
export function showSources(report) {
  const missing = missingSources(report, report?.containers ?? []);
  document.getElementById('sources').hidden = !missing.length;
  set(body('sources'), JSON.stringify(missing), () => [
    make('p', { class: 'hint' }, 'Without these sources, some rows are unknown or less detailed. Unknown values are never shown as 0.'),
    make('dl', { class: 'missing' }, missing.map((s) => make('div', {}, make('dt', {}, s.name.replaceAll('_', ' '), s.pid > 0 && ` (pid ${s.pid})`),
      make('dd', {}, sentence(s.reason)), s.fix && make('dd', { class: 'fix' }, make('strong', {}, 'Fix: '), advice(s.fix))))),
  ]);
}
