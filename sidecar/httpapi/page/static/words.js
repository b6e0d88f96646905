// Formats sizes and times, and makes elements.

const KiB = 1024, MiB = KiB * 1024, GiB = MiB * 1024;

// size formats bytes as the text tables do; null is unknown.
export function size(bytes) {
  if (bytes == null) return 'unknown';
  const n = Math.abs(bytes);
  if (n >= GiB) return `${(bytes / GiB).toFixed(2)} GiB`;
  if (n >= 100 * KiB) return `${(bytes / MiB).toFixed(1)} MiB`;
  return `${Math.round(bytes / KiB)} KiB`;
}

export const exact = (n) => (n == null ? 'unknown' : n.toLocaleString('en').replaceAll(',', '\u202f'));

// signed formats a difference, with a typographic minus.
export function signed(n, text) {
  if (n == null) return '';
  if (text(Math.abs(n)) === text(0)) return '0';
  return (n < 0 ? '−' : '+') + text(Math.abs(n));
}

// unreclaimable is the memory of a container that the kernel cannot reclaim; null: unknown.
export const unreclaimable = (c) => (c?.usage_bytes == null || c.reclaimable_bytes == null ? null : Math.max(0, c.usage_bytes - c.reclaimable_bytes));

export const percent = (part, whole) => (part == null || !whole ? '' : `${(100 * part / whole).toFixed(1)} %`);

// rate formats growth per hour, or per minute if it (or the rate it is compared with) is
// large.
export function rate(bytesPerHour, beside = bytesPerHour) {
  const large = Math.abs(beside) >= GiB;
  return `${signed(large ? bytesPerHour / 60 : bytesPerHour, size)}/${large ? 'min' : 'h'}`;
}

// span formats a duration in at most two units.
export function span(seconds) {
  const s = Math.max(0, seconds), two = (n, unit, m, small) => `${n} ${unit}` + (m ? ` ${m} ${small}` : '');
  if (s < 120) return `${Math.round(s)} s`;
  if (s < 7200) return `${Math.round(s / 60)} min`;
  if (s < 172800) return two(Math.floor(s / 3600), 'h', Math.floor(s / 60) % 60, 'min');
  return two(Math.floor(s / 86400), 'd', Math.floor(s / 3600) % 24, 'h');
}

const pad = (n) => String(n).padStart(2, '0');

// clock formats the time of day, in the local time zone.
export function clock(millis, seconds = true) {
  const t = new Date(millis);
  return `${pad(t.getHours())}:${pad(t.getMinutes())}` + (seconds ? `:${pad(t.getSeconds())}` : '');
}

export const day = (millis) => new Date(millis).toLocaleDateString('en-GB', { day: 'numeric', month: 'short' });

// moment formats a time, with the day unless it is today.
export function moment(millis, seconds = true) {
  const today = new Date().toDateString() === new Date(millis).toDateString();
  return (today ? '' : `${day(millis)} `) + clock(millis, seconds);
}

// local replaces times in UTC, which Go writes, by those of the page's time zone.
const local = (text) => text.replace(/(\d{4}-\d\d-\d\d) (\d\d:\d\d) UTC/g, (_, date, time) => moment(Date.parse(`${date}T${time}Z`), false));

// sentence begins with a capital letter, unless it is that of a library or class.
export const sentence = (s) => (s ? local((/^(lib(?!rar)|\S+\.\S)/.test(s) ? s[0] : s[0].toUpperCase()) + s.slice(1)) + (/[.!?]$/.test(s) ? '' : '.') : '');

// limits are those that are reached below the limit of the container.
export const limits = { heap_limit: 'heap full', direct_limit: 'direct memory full' };

// within says when a limit is reached, by the interval of a forecast.
export const within = (f) => (f.high_seconds < 1 ? 'at any moment' : `in ${span(f.low_seconds)} to ${span(f.high_seconds)}`);

// make makes an element. Text is never parsed as HTML: names come from the container.
export function make(tag, attributes, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value != null && value !== false) e.setAttribute(name, value === true ? '' : value);
  }
  e.append(...children.flat().filter((c) => c != null && c !== false));
  return e;
}

// advice returns text with commands (in backquotes) and JVM options as code. An option never
// breaks after its hyphen.
export function advice(text) {
  return local(text).split(/`([^`]+)`/).flatMap((part, i) => (i % 2 ? make('code', {}, part) : options(part)));
}

const options = (text) => text.split(/(-(?:XX:|D|X[a-z]+:?)[^\s;,)]*[^\s;,).:])/)
  .map((part, i) => (i % 2 ? make('code', {}, make('span', { class: 'whole' }, part.slice(0, 6)), part.slice(6)) : part));

// bar draws a share. Its width is set by script: the policy forbids inline styles.
export function bar(share, kind) {
  const fill = make('span', { class: `fill ${kind ?? ''}` });
  fill.style.width = `${Math.max(0, Math.min(100, 100 * share))}%`;
  return make('span', { class: 'meter', 'aria-hidden': 'true' }, fill);
}

// set replaces the content of an element if the key changed. Details stay open, and keep
// the focus.
export function set(element, key, content) {
  if (element.dataset.key === key) return;
  const open = new Set([...element.querySelectorAll('details[open]')].map((d) => d.dataset.name));
  const focused = element.contains(document.activeElement) ? document.activeElement.closest('details')?.dataset.name : null;
  element.dataset.key = key;
  element.replaceChildren(...content().filter((c) => c != null && c !== false));
  for (const d of element.querySelectorAll('details')) {
    if (open.has(d.dataset.name)) d.open = true;
    if (focused === d.dataset.name) d.querySelector('summary').focus({ preventScroll: true });
  }
}
