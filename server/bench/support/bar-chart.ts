/** Draws figures as horizontal bars, each on its own scale next to others of the same unit. Plain SVG, no script. */

const width = 720;
const rowHeight = 28;
const labelWidth = 260;
const valueWidth = 110;

/** An SVG of named figures; figures whose names end in the same unit share a scale. */
export function barChart(title: string, figures: Readonly<Record<string, number>>, footnote: string): string {
  const entries = Object.entries(figures);
  const largest = new Map<string, number>();
  for (const [name, value] of entries) largest.set(unitOf(name), Math.max(largest.get(unitOf(name)) ?? 0, value));
  const rows = entries.map(([name, value], index) => {
    const y = 56 + index * rowHeight;
    const full = largest.get(unitOf(name)) ?? 1;
    const length = full === 0 ? 0 : ((width - labelWidth - valueWidth) * value) / full;
    return [
      `<text x="16" y="${y + 14}">${escaped(name)}</text>`,
      `<rect x="${labelWidth}" y="${y}" width="${length.toFixed(1)}" height="18" fill="#3b6ea5"/>`,
      `<text x="${(labelWidth + length + 8).toFixed(1)}" y="${y + 14}">${value}</text>`,
    ].join('');
  });
  const height = 56 + entries.length * rowHeight + 40;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="13" role="img">`,
    `<title>${escaped(title)}</title><rect width="100%" height="100%" fill="#ffffff"/>`,
    `<text x="16" y="30" font-size="16" font-weight="600">${escaped(title)}</text>`,
    ...rows,
    `<text x="16" y="${height - 14}" font-size="10" fill="#666666">${escaped(footnote)}</text>`,
    '</svg>\n',
  ].join('\n');
}

function unitOf(figure: string): string {
  return figure.slice(figure.lastIndexOf('_') + 1);
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
