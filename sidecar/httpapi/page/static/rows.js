// How rows are drawn: colours and patterns on a canvas. The rows themselves come from Go.
import { names, rows } from './tables.js';

export { names, rows };

export const series = (row) => names.row + row.id;

// dark is not matched by paper.
export const dark = matchMedia('screen and (prefers-color-scheme: dark)');
export const paper = matchMedia('print');

// style returns the colours of a row: on a dark background light areas would glare.
export const style = (row) => (dark.matches && row.dark) || row;

// fill returns the fill style of a row.
export function fill(row, context, scale = devicePixelRatio || 1) {
  const { color, ink } = style(row);
  if (!row.pattern) return color;
  const tile = document.createElement('canvas');
  tile.width = tile.height = Math.round(8 * scale);
  const c = tile.getContext('2d'), unit = tile.width / 8;
  c.scale(unit, unit);
  c.fillStyle = color;
  c.fillRect(0, 0, 8, 8);
  c.fillStyle = c.strokeStyle = ink;
  c.lineWidth = 1.5;
  c.beginPath();
  const line = (x0, y0, x1, y1) => { c.moveTo(x0, y0); c.lineTo(x1, y1); };
  if (row.pattern === 'up') { line(-2, 2, 2, -2); line(0, 8, 8, 0); line(6, 10, 10, 6); c.stroke(); }
  if (row.pattern === 'down') { line(-2, 6, 2, 10); line(0, 0, 8, 8); line(6, -2, 10, 2); c.stroke(); }
  if (row.pattern === 'dots') { c.arc(2, 2, 1, 0, 7); c.closePath(); c.moveTo(7, 6); c.arc(6, 6, 1, 0, 7); c.fill(); }
  return context.createPattern(tile, 'repeat');
}

// swatch shows how a row is drawn, beside its name.
export function swatch(row) {
  const canvas = document.createElement('canvas');
  canvas.className = 'swatch';
  canvas.width = canvas.height = 28;
  canvas.setAttribute('aria-hidden', 'true');
  const context = canvas.getContext('2d');
  const draw = () => {
    context.clearRect(0, 0, 28, 28);
    context.fillStyle = fill(row, context, 2);
    context.fillRect(0, 0, 28, 28);
  };
  draw();
  dark.addEventListener('change', draw);
  return canvas;
}
