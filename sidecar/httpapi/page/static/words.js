// How sizes and times are written, and how elements are made.

const KiB = 1024, MiB = KiB * 1024, GiB = MiB * 1024;

// size writes bytes for people; null stays unknown. The same as the tables in text.
export function size(bytes) {
  if (bytes == null) return 'unknown';
  const n = Math.abs(bytes);
  if (n >= GiB) return `${(bytes / GiB).toFixed(2)} GiB`;
  if (n >= 100 * KiB) return `${(bytes / MiB).toFixed(1)} MiB`;
  return `${Math.round(bytes / KiB)} KiB`;
}

export const exact = (n) => (n == null ? 'unknown' : n.toLocaleString('en').replaceAll(',', '\u202f'));

// signed writes a difference: with a sign, and a real minus.
export function signed(n, text) {
  if (n == null) return '';
  if (text(Math.abs(n)) === text(0)) return '0';
  return (n < 0 ? '−' : '+') + text(Math.abs(n));
}

// unreclaimable is the memory of a container that the kernel cannot reclaim; null: unknown.
export const unreclaimable = (c) => (c?.usage_bytes == null || c.reclaimable_bytes == null ? null : Math.max(0, c.usage_bytes - c.reclaimable_bytes));

export const percent = (part, whole) => (part == null || !whole ? '' : `${(100 * part / whole).toFixed(1)} %`);

// rate writes a growth by the hour, or by the minute where that (or what it is beside)
// is much.
export function rate(bytesPerHour, beside = bytesPerHour) {
  const much = Math.abs(beside) >= GiB;
  return `${signed(much ? bytesPerHour / 60 : bytesPerHour, size)} ${much ? 'a minute' : 'an hour'}`;
}

// span writes a time for people: two units at most.
export function span(seconds) {
  const s = Math.max(0, seconds), two = (n, unit, m, small) => `${n} ${unit}` + (m ? ` ${m} ${small}` : '');
  if (s < 120) return `${Math.round(s)} s`;
  if (s < 7200) return `${Math.round(s / 60)} min`;
  if (s < 172800) return two(Math.floor(s / 3600), 'h', Math.floor(s / 60) % 60, 'min');
  return two(Math.floor(s / 86400), 'd', Math.floor(s / 3600) % 24, 'h');
}

const pad = (n) => String(n).padStart(2, '0');

// clock writes a time of the day, in the reader's zone.
export function clock(millis, seconds = true) {
  const t = new Date(millis);
  return `${pad(t.getHours())}:${pad(t.getMinutes())}` + (seconds ? `:${pad(t.getSeconds())}` : '');
}

export const day = (millis) => new Date(millis).toLocaleDateString('en-GB', { day: 'numeric', month: 'short' });

// moment is a clock, with the day where it is not today's.
export function moment(millis, seconds = true) {
  const today = new Date().toDateString() === new Date(millis).toDateString();
  return (today ? '' : `${day(millis)} `) + clock(millis, seconds);
}

export const sentence = (s) => (s ? s[0].toUpperCase() + s.slice(1) + (/[.!?]$/.test(s) ? '' : '.') : '');

// make makes an element. Text goes in as text, whatever is in it: names come from
// what runs in the container.
export function make(tag, attributes, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value != null && value !== false) e.setAttribute(name, value === true ? '' : value);
  }
  e.append(...children.flat().filter((c) => c != null && c !== false));
  return e;
}

// advice makes text with the options that are in it as code, which is never broken
// after its first hyphen.
export function advice(text) {
  return text.split(/(-(?:XX:|D|X[a-z]+:?)[^\s;,)]*[^\s;,).:])/).map((part, i) => (i % 2 ? make('code', {}, make('span', { class: 'whole' }, part.slice(0, 6)), part.slice(6)) : part));
}

// bar is a share as a bar; its width is no markup, which the policy would refuse.
export function bar(share, kind) {
  const fill = make('span', { class: `fill ${kind ?? ''}` });
  fill.style.width = `${Math.max(0, Math.min(100, 100 * share))}%`;
  return make('span', { class: 'meter', 'aria-hidden': 'true' }, fill);
}

// set makes content that of an element, if it is another one: what is open, chosen
// or read out stays so.
export function set(element, key, content) {
  if (element.dataset.key === key) return;
  const open = new Set([...element.querySelectorAll('details[open]')].map((d) => d.dataset.name));
  element.dataset.key = key;
  element.replaceChildren(...content().filter((c) => c != null && c !== false));
  for (const d of element.querySelectorAll('details')) if (open.has(d.dataset.name)) d.open = true;
}
