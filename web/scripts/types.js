// Types of the API, from the description that a Berth gives of itself: `node scripts/types.js URL`.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import openapi, { astToString } from 'openapi-typescript';

const target = fileURLToPath(new URL('../src/lib/schema.d.ts', import.meta.url));
const answer = await fetch(`${process.argv[2] ?? 'http://127.0.0.1:5000'}/api/v1/openapi.json`);
if (!answer.ok) throw new Error(`no description: ${answer.status}`);
const description = await answer.json();
// Requests are named by their paths here.
for (const item of Object.values(description.paths)) for (const operation of Object.values(item)) delete operation.operationId;
const text = `// Made by scripts/types.js from /api/v1/openapi.json.\n${astToString(await openapi(description))}`;
const isCheck = process.argv.includes('--check');
if (isCheck && readFileSync(target, 'utf8') !== text) console.log('src/lib/schema.d.ts has changed; commit it');
writeFileSync(target, text);
