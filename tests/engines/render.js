/*
 * Copyright (c) 2026 The syslog-ng-sip authors
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * node render.js FOLDER: for each FOLDER/NAME.job.json, a panel's specification with the engine's answer in it, writes
 * NAME.light.svg, NAME.dark.svg, and NAME.rows.json, the data behind the marks. NODE_PATH says where vega is.
 */
const fs = require('fs');
const path = require('path');
const vega = require('vega');
const vegaLite = require('vega-lite');

const folder = process.argv[2];

/* there is no canvas here to measure text with, and vega's own guess is too wide: DejaVu Sans on average */
vega.textMetrics.width = (item, text) =>
  String(text ?? '').length * (item.fontSize || 11) * (item.fontWeight === 'bold' ? 0.66 : 0.585);

/* what both hosts set for their themes */
function theme(dark)
{
  const text = dark ? '#98a2b3' : '#69707d';
  const strong = dark ? '#dfe5ef' : '#343741';
  const line = dark ? '#343741' : '#d3dae6';
  return {
    background: dark ? '#1d1e24' : '#ffffff',
    font: 'DejaVu Sans',
    style: { 'guide-label': { fill: text }, 'guide-title': { fill: strong }, 'group-title': { fill: strong },
             'group-subtitle': { fill: strong } },
    title: { color: strong },
    axis: { domainColor: line, gridColor: line, tickColor: line },
  };
}

function marksOf(item, found)
{
  if (item.marktype && item.marktype !== 'group' && item.role === 'mark')
    found.push(...item.items.map((one) => Object.assign({ 'mark type': item.marktype }, plain(one.datum))));
  for (const child of item.items || [])
    marksOf(child, found);
  return found;
}

function plain(datum)
{
  const copy = {};
  for (const [name, value] of Object.entries(datum || {}))
    copy[name] = value instanceof Date ? value.getTime() : value;
  return copy;
}

async function render(name)
{
  const job = JSON.parse(fs.readFileSync(path.join(folder, name + '.job.json')));
  for (const dark of [false, true])
    {
      const warnings = [];
      const logger = vega.logger(vega.Warn);
      logger.warn = (...words) => { warnings.push(words.join(' ')); return logger; };
      const spec = Object.assign({ width: job.width, height: job.height, autosize: { type: 'fit', contains: 'padding' },
                                   padding: 6 }, job.spec);
      delete spec.config.kibana;
      const compiled = vegaLite.compile(spec, { config: vega.mergeConfig(theme(dark), spec.config), logger }).spec;
      const view = new vega.View(vega.parse(compiled), { renderer: 'none', logger });
      await view.runAsync();
      fs.writeFileSync(path.join(folder, `${name}.${dark ? 'dark' : 'light'}.svg`), await view.toSVG());
      if (!dark)
        fs.writeFileSync(path.join(folder, name + '.rows.json'),
                         JSON.stringify({ rows: marksOf(view.scenegraph().root, []), warnings }));
      view.finalize();
    }
}

(async () => {
  for (const file of fs.readdirSync(folder).filter((one) => one.endsWith('.job.json')))
    await render(file.slice(0, -'.job.json'.length));
})().catch((error) => { console.error(error); process.exit(1); });
