// What was brought from elsewhere, what is held back, and what somebody has spoiled on the disk.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, join } from 'node:path';
import { advisory, debian, scanned } from './berth.js';

/** Serves one text to whoever asks. */
async function publisher(text) {
  const server = createServer((_, answer) => answer.writeHead(200, { 'content-type': 'application/json' }).end(text));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${server.address().port}/all.json`, stop: () => server.close() };
}

/** The file that holds what has this digest. */
function fileOf(data, digest) {
  const folder = join(data, 'blobs');
  const files = readdirSync(folder, { recursive: true }).map((name) => join(folder, name)).filter((path) => statSync(path).isFile());
  const found = files.find((path) => `sha256:${createHash('sha256').update(readFileSync(path)).digest('hex')}` === digest);
  if (!found) throw new Error(`no file of ${digest} among ${files.length}`);
  return found;
}

export async function repair({ page, check, client, settled, berth, accessible, picture }) {
  const open = async (path) => {
    await page.goto(path);
    await settled(page);
  };
  const button = (name) => page.getByRole('button', { name, exact: true });
  const dialog = () => page.getByRole('dialog');
  const row = (name) => page.getByRole('row', { name });

  await check('advisories are fetched from a URL', async () => {
    const elsewhere = await publisher(JSON.stringify(advisory('GHSA-7', 'npm', 'left-pad', '1.3.0', 'high')));
    try {
      await open('/ui/vulnerabilities/advisories');
      await button('Fetch a URL').click();
      await dialog().getByLabel(/^Name/).fill('published');
      await dialog().getByLabel(/^URL/).fill(elsewhere.url);
      await dialog().getByRole('button', { name: 'Fetch', exact: true }).click();
      await row(new RegExp(`^published ${elsewhere.url} 1 `)).waitFor();
      await row(/^published/).getByRole('button', { name: 'Remove' }).click();
      await dialog().getByRole('button', { name: 'Remove the advisories' }).click();
      await page.getByText('The advisories of published are gone').waitFor();
    } finally {
      elsewhere.stop();
    }
  });
  await check('an image that is held back is let go on its own page', async () => {
    await client.image('prod/web', '2.0', { layers: [debian('3.0.11-1~deb12u1')], labels: { version: '2.0' } });
    await scanned(client, 'prod/web', '2.0');
    await open('/ui/repo/prod/web/-/image/2.0/vulnerabilities');
    await page.getByText('Nobody can pull it').waitFor();
    await accessible(page, 'held');
    await picture('image-held');
    await button('Let it go').click();
    await dialog().getByLabel(/^Why/).fill('it is behind a firewall');
    await dialog().getByRole('button', { name: 'Let it go' }).click();
    await page.getByText('prod/web serves it now').waitFor();
    await page.getByText('Nobody can pull it').waitFor({ state: 'detached' });
    await client.send('GET', '/v2/prod/web/manifests/2.0');
  });
  await check('objects that nobody knows are looked for, and removed', async () => {
    const known = await client.blob('team/app', Buffer.from('a neighbour'), 'application/octet-stream');
    const stray = join(dirname(fileOf(berth.data, known.digest)), 'stray-file');
    writeFileSync(stray, 'whose is it?');
    const old = new Date(Date.now() - 48 * 3_600_000);
    utimesSync(stray, old, old);
    await open('/ui/upkeep/gc');
    await button('Look for them').click();
    await page.getByText(/stray-file \(12 bytes\)/).waitFor();
    await page.getByText('nothing was changed').first().waitFor();
    await picture('orphans-found');
    statSync(stray);
    await open('/ui/upkeep/gc');
    await button('Remove them…').click();
    await dialog().getByRole('button', { name: 'Remove them' }).click();
    await page.getByText('that no row knew were deleted').first().waitFor();
    if (statSync(stray, { throwIfNoEntry: false })) throw new Error('the file is still there');
  });
  await check('a damaged blob is listed with its repositories, and mended by the next push of it', async () => {
    const text = Buffer.from('what a disk may spoil');
    const push = () => client.blob('team/backend/api', text, 'application/octet-stream');
    const { digest } = await push();
    const config = await client.blob('team/backend/api', Buffer.from('{}'), 'application/vnd.oci.empty.v1+json');
    await client.manifest('team/backend/api', 'notes', { mediaType: 'application/vnd.oci.image.manifest.v1+json', artifactType: 'text/plain', config, layers: [{ mediaType: 'text/plain', digest, size: text.length }] });
    writeFileSync(fileOf(berth.data, digest), text.toString().replace('disk', 'dusk'));
    await open('/ui/upkeep/scrub');
    await button('Run now').click();
    const listed = page.getByRole('row', { name: new RegExp(digest.slice(7, 15)) });
    await listed.getByRole('link', { name: 'team/backend/api' }).waitFor();
    await accessible(page, 'damaged');
    await picture('damaged');
    await open('/ui/');
    await page.getByRole('listitem').filter({ hasText: 'missing or damaged' }).getByRole('link', { name: 'Look' }).click();
    await listed.waitFor();
    await push();
    await page.getByText('No blob is known to be damaged').waitFor();
    await client.send('GET', `/v2/team/backend/api/blobs/${digest}`);
  });
}
