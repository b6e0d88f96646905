// The verdict as a sentence, with growth, forecast, evidence and advice.
import { advice, make, moment, percent, rate, sentence, set, size, span, unreclaimable } from './words.js';

const $ = (id) => document.getElementById(id);

const calm = { none: 'Calm', page_cache: 'Harmless', not_enough_history: 'Watching' };

const states = { budget: 'Settings do not fit', heap_full: 'Heap is full', retained: 'Memory retained' };

// mood returns how a verdict is shown: [class, label].
function mood(d) {
  if (calm[d.verdict]) return [d.verdict === 'not_enough_history' ? 'wait' : 'good', calm[d.verdict]];
  if (d.forecast?.seconds < 3600) return ['bad', 'Leak, limit within 1 h'];
  if (states[d.verdict]) return ['warn', states[d.verdict]];
  return ['warn', d.incidents?.[0]?.state === 'paused' ? 'Leak, growth paused' : 'Leak suspected'];
}

const list = (tag, items, cls) => (items?.length ? make(tag, { class: cls }, items.map((t) => make('li', {}, advice(t)))) : null);

// facts are the numbers of a verdict.
function facts(d, time, c) {
  const out = [];
  const add = (name, value, more) => out.push(make('div', {}, make('dt', {}, name), make('dd', {}, make('b', {}, value), more && make('span', {}, more))));
  if (d.forecast) {
    const f = d.forecast, when = `about ${moment(time + 1000 * f.seconds, f.seconds < 600)}`, low = span(f.low_seconds), high = span(f.high_seconds);
    add(f.reached === 'heap_limit' ? 'Heap full in' : 'Limit reached in', span(f.seconds),
      low === high ? when : `${low} to ${high}; ${when}`);
  }
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
  const title = f.verdict.replaceAll('_', ' ') + (f.subject ? `: ${f.subject}` : '');
  return make('div', { class: 'finding' },
    i > 0 && make('h3', {}, sentence(title)),
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

// showVerdict shows the diagnosis of a container at a time.
export function showVerdict(d, time, c) {
  const root = $('verdict');
  const [kind, label] = mood(d);
  root.className = `card verdict ${kind}`;
  const say = `${label}: ${d.verdict.replaceAll('_', ' ')} ${d.subject ?? ''}`;
  if ($('say').textContent !== say) $('say').textContent = say; // not with each new number
  set(root, JSON.stringify([d, time, c?.limit_bytes]), () => {
    const next = d.findings?.[0]?.next;
    return [
      head(label),
      clauses(sentence(d.summary)),
      facts(d, time, c),
      next?.length > 0 && make('h3', {}, 'What to do'),
      list('ol', next, 'next'),
      d.findings?.length > 0 && make('details', { 'data-name': 'why' }, make('summary', {}, 'Evidence'), d.findings.map(finding)),
    ];
  });
}
