// Drives a real Berth with a real browser through every page and action, in light and dark and at the width of a phone.
// `BERTH` names the program, `CHROMIUM` the browser. `--screenshots` keeps a picture of each page in web/screenshots. With `UI`,
// pages are taken from that folder and not from the program, so that it need not be built anew for each of their changes.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import axe from '@axe-core/playwright';
import { chromium } from 'playwright-core';
import { Client, fromFolder, PASSWORD, populate, startBerth } from './berth.js';
import { actions } from './actions.js';
import { federation } from './federation.js';
import { plugins } from './plugins.js';
import { repair } from './repair.js';
import { upkeep } from './upkeep.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const target = process.env.CARGO_TARGET_DIR ?? join(root, '../target');
const program = process.env.BERTH ?? join(target, 'debug/berth');
const browserPath = process.env.CHROMIUM ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find(existsSync);
const wantsPictures = process.argv.includes('--screenshots');
const only = process.argv.find((word) => word.startsWith('--only='))?.slice(7);
const AxeBuilder = axe.default ?? axe;

let passed = 0;
const failed = [];
async function check(name, work) {
  try {
    await work();
    passed += 1;
    console.log(`ok ${name}`);
  } catch (error) {
    failed.push(name);
    console.log(`FAIL ${name}\n     ${String(error.message ?? error).split('\n').slice(0, 12).join('\n     ')}`);
  }
}

const berth = await startBerth(program);
const browser = await chromium.launch({ executablePath: browserPath, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] });

/** Whatever a page must never do. */
function watch(page, complaints) {
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.origin !== berth.url && !['data:', 'blob:'].includes(url.protocol)) complaints.push(`asks ${url.origin}`);
  });
  page.on('pageerror', (error) => complaints.push(`throws ${error.message}`));
  page.on('console', (message) => {
    // That an answer was no success is told to people on the page itself.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) complaints.push(`says ${message.text()}`);
  });
}

const complaints = [];
async function visit(options) {
  const context = await browser.newContext({ baseURL: berth.url, reducedMotion: 'reduce', ...options });
  if (process.env.UI) await fromFolder(context, process.env.UI, berth.url);
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  watch(page, complaints);
  return page;
}

/** Waits until what the page fetches is there. */
async function settled(page) {
  await page.waitForSelector('h1');
  await page.waitForFunction(() => !document.querySelector('[aria-busy=true]'));
}

async function accessible(page, name) {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const serious = violations.filter((one) => ['serious', 'critical'].includes(one.impact));
  const told = serious.map((one) => `${one.id}: ${one.nodes.slice(0, 3).map((node) => `${node.target} ${node.any[0]?.message ?? ''}`).join('; ')}`);
  if (told.length) throw new Error(`${name}: ${told.join('\n')}`);
}

const FOLDER = join(root, 'screenshots');
if (wantsPictures) mkdirSync(FOLDER, { recursive: true });
/** Of what only somebody who does something sees. */
async function picture(page, name) {
  if (wantsPictures) await page.screenshot({ path: join(FOLDER, `${name}-light.png`) });
}

