// The verdict as a sentence, with the course of its incident, what was not judged, growth,
// forecast, evidence and advice.
import { course, gained, isOpen, others, title } from './incidents.js';
import { advice, make, moment, percent, rate, sentence, set, size, span, unreclaimable } from './words.js';

const $ = (id) => document.getElementById(id);

const states = {
  not_observable: ['warn', 'Not observable'], limit_thrash: ['bad', 'Thrashing at the limit'], heap_full: ['bad', 'Heap full'],
  jvm_unresponsive: ['bad', 'JVM does not respond'], budget: ['warn', 'Settings do not fit'], retained: ['warn', 'Memory retained'],
  idle_threads: ['warn', 'Idle threads'],
};

// mood returns how a verdict is shown: [class, label]. It is calm only if nothing grows and
// everything was judged.
function mood(d, incident, missing) {
  const soon = d.forecast?.seconds < 3600;
  if (incident) return soon ? ['bad', 'Leak, limit within 1 h'] : ['warn', incident.state === 'paused' ? 'Leak, paused' : 'Leak'];
  if (d.forecast) return [soon ? 'bad' : 'warn', 'Limit ahead, no cause named'];
  if (states[d.verdict]) return states[d.verdict];
  if (d.growth) return ['warn', 'Memory grows'];
  if (d.incidents?.some((i) => i.state === 'suspected')) return ['wait', 'Leak suspected, not confirmed'];
  if (d.verdict === 'not_enough_history') return ['wait', 'Watching'];
  if (missing.length) return ['wait', 'No leak found, not everything was judged'];
  return ['good', d.verdict === 'page_cache' ? 'Harmless' : 'Calm'];
}

// gaps says what could not be judged, and why.
function gaps(d, c, sources) {
  const unknown = (c?.memory ?? []).filter((row) => row.bytes == null).map((row) => row.name.replaceAll('_', ' '));
  return [
    d.verdict === 'not_enough_history' && 'Growth: too few samples so far.',
    unknown.length > 0 && `Unknown rows: ${unknown.join(', ')}.`,
    ...sources.map((s) => `${s.name.replaceAll('_', ' ')}: ${s.reason.replace(/\.?$/, '.')}`),
    ...(d.incidents ?? []).filter((i) => i.state === 'suspected' && i.waiting).map((i) => sentence(`${title(i)}: waiting for ${i.waiting}`)),
  ].filter(Boolean);
}

function showGaps(all, details) {
  return all.length > 0 && make('div', { class: 'gaps' }, make('h3', {}, 'Not judged'), list('ul', all, 'evidence'),
    details && make('p', { class: 'hint' }, make('a', { href: '#sources' }, 'How to fix it')));
}

const list = (tag, items, cls) => (items?.length ? make(tag, { class: cls }, items.map((t) => make('li', {}, advice(t)))) : null);

// facts are the numbers of a verdict.
function facts(d, time, c, incident) {
  const out = [];
  const add = (name, value, more) => out.push(make('div', {}, make('dt', {}, name), make('dd', {}, make('b', {}, value), more && make('span', {}, more))));
  if (d.forecast) {
    const f = d.forecast, when = `about ${moment(time + 1000 * f.seconds, f.seconds < 600)}`, low = span(f.low_seconds), high = span(f.high_seconds);
    add(f.reached === 'heap_limit' ? 'Heap full in' : 'Limit reached in', span(f.seconds),
      low === high ? when : `${low} to ${high}; ${when}`);
  }
  if (incident) add('Gained so far', gained(incident), `since ${moment(Date.parse(incident.since), false)}`);
  if (d.growth) {
    const { bytes_per_hour: middle, low_bytes_per_hour: low, high_bytes_per_hour: high } = d.growth;
    add('Growth', rate(middle), `${rate(low, middle)} to ${rate(high, middle)}`);
  }
  if (d.confidence != null) add('Confidence', `${Math.round(100 * d.confidence)} %`, d.since && `judged since ${moment(Date.parse(d.since))}`);
  const bytes = unreclaimable(c);
  if (bytes != null) {
    add('Unreclaimable', size(bytes), c.limit_bytes ? `${percent(bytes, c.limit_bytes)} of the limit; usage: ${percent(c.usage_bytes, c.limit_bytes)}` : 'no limit');
  }
  return out.length ? make('dl', { class: 'facts' }, out) : null;
}

function finding(f, i) {
  return make('div', { class: 'finding' },
    i > 0 && make('h3', {}, sentence(title(f))),
    list('ul', f.evidence, 'evidence'),
    f.gathered && make('div', {},
      make('p', { class: 'hint' }, `Reported by the JVM at ${moment(Date.parse(f.gathered.time))}:`),
      f.gathered.text && make('pre', { tabindex: 0 }, f.gathered.text.join('\n')),
      f.gathered.failed && make('p', {}, f.gathered.failed)),
    i > 0 && list('ol', f.next, 'next'));
}

const head = (label) => make('h2', { id: 'verdict-head', class: 'label' }, label);

// clauses emphasises the first clause of a sentence.
function clauses(text) {
  const [first, ...rest] = text.split('; ');
  return make('p', { class: 'lead' }, make('strong', {}, first), rest.length > 0 && `; ${rest.join('; ')}`);
}

// showText shows a text instead of a verdict.
export function showText(kind, label, lead, ...more) {
  const root = $('verdict');
  root.className = `card verdict ${kind}`;
  set(root, JSON.stringify([label, lead, more]), () => [head(label), clauses(lead), ...more.filter(Boolean).map((t) => make('p', {}, t))]);
}

// showVerdict shows the diagnosis of a container at a time, with the sources that failed.
export function showVerdict(d, time, c, sources) {
  const root = $('verdict'), incidents = d.incidents ?? [];
  const incident = incidents.find((i) => i.verdict === d.verdict && isOpen(i));
  const missing = gaps(d, c, sources);
  const [kind, label] = mood(d, incident, missing);
  const shown = incident ?? incidents.find((i) => i.state === 'suspected');
  root.className = `card verdict ${kind}`;
  const say = `${label}: ${d.verdict.replaceAll('_', ' ')} ${d.subject ?? ''}`;
  if ($('say').textContent !== say) $('say').textContent = say; // not with each new number
  set(root, JSON.stringify([d, time, c?.limit_bytes, missing]), () => {
    const next = d.findings?.[0]?.next;
    return [
      head(label),
      clauses(sentence(d.summary)),
      shown && course(shown, time),
      showGaps(missing, sources.length > 0),
      facts(d, time, c, shown),
      ...others(incidents, shown),
      next?.length > 0 && make('h3', {}, 'What to do'),
      list('ol', next, 'next'),
      d.findings?.length > 0 && make('details', { 'data-name': 'why' }, make('summary', {}, 'Evidence'), d.findings.map(finding)),
    ];
  });
}
