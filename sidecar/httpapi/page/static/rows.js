// The rows: their names, what they are, and how they look. From the ground up: what
// the kernel can take back is on top. chart.svg has the same (chart/rows.go).

export const rows = [
  { id: 'heap', name: 'heap', color: '#0072b2', label: '#ffffff', what: 'Java objects: the pages of the Java heap that are in memory' },
  { id: 'metaspace', name: 'metaspace', color: '#56b4e9', label: '#10202b', what: 'classes: metaspace, compressed class space, the CDS archive' },
  { id: 'threads', name: 'threads', color: '#e69f00', label: '#2b1e00', what: 'stacks of threads' },
  { id: 'code_cache', name: 'code cache', color: '#009e73', label: '#ffffff', what: 'code that the JIT compiled' },
  { id: 'gc', name: 'gc', color: '#f0e442', label: '#2b2900', what: 'the collector’s own tables' },
  { id: 'native', name: 'native', color: '#d55e00', label: '#ffffff', what: 'malloc and mmap: direct buffers, HotSpot’s own, JNI, and what glibc keeps' },
  { id: 'libraries', name: 'libraries', color: '#cc79a7', label: '#2b1421', what: 'pages of shared libraries' },
  { id: 'other_processes', name: 'other processes', color: '#9bd0f0', pattern: 'up', ink: '#0072b2', label: '#10202b', dark: ['#1a4259', '#56b4e9', '#e6f4fd'], what: 'private memory of processes that are no JVM' },
  { id: 'shmem', name: 'shmem', color: '#ebc6da', pattern: 'down', ink: '#a0487a', label: '#2b1421', dark: ['#532c44', '#d98fb8', '#fbe9f3'], what: 'files in memory: tmpfs, /dev/shm' },
  { id: 'kernel', name: 'kernel', color: '#7a828c', label: '#ffffff', what: 'what the kernel keeps for the container: stacks, page tables, sockets, slab' },
  { id: 'unattributed', name: 'unattributed', color: '#ffffff00', pattern: 'up', ink: '#7a828c', dark: ['#00000000', '#8b949e'], what: 'usage that is in no row: a charge that the kernel holds in stock, and the rows that are unknown' },
  { id: 'mapped_files', name: 'mapped files', color: '#8fd6bf', pattern: 'dots', ink: '#00735a', label: '#0b2a22', dark: ['#12483b', '#4cc9a4', '#def7ef'], what: 'files that are mapped' },
  { id: 'page_cache', name: 'page cache', color: '#e3e7eb', pattern: 'dots', ink: '#9aa4ae', label: '#1c2127', dark: ['#353d47', '#717c89', '#e6e9ed'], what: 'files that were read or written; the kernel takes it back when it needs the room' },
];

export const series = (row) => `row/${row.id}`;

export const dark = matchMedia('(prefers-color-scheme: dark)');

// look returns the colours of a row: a light area would glare in the dark.
export function look(row) {
  const [color, ink, label] = (dark.matches && row.dark) || [row.color, row.ink, row.label];
  return { color, ink, label };
}

// fill is what a canvas fills a row with.
export function fill(row, context, scale = devicePixelRatio || 1) {
  const { color, ink } = look(row);
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

// swatch shows the look of a row beside its name.
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
