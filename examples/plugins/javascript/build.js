// node build.js WIT OUT.wasm: a component of policy.js. Nothing of a browser's or of WASI is enabled: it needs none.

import { componentize } from '@bytecodealliance/componentize-js';
import { writeFile } from 'node:fs/promises';

const [wit = '../../../plugins/wit', out = 'component.wasm'] = process.argv.slice(2);
const { component } = await componentize({
  sourcePath: 'policy.js', // looked for in the working directory
  witPath: wit,
  worldName: 'admission',
  disableFeatures: ['stdio', 'random', 'clocks', 'http', 'fetch-event'],
});
await writeFile(out, component);
