// The verdict as a sentence, with the course of its incident, what was not judged, growth,
// forecast, evidence and advice.
import { course, gained, isOpen, others, title } from './incidents.js';
import { endOf } from './parts.js';
import { states } from './tables.js';
import { advice, limits, make, moment, percent, rate, sentence, set, size, span, unreclaimable, within } from './words.js';

const $ = (id) => document.getElementById(id);

// spoken is a verdict in words: what the table has, or its name.
const spoken = (verdict) => states[verdict]?.label ?? sentence(verdict.replaceAll('_', ' ').replace('jvm', 'JVM')).slice(0, -1);

// mood returns how a verdict is shown: [class, label]. It is calm only if nothing grows,
// everything was judged, and no JVM of this container was killed. Only the table knows
// which states there are.
function mood(d, incident, missing, killed) {
  const soon = d.forecast?.seconds < 3600;
  if (incident) return soon && incident.state !== 'paused' ? ['bad', 'Leak, limit within 1 h'] : ['warn', incident.state === 'paused' ? 'Leak, paused' : 'Leak'];
  const tone = states[d.verdict]?.tone ?? 'warn';
  if (tone === 'bad') return ['bad', spoken(d.verdict)];
  if (d.forecast) return [soon ? 'bad' : 'warn', 'Limit ahead, no cause named'];
  if (tone === 'warn') return [tone, spoken(d.verdict)];
  if (d.growth) return ['warn', 'Memory grows'];
  const suspected = d.incidents?.find((i) => i.state === 'suspected');
  if (suspected) return ['wait', suspected.waiting ? 'Leak suspected, not collected yet' : 'Leak suspected, not confirmed'];
  if (tone === 'wait') return ['wait', 'Watching'];
  if (missing.length) return ['wait', 'No leak found, not everything was judged'];
  if (killed) return ['wait', 'No leak found since the last kill'];
  return ['good', d.verdict === 'page_cache' ? 'Harmless' : 'Calm'];
}

