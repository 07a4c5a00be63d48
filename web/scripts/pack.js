// Compresses what Vite has built, and writes down from which sources. `--verify` compares what is there with what is built
// from them now.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { execFileSync } from 'node:child_process';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');

function files(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? files(path) : [path];
  });
}

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** What the files are made of. Types are left out: they change with the API and leave no trace. */
function sources() {
  const single = ['index.html', 'package.json', 'package-lock.json', 'vite.config.js', 'scripts/pack.js'];
  const paths = [...single.map((name) => join(root, name)), ...files(join(root, 'src')), ...files(join(root, 'public'))]
    .filter((path) => !path.endsWith('.d.ts'))
    .map((path) => relative(root, path).replaceAll('\\', '/'))
    .sort();
  return paths.map((path) => `${sha256(readFileSync(join(root, path)))}  ${path}\n`).join('');
}

function pack() {
  for (const path of files(dist)) {
    if (/\.(br|gz)$/.test(path)) rmSync(path);
  }
  for (const path of files(dist)) {
    const bytes = readFileSync(path);
    if (bytes.length < 512 || /\.(png|woff2)$/.test(path)) continue;
    const quality = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
    writeFileSync(`${path}.br`, brotliCompressSync(bytes, { params: quality }));
    writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
  }
  writeFileSync(join(root, 'SOURCES'), sources());
}

/** The files without their compressed forms, which another version of Node may write differently. */
const listing = () =>
  files(dist)
    .filter((path) => !/\.(br|gz)$/.test(path))
    .map((path) => `${sha256(readFileSync(path))}  ${relative(dist, path)}`)
    .sort()
    .join('\n');

if (process.argv.includes('--verify')) {
  if (!existsSync(dist)) throw new Error('there is no dist; run `npm run build`');
  const before = listing();
  execFileSync('npx', ['vite', 'build'], { cwd: root, stdio: 'inherit' });
  const after = listing();
  pack();
  if (before !== after) {
    console.error('web/dist is not what its sources build; commit what `npm run build` makes');
    process.exit(1);
  }
  console.log('web/dist is what its sources build');
} else {
  pack();
  const total = files(dist).filter((path) => path.endsWith('.br')).reduce((sum, path) => sum + statSync(path).size, 0);
  console.log(`packed: ${Math.round(total / 1024)} KiB with brotli in all`);
}
