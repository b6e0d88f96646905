// Asks jvmem each few seconds, and hands on what it tells.
import { History, interval, key, ranges, withGaps } from './history.js';
import { StackChart } from './stack.js';
import { Table } from './table.js';
import { kinds, showBudget, showEnds, showMeaning, showSources } from './parts.js';
import { showThreads } from './threads.js';
import { showText, showVerdict } from './verdict.js';
import { clock, make, moment, sentence, set, span } from './words.js';

const $ = (id) => document.getElementById(id);
const timeout = 8000; // of a request
const shortest = 5e3; // of what the chart shows
const endsEvery = 30e3; // autopsies are large and rare

const query = new URLSearchParams(location.search);
const state = { report: null, diagnosis: null, ends: null, history: null, wanted: query.get('container'), answered: 0, failed: null };
const table = new Table();
const chart = new StackChart($('chart'), {
  height: () => (innerWidth < 700 ? 300 : 500),
  choose: () => showMoment(),
  describe: (at) => table.describe(chart.steps, at),
});

async function ask(path) {
  const answer = await fetch(path, { headers: { Accept: 'application/json' }, cache: 'no-store', signal: AbortSignal.timeout(timeout) });
  if (answer.status === 503) return null; // no sample yet
  if (!answer.ok) throw new Error(`${path.split('?')[0]} answers ${answer.status}`);
  return answer.json();
}

// range is what is chosen.
const range = () => document.querySelector('input[name=range]:checked').value;

async function refresh() {
  try {
    let history = state.history;
    if (history?.range !== range()) history = new History(range());
    const [report, diagnosis] = await Promise.all([ask('breakdown'), ask('diagnosis'), history.update(ask)]);
    await refreshEnds(report);
    if (history.range !== range()) return; // another one was chosen meanwhile
    Object.assign(state, { report, diagnosis, history, answered: Date.now(), failed: null });
  } catch (e) {
    state.failed = e;
  }
  show();
}

// refreshEnds asks for autopsies where one may have come: JVMs are others than before.
async function refreshEnds(report) {
  const alive = JSON.stringify((report?.containers ?? []).map((c) => [c.oom_kills, (c.jvms ?? []).map((j) => [j.pid, j.start_ticks])]));
  if (alive !== state.alive) state.look = 5; // an autopsy takes a moment
  if (state.look-- > 0 || !(Date.now() - state.asked < endsEvery)) {
    state.ends = (await ask('oom')).autopsies;
    state.asked = Date.now();
  }
  state.alive = alive;
}

// containers are those that are known, the living ones first.
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

// ended is a container without a JVM: the last that is known of it is in the autopsy.
function ended(c) {
  const same = (a) => (a.last_breakdown ? key(a.last_breakdown) === key(c) : c.id ? a.container_id === c.id : c.name && a.container_name === c.name);
  const end = state.ends?.find((a) => same(a) && a.kind !== 'oom_kill_other');
  return { ended: true, end, report: end?.last_breakdown, diagnosis: end?.diagnosis };
}

const verdictOf = (c) => state.diagnosis?.containers.find((d) => key(d) === key(c));

function show() {
  const all = containers();
  const chosen = [...all].find(([k, c]) => k === state.wanted || c.name === state.wanted) ?? [...all][0];
  const c = chosen?.[1];
  showHead(all, chosen);
  showState(c);
  const steps = withGaps(c?.history ?? { times: [], series: new Map() });
  const to = steps.times.at(-1) ?? Date.now(), asked = to - ranges[range()];
  const from = Math.max(asked, Math.min(steps.times[0] ?? asked, to - shortest)); // no room for what is not remembered
  state.shown = { container: c?.report, ended: c?.ended, from, to };
  chart.show(steps, from, to);
  $('remembered').textContent = from > asked + ranges[range()] / 20 ? `the last ${span((to - from) / 1000)} are remembered` : '';
  $('chart-empty').hidden = chart.steps.times.length > 1;
  $('chart-empty').textContent = chart.steps.times.length ? 'Not enough samples for a picture yet.' : 'No samples of this time.';
  showMoment();
  document.body.classList.toggle('none', !c);
  showMeaning(c?.report);
  showBudget(c?.diagnosis?.budget);
  showEnds(state.ends);
  showSources(state.report);
  $('svg').href = `chart.svg?since=${range()}${c?.query ? `&container=${encodeURIComponent(c.query)}` : ''}`;
}

function showMoment() {
  table.show(chart.steps, chart.index, state.shown.ended);
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

// showState writes the verdict, or why there is none, and how old all this is.
function showState(c) {
  const sampled = state.report && Date.parse(state.report.time), now = state.history?.now;
  const every = c?.history ? interval(c.history.times) : 10e3, read = Math.max(sampled, c?.history?.times.at(-1) ?? 0);
  const late = state.failed && Date.now() - state.answered, stuck = !state.failed && sampled && now - read > Math.max(5 * every, 60e3);
  const old = !!(late || stuck);
  if (old !== document.body.classList.contains('old')) $('say').textContent = old ? 'What is shown is old' : 'What is shown is current again'; // once
  document.body.classList.toggle('old', old);
  $('stale').hidden = !old;
  if (late && state.answered) $('stale').textContent = `jvmem has not answered for ${span(late / 1000)}. What is shown is of ${clock(state.answered)}. Asking again …`;
  else if (late) $('stale').textContent = `jvmem does not answer (${state.failed.message}). Asking again …`;
  else if (stuck) $('stale').textContent = `The last sample is ${span((now - read) / 1000)} old: sampling hangs, or waits for the JVM.`;
  const jvm = !c?.ended && c?.report?.jvms?.[0];
  const about = jvm && [jvm.version && `JDK ${jvm.version}`, jvm.gc, jvm.uptime_seconds != null && `up ${span(jvm.uptime_seconds)}`, jvm.nmt && `NMT ${jvm.nmt}`].filter(Boolean).join(' · ');
  $('status').textContent = late ? 'Not current' : sampled ? [about, `sampled at ${clock(sampled)}`].filter(Boolean).join(' · ') : 'No sample yet';
  const waits = state.report?.sources?.find((s) => !s.ok);
  if (c?.end) showText(/^(oom_|java_)/.test(c.end.kind) ? 'bad' : 'wait', kinds[c.end.kind], sentence(c.end.summary), `At ${moment(Date.parse(c.end.time))}. This is what is remembered; the page goes on when the next JVM is there.`);
  else if (c?.ended) showText('wait', 'Ended', 'No JVM runs in this container any more.', 'This is what is remembered of it.');
  else if (c?.diagnosis) showVerdict(c.diagnosis, Date.parse(state.diagnosis.time), c.report);
  else if (c) showText('wait', 'Watching', 'Nothing is judged yet.', 'The first verdict comes with the next samples.');
  else if (state.report) showText('wait', 'Waiting', 'No JVM yet.', 'A sidecar may start before the JVM: this page fills by itself when there is one.', waits?.fix && `If the JVM runs already: ${waits.fix}.`);
  else if (!state.failed) showText('wait', 'Waiting', 'The first sample is being taken.');
}

// again is how long to wait: as long as samples take to come.
function again() {
  const times = [...(state.history?.containers.values() ?? [])].map((c) => interval(c.times));
  return Math.min(Math.max(...times, 1000), 10e3);
}

async function run() {
  await refresh();
  clearTimeout(state.timer);
  if (!document.hidden) state.timer = setTimeout(run, state.failed ? 2000 : again());
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
document.addEventListener('visibilitychange', () => {
  if (!document.hidden) run();
});
run();