// gaps says what could not be judged, and why.
function gaps(d, sources) {
  return [
    d.verdict === 'not_enough_history' && 'Growth: too few samples so far.',
    ...(d.not_judged ?? []).map(sentence),
    ...sources.map((s) => `${s.name.replaceAll('_', ' ')}: ${s.reason.replace(/\.?$/, '.')}`),
    ...(d.incidents ?? []).filter((i) => i.state === 'suspected' && i.waiting)
      .flatMap((i) => [`${title(i)}: waiting for ${i.waiting}`, ...(i.next ?? [])].map(sentence)),
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
  const f = d.forecast ?? incident?.if_leak;
  if (f) {
    const when = `about ${moment(time + 1000 * f.seconds, f.seconds < 600)}`, low = span(f.low_seconds), high = span(f.high_seconds);
    const [until, value] = f.high_seconds < 1 ? ['', within(f)] : [' in', span(f.seconds)];
    add(sentence(`${d.forecast ? '' : 'if it leaks: '}${limits[f.reached] ?? 'limit reached'}${until}`).slice(0, -1), value,
      low === high ? when : `${low} to ${high}; ${when}`);
  }
  if (incident) add('Gained so far', gained(incident), `since ${moment(Date.parse(incident.since), false)}`);
  if (d.growth) {
    const { bytes_per_hour: middle, low_bytes_per_hour: low, high_bytes_per_hour: high } = d.growth;
    add(`Growth of unreclaimable${d.forecast?.mean_traffic ? `, mean of ${span(d.forecast.traffic_seconds)}` : ''}`, rate(middle), `${rate(low, middle)} to ${rate(high, middle)}`);
  }
  if (d.confidence != null) add('Confidence', `${Math.round(100 * d.confidence)} %`, d.since && `judged since ${moment(Date.parse(d.since))}`);
  const bytes = unreclaimable(c);
  if (bytes != null) {
    add('Unreclaimable', size(bytes), c.limit_bytes ? `${percent(bytes, c.limit_bytes)} of the limit; usage: ${percent(c.usage_bytes, c.limit_bytes)}` : 'no limit');
  }
  return out.length ? make('dl', { class: 'facts' }, out) : null;
}

const reported = (g) => g && make('div', {},
  make('p', { class: 'hint' }, `Collected from the JVM at ${moment(Date.parse(g.time))}:`),
  g.text && make('pre', { tabindex: 0 }, g.text.join('\n')),
  g.failed && make('p', {}, g.failed));

// more is what is folded: what the JVM reported, and the other findings.
const more = (findings) => findings.map((f, i) => make('div', { class: 'finding' },
  i > 0 && [make('h3', {}, sentence(title(f))), list('ul', f.evidence, 'evidence')],
  reported(f.gathered),
  i > 0 && list('ol', f.next, 'next')));

const head = (label) => make('h2', { id: 'verdict-head', class: 'label' }, label);

// clauses emphasises the first clause of a sentence.
function clauses(text) {
  const [first, ...rest] = text.split('; ');
  return make('p', { class: 'lead' }, make('strong', {}, first), rest.length > 0 && `; ${rest.join('; ')}`);
}

// colour sets the class of the card, and of the page: nothing elsewhere is red beside green.
function colour(kind) {
  $('verdict').className = `card verdict ${kind}`;
  document.documentElement.dataset.mood = kind;
}

// showText shows a text instead of a verdict.
export function showText(kind, label, lead, ...more) {
  colour(kind);
  set($('verdict'), JSON.stringify([label, lead, more]), () => [head(label), clauses(lead), ...more.filter(Boolean).map((t) => make('p', {}, t))]);
}

// showEnd shows how the JVM ended, and what to do.
export function showEnd(a) {
  const [kind, label] = endOf(a);
  colour(kind);
  set($('verdict'), JSON.stringify([a.time, a.pid]), () => [
    head(label), clauses(sentence(a.summary)), make('p', {}, `At ${moment(Date.parse(a.time))}. The page shows its history, and continues when the next JVM starts.`),
    a.next?.length > 0 && make('h3', {}, 'What to do'), list('ol', a.next, 'next')]);
}

// growing is the incident that is the verdict, if it grows: its forecast is drawn.
export const growing = (d) => d?.growth && d.forecast && d.incidents?.some((i) => i.verdict === d.verdict && i.state === 'confirmed');

// showVerdict shows the diagnosis of a container at a time, with the sources that failed,
// and whether a JVM of it was killed. The order is that of jvmem get diagnosis.
export function showVerdict(d, time, c, sources, killed) {
  const incidents = d.incidents ?? [];
  const incident = incidents.find((i) => i.verdict === d.verdict && isOpen(i));
  const missing = gaps(d, sources);
  const [kind, label] = mood(d, incident, missing, killed);
  const shown = incident ?? incidents.find((i) => i.state === 'suspected');
  colour(kind);
  const say = `${label}: ${d.verdict.replaceAll('_', ' ')} ${d.subject ?? ''}`;
  if ($('say').textContent !== say) $('say').textContent = say; // not with each new number
  set($('verdict'), JSON.stringify([d, time, c?.limit_bytes, missing, label]), () => {
    const findings = d.findings ?? [], [first] = findings, next = first?.next ?? shown?.next;
    const summary = clauses(sentence(d.summary.replace(/^not judged: [^;]*; /, ''))), box = showGaps(missing, sources.length > 0);
    return [
      head(label),
      ...(shown || kind === 'bad' ? [summary, shown && course(shown, time), box] : [box, summary, shown && course(shown, time)]),
      facts(d, time, c, shown),
      ...others(incidents, shown),
      first?.evidence?.length > 0 && make('h3', {}, 'Evidence'),
      list('ul', first?.evidence, 'evidence'),
      next?.length > 0 && make('h3', {}, 'What to do'),
      list('ol', next, 'next'),
      !first?.gathered && shown?.gathered && make('details', { 'data-name': 'suspicion' }, make('summary', {}, 'Collected from the JVM while this was suspected'), reported(shown.gathered)),
      (findings.length > 1 || first?.gathered) && make('details', { 'data-name': 'why' }, make('summary', {}, findings.length > 1 ? `More findings (${findings.length - 1})` : 'Collected from the JVM'), more(findings)),
    ];
  });
}
