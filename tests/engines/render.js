/*
 * Copyright (c) 2026 The syslog-ng-sip authors
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * node render.js FOLDER: for each FOLDER/NAME.job.json, a panel's specification with the engine's answer in it, writes
 * NAME.light.svg, NAME.dark.svg, and NAME.rows.json, the data behind the marks: as the newer hosts' Vega-Lite 5 has
 * them, and as Vega-Lite 4.17 has them, which is Kibana 7.17's. NODE_PATH says where vega is.
 */
const fs = require('fs');
const path = require('path');
const vega = require('vega');
const vegaLite = require('vega-lite');
const vegaLite4 = require('vega-lite-4');

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

/* the picture and the data behind its marks; WARNINGS takes what vega has to say */
async function view(job, compiler, dark, warnings)
{
  const logger = vega.logger(vega.Warn);
  logger.warn = (...words) => { warnings.push(words.join(' ')); return logger; };
  const spec = Object.assign({ width: job.width, height: job.height, autosize: { type: 'fit', contains: 'padding' },
                               padding: 6 }, job.spec);
  spec.config = Object.assign({}, spec.config);
  delete spec.config.kibana;
  const compiled = compiler.compile(spec, { config: vega.mergeConfig(theme(dark), spec.config), logger }).spec;
  const made = new vega.View(vega.parse(compiled), { renderer: 'none', logger });
  await made.runAsync();
  const result = { svg: await made.toSVG(), rows: marksOf(made.scenegraph().root, []) };
  made.finalize();
  return result;
}

async function render(name)
{
  const job = JSON.parse(fs.readFileSync(path.join(folder, name + '.job.json')));
  const warnings = [], warnings4 = [];
  const light = await view(job, vegaLite, false, warnings);
  const dark = await view(job, vegaLite, true, warnings);
  const old = await view(job, vegaLite4, false, warnings4);
  fs.writeFileSync(path.join(folder, name + '.light.svg'), light.svg);
  fs.writeFileSync(path.join(folder, name + '.dark.svg'), dark.svg);
  fs.writeFileSync(path.join(folder, name + '.light-4.svg'), old.svg);
  fs.writeFileSync(path.join(folder, name + '.rows.json'),
                   JSON.stringify({ rows: light.rows, warnings, rows4: old.rows, warnings4 }));
}

(async () => {
  for (const file of fs.readdirSync(folder).filter((one) => one.endsWith('.job.json')))
    await render(file.slice(0, -'.job.json'.length));
})().catch((error) => { console.error(error); process.exit(1); });
