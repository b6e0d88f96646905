// Incidents: leaks from the first suspicion on, with their course.
import { names } from './tables.js';
import { make, moment, sentence, size, span } from './words.js';

// gained is how much an incident gained: in bytes, threads or classes.
export function gained(i) {
  if (i.measure === names.classes) return `${i.gained} classes`;
  if (i.measure === names.threads || i.measure.startsWith(names.pool)) return `${i.gained} threads`;
  return size(i.gained);
}

export const title = (of) => of.verdict.replaceAll('_', ' ') + (of.subject ? `: ${of.subject}` : '');

// isOpen reports whether an incident is a verdict.
export const isOpen = (i) => i.state === 'confirmed' || i.state === 'paused';

// steps are the times of an incident: [name, time in ms, remark].
function steps(i, now) {
  const at = (text) => text && Date.parse(text);
  const idle = (now - at(i.last_growth)) / 1000;
  const growth = i.state === 'paused' ? 'Paused, last growth' : 'Last growth';
  return [
    ['Growth began', at(i.since)], ['Suspected', at(i.opened)], ['Confirmed', at(i.confirmed)],
    [growth, at(i.last_growth), !i.closed && idle >= 60 && `${span(idle)} ago`], ['Closed', at(i.closed)],
  ].filter((step) => step[1]);
}

// course shows the times of an incident in order.
export function course(i, now) {
  return make('ol', { class: `course ${i.state}` }, steps(i, now).map(([name, time, more]) => make('li', {},
    make('time', { datetime: new Date(time).toISOString() }, moment(time, false)), make('span', {}, name), more && make('span', {}, more))));
}

// line is an incident in a line.
export const line = (i) => `${title(i)}, ${i.state}, gained ${gained(i)} since ${moment(Date.parse(i.since), false)}${i.closed ? `, closed at ${moment(Date.parse(i.closed), false)}` : ''}${i.waiting ? `; waiting for ${i.waiting}` : ''}`;

// others lists the incidents beside the one whose course is shown; the closed ones are folded.
export function others(incidents, shown) {
  const rest = incidents.filter((i) => i !== shown);
  const list = (of) => make('ul', { class: 'evidence' }, of.map((i) => make('li', {}, sentence(line(i)))));
  const open = rest.filter((i) => i.state !== 'closed'), closed = rest.filter((i) => i.state === 'closed').reverse();
  return [
    open.length > 0 && make('h3', {}, 'Other incidents'), open.length > 0 && list(open),
    closed.length > 0 && make('details', { 'data-name': 'closed' }, make('summary', {}, `Closed incidents (${closed.length})`), list(closed)),
  ];
}
