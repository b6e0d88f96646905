// Fetches the documents every few seconds and shows them.
import { History, interval, key, ranges, withGaps } from './history.js';
import { StackChart } from './stack.js';
import { Table } from './table.js';
import { endOf, missingSources, showAutopsies, showBudget, showMeaning, showOwners, showSizes, showSources } from './parts.js';
import { showCurves } from './curves.js';
import { dark, paper } from './rows.js';
import { showThreads } from './threads.js';
import { growing, showEnd, showText, showVerdict } from './verdict.js';
import { clock, make, moment, sentence, set, span } from './words.js';

const $ = (id) => document.getElementById(id);
const timeout = 8000; // of a request, in ms
const shortest = 5e3; // the shortest range of the chart, in ms
const autopsyInterval = 30e3; // autopsies are large and rare

const query = new URLSearchParams(location.search);
const state = { report: null, diagnosis: null, sizes: null, autopsies: null, history: null, wanted: query.get('container'), answered: 0, failed: null };
const table = new Table();
const chart = new StackChart($('chart'), {
  height: () => (paper.matches ? 300 : innerWidth < 700 ? 300 : 500),
  choose: () => showMoment(),
  describe: (at) => table.describe(chart.steps, at),
});

async function get(path) {
  const response = await fetch(path, { headers: { Accept: 'application/json' }, cache: 'no-store', signal: AbortSignal.timeout(timeout) });
  if (response.status === 503) return null; // no sample yet
  if (!response.ok) throw new Error(`${path.split('?')[0]}: status ${response.status}`);
  return response.json();
}

// range is the selected time range.
const range = () => document.querySelector('input[name=range]:checked').value;

async function refresh() {
  try {
    let history = state.history;
    if (history?.range !== range()) history = new History(range());
    const [report, diagnosis, sizes] = await Promise.all([get('breakdown'), get('diagnosis'), get('sizing'), history.update(get)]);
    if (report) report.containers = report.containers.map(latest);
    await refreshAutopsies(report);
    if (history.range !== range()) return; // another one was selected meanwhile
    Object.assign(state, { report, diagnosis, sizes, history, answered: Date.now(), failed: null });
  } catch (e) {
    state.failed = e;
  }
  show();
}

// latest is a container with the numbers of the last light reading. Its rows are older.
const latest = (c) => (c.now?.usage_bytes == null ? c : { ...c, ...c.now, time: null });

// refreshAutopsies fetches the autopsies if there may be a new one: the JVMs changed.
async function refreshAutopsies(report) {
  const alive = JSON.stringify((report?.containers ?? []).map((c) => [c.oom_kills, (c.jvms ?? []).map((j) => [j.pid, j.start_ticks])]));
  if (alive !== state.alive) state.retries = 5; // an autopsy takes a moment
  if (state.retries-- > 0 || !(Date.now() - state.fetched < autopsyInterval)) {
    state.autopsies = (await get('oom')).autopsies;
    state.fetched = Date.now();
  }
  state.alive = alive;
}

// containers returns the known containers, running ones first.
function containers() {
  const all = new Map((state.report?.containers ?? []).map((c) => [key(c), { report: c, diagnosis: verdictOf(c), name: c.name, id: c.id, cgroup: c.cgroup }]));
  for (const [k, c] of [...(state.history?.containers ?? [])].reverse()) {
    all.set(k, { ...(all.get(k) ?? ended(c)), name: c.name, id: c.id, cgroup: c.cgroup, history: c });
  }
  for (const c of all.values()) {
    const unique = (field) => c[field] && ![...all.values()].some((other) => other !== c && other[field] === c[field]);
    c.query = ['name', 'id', 'cgroup'].filter(unique).map((field) => c[field])[0]; // as chart.svg finds it
    c.title = [c.name, !unique('name') && (unique('id') ? c.id.slice(0, 12) : c.cgroup?.split('/').pop()), c.ended && '(ended)'].filter(Boolean).join(' ');
  }
  return all;
}

// ended describes a container without a JVM, from its autopsy.
function ended(c) {
  const same = (a) => (a.last_breakdown ? key(a.last_breakdown) === key(c) : c.id ? a.container_id === c.id : c.name && a.container_name === c.name);
  const end = state.autopsies?.find((a) => same(a) && a.kind !== 'oom_kill_other');
  return { ended: true, end, report: end?.last_breakdown, diagnosis: end?.diagnosis };
}

// killed reports whether a JVM of a container was killed or ran out of memory in the last day.
const killed = (c) => state.autopsies?.some((a) => endOf(a)[0] !== 'wait' && Date.now() - Date.parse(a.time) < ranges['24h'] && ['id', 'name'].some((field) => c[field] && c[field] === a[`container_${field}`]));

const verdictOf = (c) => state.diagnosis?.containers.find((d) => key(d) === key(c));

function show() {
  const all = containers();
  const chosen = [...all].find(([k, c]) => k === state.wanted || c.name === state.wanted) ?? [...all][0];
  const c = chosen?.[1];
  showHead(all, chosen);
  showState(c);
  const steps = withGaps(c?.history ?? { times: [], series: new Map() });
  const to = steps.times.at(-1) ?? Date.now(), asked = to - ranges[range()];
  const from = Math.max(asked, Math.min(steps.times[0] ?? asked, to - shortest)); // no empty space before the first sample
  state.shown = { container: c?.report, ended: c?.ended, from, to };
  const d = c?.diagnosis;
  chart.show(steps, from, to, growing(d) && !c.ended ? { ...d.forecast, from: Date.parse(state.diagnosis.time) } : null);
  $('history-span').textContent = from > asked + ranges[range()] / 20 ? `history: last ${span((to - from) / 1000)}` : '';
  $('chart-empty').hidden = chart.steps.times.length > 1;
  $('chart-empty').textContent = chart.steps.times.length ? 'Not enough samples for a chart yet.' : 'No samples in this time range.';
  showMoment();
  document.body.classList.toggle('none', !c);
  showOwners(c?.report);
  showMeaning(c?.report);
  showBudget(c?.diagnosis?.budget);
  showSizes(c?.report && !c.ended ? state.sizes?.containers.find((s) => key(s) === key(c)) : null);
  showAutopsies(state.autopsies);
  showSources(state.report);
  $('svg').href = `chart.svg?since=${range()}${c?.query ? `&container=${encodeURIComponent(c.query)}` : ''}`;
}

