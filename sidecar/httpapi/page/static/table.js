// The values at the latest step, or at the one that is selected in the chart.
import { names, rows, series, swatch } from './rows.js';
import { exact, make, moment, percent, signed, size, span } from './words.js';

const $ = (id) => document.getElementById(id);

// sum lists the lines below the rows.
const sum = ['usage', 'unreclaimable', 'limit'].map((id) => ({ id, name: id, series: names[id] }));

export class Table {
  constructor() {
    this.bytes = false;
    this.cells = new Map();
    const line = (row, head) => {
      const [value, share, change] = ['number', 'number share', 'number change'].map((c) => make('td', { class: c }));
      this.cells.set(row.id, { value, share, change, series: row.series ?? series(row) });
      return make('tr', { 'data-row': row.id }, make('th', { scope: 'row' }, head), value, share, change);
    };
    const body = $('rows').tBodies[0];
    for (const row of rows.toReversed()) body.append(line(row, make('span', { class: 'name' }, swatch(row), row.name)));
    for (const row of sum) $('rows').tFoot.append(line(row, make('span', { class: 'name' }, make('span', { class: `stroke ${row.id}`, 'aria-hidden': 'true' }), row.name)));
    for (const row of rows) $('glossary').append(make('div', {}, make('dt', { class: 'name' }, swatch(row), row.name), make('dd', {}, row.about)));
    $('exact').addEventListener('click', () => {
      this.bytes = !this.bytes;
      $('exact').setAttribute('aria-pressed', this.bytes);
      this.again?.();
    });
  }

  // show shows the values of a step; index null is the latest.
  show(steps, index, ended) {
    this.again = () => this.show(steps, index, ended);
    const n = steps.times.length, at = index ?? n - 1;
    const head = index != null ? 'At' : ended ? 'Last' : 'Latest';
    $('moment').replaceChildren(...(n ? [`${head}, `, make('time', { datetime: new Date(steps.times[at]).toISOString() }, moment(steps.times[at]))] : ['Latest']));
    const older = n && (steps.times[at] - steps.sampledAt(at)) / 1000;
    if (older > 0) $('moment').append(`, rows of ${span(older)} ${index == null && !ended ? 'ago' : 'earlier'}`);
    $('now').hidden = index == null;
    const limit = n ? steps.at(names.limit)[at] : null, usage = n ? steps.at(names.usage)[at] : null;
    $('share-head').textContent = limit == null ? 'Of usage' : 'Of limit';
    const first = steps.times.findIndex((_, i) => !steps.gap(i));
    $('change-head').textContent = n && at > first ? `In ${span((steps.times[at] - steps.times[first]) / 1000)}` : 'Change';
    for (const [id, cell] of this.cells) {
      const values = n ? steps.at(cell.series) : [];
      const value = n ? values[at] : null;
      const before = values.slice(0, at).find((v) => v != null);
      this.write(cell.value, value);
      if (id === 'limit' && value == null && usage != null) cell.value.replaceChildren('none');
      cell.share.textContent = id === 'limit' ? '' : percent(value, limit ?? usage);
      cell.change.textContent = value == null || before == null || id === 'limit' ? '' : signed(value - before, this.bytes ? exact : size);
    }
  }

  write(cell, value) {
    cell.classList.toggle('unknown', value == null);
    cell.replaceChildren(value == null ? 'unknown' : make('data', { value }, this.bytes ? exact(value) : size(value)));
  }

  // describe returns a sentence about a step, for screen readers.
  describe(steps, at) {
    const usage = steps.at(names.usage)[at], limit = steps.at(names.limit)[at];
    if (usage == null) return `${moment(steps.times[at])}: unknown`;
    const largest = rows.map((row) => [row.name, steps.at(series(row))[at]]).filter(([, v]) => v != null)
      .sort((a, b) => b[1] - a[1]).slice(0, 4).map(([name, v]) => `${name} ${size(v)}`);
    return `${moment(steps.times[at])}: usage ${size(usage)}${limit == null ? '' : ` of ${size(limit)}`}; ${largest.join(', ')}`;
  }
}