try {
  const page = await visit({ viewport: { width: 1280, height: 860 } });
  await check('the set-up link makes the first administrator', async () => {
    await page.goto(berth.setup);
    await settled(page);
    if (wantsPictures) await page.screenshot({ path: join(FOLDER, 'set-up-light.png') });
    await accessible(page, 'set-up');
    await page.getByLabel('User name').fill('captain');
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByLabel('The same again').fill(PASSWORD);
    await page.getByRole('button', { name: 'Make the administrator' }).click();
    await page.getByRole('heading', { name: 'Home', exact: true }).waitFor();
  });
  await check('an empty registry says what to do', async () => {
    await page.goto('/ui/repositories');
    await page.getByText('A repository is made by the first push').waitFor();
    await settled(page);
    await accessible(page, 'empty');
    if (wantsPictures) await page.screenshot({ path: join(FOLDER, 'empty-light.png') });
  });

  await check('the pages fit the API, as this Berth describes it', async () => {
    const run = (...words) => execFileSync(words[0], words.slice(1), { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    run('node', 'scripts/types.js', berth.url);
    try {
      run('npx', 'svelte-check', '--tsconfig', './tsconfig.json', '--output', 'machine', '--fail-on-warnings');
    } catch (error) {
      throw new Error(String(error.stdout).split('\n').filter((line) => /ERROR|WARNING/.test(line)).join('\n'));
    }
  });
  const client = new Client(berth.url, 'captain', PASSWORD);
  const made = await populate(client);
  const state = await page.context().storageState();

  if (!process.env.UI) await check('the first page sends at most 150 KB of scripts', async () => {
    const first = await visit({ storageState: state });
    const session = await first.context().newCDPSession(first);
    await session.send('Network.enable');
    const scripts = new Set();
    let bytes = 0;
    session.on('Network.responseReceived', ({ requestId, type }) => type === 'Script' && scripts.add(requestId));
    session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
      if (scripts.has(requestId)) bytes += encodedDataLength;
    });
    await first.goto('/ui/');
    await settled(first);
    await first.waitForSelector('.u-wrap canvas');
    await first.context().close();
    console.log(`     ${Math.round(bytes / 1024)} KB of scripts for Home`);
    if (bytes === 0 || bytes > 150 * 1024) throw new Error(`${bytes} bytes of scripts`);
  });

  const doing = { actions, federation, plugins, upkeep, repair };
  const told = { page, check, client, made, settled, visit, berth, state, accessible, picture: (name) => picture(page, name) };
  for (const [name, part] of Object.entries(doing)) if (!only || only === 'actions' || only === name) await part(told);

  const pages = {
    home: '/ui/',
    repositories: '/ui/repositories',
    'repositories-tree': '/ui/repositories?view=tree&q=team',
    'tags': '/ui/repo/team/app',
    'timeline': '/ui/repo/team/app/-/timeline',
    'about': '/ui/repo/team/app/-/about',
    'use': '/ui/repo/team/app/-/use',
    'repository-settings': '/ui/repo/team/app/-/settings',
    'image-layers': '/ui/repo/team/app/-/image/latest',
    'image-config': '/ui/repo/team/app/-/image/latest/config',
    'image-referrers': '/ui/repo/team/app/-/image/latest/referrers',
    'signatures': '/ui/repo/tools/filter/-/image/latest/referrers',
    'image-manifest': '/ui/repo/team/app/-/image/latest/manifest',
    'index': '/ui/repo/team/multi/-/image/2.0',
    'chart': '/ui/repo/charts/quay/-/image/0.3.1',
    'artifact': '/ui/repo/tools/filter/-/image/latest',
    'compare': '/ui/repo/team/app/-/compare/1.10.0/1.10.1',
    'users': '/ui/access',
    'user': '/ui/access/users/ann',
    'robots': '/ui/access/robots',
    'robot': '/ui/access/robots/ci',
    'groups': '/ui/access/groups',
    'group': '/ui/access/groups/devs',
    'rules': '/ui/access/rules',
    'federation': '/ui/access/federation',
    'why': '/ui/access/why?subject=user:ann&action=push&repository=team/app',
    'findings': '/ui/vulnerabilities',
    'package-places': '/ui/vulnerabilities/packages?name=bash',
    'quarantine': '/ui/vulnerabilities/quarantine',
    'advisories': '/ui/vulnerabilities/advisories',
    'image-vulnerabilities': '/ui/repo/team/web/-/image/1.0/vulnerabilities',
    'image-packages': '/ui/repo/team/web/-/image/1.0/packages',
    'scanned-tags': '/ui/repo/team/web',
    'trash-of-repository': '/ui/repo/team/backend/worker/-/trash',
    'plugins': '/ui/plugins',
    'plugin': '/ui/plugins/scan-packages',
    'replication': '/ui/replication',
    'replication-targets': '/ui/replication/targets',
    'replication-rules': '/ui/replication/rules',
    'retention': '/ui/upkeep',
    'retention-policy': '/ui/upkeep?policy=nightly',
    'immutability': '/ui/upkeep/immutability',
    'locks': '/ui/upkeep/locks',
    'quotas': '/ui/upkeep/quotas',
    'trash': '/ui/upkeep/trash',
    'collection': '/ui/upkeep/gc',
    'scrub': '/ui/upkeep/scrub',
    'backups': '/ui/upkeep/backups',
    'doctor': '/ui/upkeep/doctor',
    'audit': '/ui/activity',
    'jobs': '/ui/activity/jobs',
    'schedules': '/ui/activity/schedules',
    'webhooks': '/ui/activity/webhooks',
    'webhook': '/ui/activity/webhooks/rollout',
    'settings': '/ui/settings',
    'configuration': '/ui/settings/configuration',
    'keys': '/ui/settings/keys',
    'settings-about': '/ui/settings/about',
    'profile': '/ui/profile',
    'not-found': '/ui/nowhere',
  };
  const looks = {
    light: { viewport: { width: 1280, height: 860 }, colorScheme: 'light' },
    dark: { viewport: { width: 1280, height: 860 }, colorScheme: 'dark' },
    phone: { viewport: { width: 390, height: 844 }, colorScheme: 'light', hasTouch: true },
  };
  for (const [look, options] of Object.entries(looks)) {
    const seen = await visit({ ...options, storageState: await page.context().storageState() });
    for (const [name, path] of Object.entries(pages)) {
      if (only && !name.startsWith(only)) continue;
      await check(`${name} in ${look}`, async () => {
        await seen.goto(path);
        await settled(seen);
        if (name === 'home') await seen.waitForSelector('.u-wrap canvas');
        if (wantsPictures) await seen.screenshot({ path: join(FOLDER, `${name}-${look}.png`), fullPage: look === 'phone' });
        const wide = await seen.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        if (wide > 1) throw new Error(`${wide} pixels wider than the window`);
        await accessible(seen, name);
      });
    }
    if (!only || only === 'sign-in') {
      await check(`sign-in in ${look}`, async () => {
        const stranger = await visit(options);
        await stranger.goto('/ui/');
        await stranger.getByRole('heading', { name: 'Sign in' }).waitFor();
        await settled(stranger);
        if (wantsPictures) await stranger.screenshot({ path: join(FOLDER, `sign-in-${look}.png`) });
        await accessible(stranger, 'sign-in');
        await stranger.context().close();
      });
    }
    await seen.context().close();
  }
  await check('no page asked anybody else, threw, or complained', async () => {
    if (complaints.length) throw new Error([...new Set(complaints)].join('\n'));
  });
} finally {
  await browser.close();
  await berth.stop();
}
console.log(`web: ${passed} passed, ${failed.length} failed`);
process.exit(failed.length ? 1 : 0);
