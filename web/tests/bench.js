// How long lists take: 10,000 tags in a repository, 2,000 repositories. `node tests/bench.js`; figures, not judgements.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { Client, fromFolder, PASSWORD, startBerth } from './berth.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const program = process.env.BERTH ?? join(process.env.CARGO_TARGET_DIR ?? join(root, '../target'), 'debug/berth');
const executablePath = process.env.CHROMIUM ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find(existsSync);
const berth = await startBerth(program);
const browser = await chromium.launch({ executablePath, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] });
try {
  const page = await browser.newPage({ baseURL: berth.url, viewport: { width: 1280, height: 860 } });
  if (process.env.UI) await fromFolder(page.context(), process.env.UI, berth.url);
  await page.goto(berth.setup);
  await page.getByLabel('User name').fill('captain');
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByLabel('The same again').fill(PASSWORD);
  await page.getByRole('button', { name: 'Make the administrator' }).click();
  await page.getByRole('heading', { name: 'Home', exact: true }).waitFor();

  const client = new Client(berth.url, 'captain', PASSWORD);
  const type = 'application/vnd.oci.image.manifest.v1+json';
  const image = async (repository) => {
    const config = await client.blob(repository, Buffer.from('{}'), 'application/vnd.oci.image.config.v1+json');
    return Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: type, config, layers: [] }));
  };
  const manifest = await image('many/tags');
  for (let from = 0; from < 10_000; from += 50) {
    const tags = Array.from({ length: 50 }, (_, index) => `tag=build-${from + index}`).join('&');
    await client.send('PUT', `/v2/many/tags/manifests/first?${tags}`, manifest, type);
  }
  const names = Array.from({ length: 2_000 }, (_, index) => `team-${index % 40}/service-${index}`);
  const worker = async () => {
    for (let name = names.pop(); name; name = names.pop()) await client.send('PUT', `/v2/${name}/manifests/latest`, await image(name), type);
  };
  await Promise.all(Array.from({ length: 8 }, worker));

  for (const [what, path, last] of [
    ['10,000 tags', '/ui/repo/many/tags', 'build-0'],
    ['2,000 repositories', '/ui/repositories', 'team-9/service-989'],
  ]) {
    const began = Date.now();
    await page.goto(path);
    await page.locator('[role=rowgroup] [role=row] a').first().waitFor();
    const first = Date.now() - began;
    await page.getByText(what.startsWith('10') ? /10,001/ : /2,001 repositories/).first().waitFor();
    await page.waitForFunction((count) => Number(document.querySelector('[role=table]')?.getAttribute('aria-rowcount')) > count, what.startsWith('10') ? 10_000 : 2_000);
    const whole = Date.now() - began;
    // From the top to the end in three seconds, and how evenly frames come meanwhile.
    const frames = await page.evaluate(
      () =>
        new Promise((resolve) => {
          const times = [];
          const from = performance.now();
          const end = document.documentElement.scrollHeight - innerHeight;
          const step = (now) => {
            times.push(now);
            scrollTo(0, (end * (now - from)) / 3000);
            if (now - from < 3000) requestAnimationFrame(step);
            else resolve(times.slice(1).map((time, index) => time - times[index]));
          };
          requestAnimationFrame(step);
        }),
    );
    frames.sort((a, b) => a - b);
    const at = (part) => frames[Math.floor((frames.length - 1) * part)].toFixed(0);
    const nodes = await page.evaluate(() => document.querySelectorAll('*').length);
    await page.evaluate(() => scrollTo(0, 0));
    const typed = Date.now();
    await page.locator('main input[type=search]').first().fill(last);
    await page.waitForFunction(() => document.querySelectorAll('[role=rowgroup] .item').length < 20);
    console.log(`${what}: first rows ${first} ms, all of them ${whole} ms, search ${Date.now() - typed} ms, frames median ${at(0.5)} ms, 99 % ${at(0.99)} ms, ${nodes} elements`);
  }
  const state = await page.context().storageState();
  const times = [];
  for (let i = 0; i < 5; i++) {
    // A browser that has never been here: nothing is cached.
    const fresh = await browser.newContext({ baseURL: berth.url, viewport: { width: 1280, height: 860 }, storageState: state });
    if (process.env.UI) await fromFolder(fresh, process.env.UI, berth.url);
    const first = await fresh.newPage();
    const began = Date.now();
    await first.goto('/ui/');
    await first.waitForSelector('.u-wrap canvas');
    times.push(Date.now() - began);
    await fresh.close();
  }
  times.sort((a, b) => a - b);
  console.log(`Home in a browser that has never been here: median of five ${times[2]} ms (${times[0]} to ${times[4]} ms)`);

  await client.api('PUT', '/retention/policies/bench', { repositories: ['many/*'], keep: [{ newest: 100 }], drop: [{ tag: 'build-*' }] });
  await page.goto('/ui/repo/many/tags/-/settings');
  const dry = page.getByRole('button', { name: 'Dry run', exact: true });
  await dry.waitFor();
  const asked = Date.now();
  await dry.click();
  await page.getByText('would be dropped').waitFor();
  console.log(`a dry run of retention over 10,001 tags, until its verdicts are shown: ${Date.now() - asked} ms`);
} finally {
  await browser.close();
  await berth.stop();
}