function showMoment() {
  table.show(chart.steps, chart.index, state.shown.ended);
  showCurves(state.shown, chart.steps, chart.index);
  showThreads(state.shown, chart.steps, chart.index);
}

function showHead(all, chosen) {
  const pod = state.report?.pod;
  const text = (pod?.name ? `${pod.namespace ? `${pod.namespace} / ` : ''}${pod.name}` : 'JVM container') + (chosen ? ` / ${chosen[1].title}` : '');
  $('title').textContent = text;
  document.title = `${text}: jvmem`;
  $('chooser').hidden = all.size < 2;
  set($('container'), JSON.stringify([...all].map(([k, c]) => [k, c.title])), () => [...all].map(([k, c]) => make('option', { value: k }, c.title)));
  if (chosen && document.activeElement !== $('container')) $('container').value = chosen[0];
}

// showState shows the verdict, or why there is none, and how old the data is.
function showState(c) {
  const sampled = state.report && Date.parse(state.report.time), now = state.history?.now;
  const every = c?.history ? interval(c.history.times) : 10e3, read = Math.max(sampled, c?.history?.times.at(-1) ?? 0);
  const late = state.failed && Date.now() - state.answered, stuck = !state.failed && sampled && now - read > Math.max(5 * every, 60e3);
  const old = !!(late || stuck);
  if (old !== document.body.classList.contains('old')) $('say').textContent = old ? 'The data is out of date' : 'The data is up to date again'; // once
  document.body.classList.toggle('old', old);
  $('stale').hidden = !old;
  if (late && state.answered) $('stale').textContent = `jvmem has not answered for ${span(late / 1000)}. The data shown is from ${clock(state.answered)}. Retrying …`;
  else if (late) $('stale').textContent = `jvmem does not answer (${state.failed.message}). Retrying …`;
  else if (stuck) $('stale').textContent = `The last sample is ${span((now - read) / 1000)} old: the sampling loop is stuck or waits for the JVM.`;
  const jvm = !c?.ended && c?.report?.jvms?.[0];
  const about = jvm && [jvm.version && `JDK ${jvm.version}`, jvm.gc, jvm.uptime_seconds != null && `up ${span(jvm.uptime_seconds)}`, jvm.nmt && `NMT ${jvm.nmt}`].filter(Boolean).join(' · ');
  const age = !c?.ended && c?.report?.now && c.report.rows_age_seconds, when = age > 60 ? `rows of ${span(age)} ago, limit and usage of now` : `sampled at ${clock(sampled)}`;
  $('status').textContent = late ? 'Out of date' : sampled ? [about, when].filter(Boolean).join(' · ') : 'No sample yet';
  const missing = state.report?.sources?.find((s) => !s.ok);
  if (c?.end) showEnd(c.end);
  else if (c?.ended) showText('wait', 'Ended', 'The JVM in this container has ended.', 'The page shows its history.');
  else if (c?.diagnosis) showVerdict(c.diagnosis, Date.parse(state.diagnosis.time), c.report, missingSources(state.report, [c.report]), killed(c));
  else if (c) showText('wait', 'Watching', 'No verdict yet.', 'It follows with the next samples.');
  else if (missing && !/waiting for a JVM/.test(missing.reason)) showText(...(missing.fix ? ['warn', 'Not observable'] : ['wait', 'Waiting']), sentence(missing.reason), missing.fix && sentence(missing.fix));
  else if (state.report) showText('wait', 'Waiting', 'No JVM yet.', 'A sidecar may start before the JVM. This page updates when there is one.', missing?.fix && `If the JVM is already running: ${missing.fix}.`);
  else if (!state.failed) showText('wait', 'Waiting', 'Taking the first sample.');
}

// pause is the time to the next refresh: that between two samples.
function pause() {
  const times = [...(state.history?.containers.values() ?? [])].map((c) => interval(c.times));
  return Math.min(Math.max(...times, 1000), 10e3);
}

async function run() {
  await refresh();
  clearTimeout(state.timer);
  if (!document.hidden) state.timer = setTimeout(run, state.failed ? 2000 : pause());
}

function remember(name, value) {
  const url = new URL(location.href);
  url.searchParams.set(name, value);
  history.replaceState(null, '', url);
}

for (const input of document.querySelectorAll('input[name=range]')) {
  input.checked = input.value === (query.get('range') in ranges ? query.get('range') : '1h');
  input.addEventListener('change', () => {
    remember('range', input.value);
    chart.pinned = null;
    refresh();
  });
}
$('container').addEventListener('change', () => {
  state.wanted = $('container').value;
  remember('container', state.wanted);
  show();
});
$('now').addEventListener('click', () => {
  chart.pin(null);
  $('chart').focus();
});
dark.addEventListener('change', show);
document.addEventListener('visibilitychange', () => {
  if (!document.hidden) run();
});
run();
