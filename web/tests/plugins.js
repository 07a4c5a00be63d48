// Plugins from a registry and from a file: what they ask for, their next release, and the way back.
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

/** A plugin that comes with Berth, as a release of its own: what stands in its `plugin.toml` is replaced, letter for letter. */
function release(name, changes) {
  let component = gunzipSync(readFileSync(new URL(`../../plugins/built/${name}.wasm.gz`, import.meta.url)));
  for (const [before, after] of changes) {
    if (before.length !== after.length) throw new Error(`${before} and ${after} differ in length`);
    // The manifest is a section at the end of it; whatever the code says stays.
    const at = component.lastIndexOf(before);
    if (at < 0) throw new Error(`${name} has no ${before}`);
    component = Buffer.concat([component.subarray(0, at), Buffer.from(after), component.subarray(at + before.length)]);
  }
  return component;
}

export async function plugins({ page, check, client, settled, accessible, picture }) {
  const open = async (path) => {
    await page.goto(path);
    await settled(page);
  };
  const button = (name) => page.getByRole('button', { name, exact: true });
  const dialog = () => page.getByRole('dialog');
  /** As other tools push components. */
  const push = async (repository, tag, component) => {
    const config = await client.blob(repository, Buffer.from('{"architecture":"wasm","os":"wasip2","layerDigests":[]}'), 'application/vnd.wasm.config.v0+json');
    const layer = await client.blob(repository, component, 'application/wasm');
    return client.manifest(repository, tag, { mediaType: 'application/vnd.oci.image.manifest.v1+json', config, layers: [layer] });
  };
  const remove = async (name) => {
    await button('Remove').click();
    await dialog().getByRole('textbox').fill(name);
    await dialog().getByRole('button', { name: 'Remove the plugin' }).click();
    await page.getByText(`${name} is removed`).waitFor();
  };
  const asks = 'asks = ["http https://*:*", "http http://*:*", "secret url"]';
  const fewer = asks.replace('"http http://*:*", ', '').padEnd(asks.length);

  await check('a plugin is installed from a registry, asks for more when it is upgraded, and is rolled back', async () => {
    await push('plugins/chat', '1', release('notify-chat', [[asks, fewer]]));
    await open('/ui/plugins');
    await button('Install').click();
    await dialog().getByLabel(/^From a registry/).fill('plugins/chat:2');
    await dialog().getByRole('button', { name: 'Look at it' }).last().click();
    await dialog().getByRole('alert').waitFor();
    await dialog().getByLabel(/^From a registry/).fill('plugins/chat:1');
    await dialog().getByRole('button', { name: 'Look at it' }).last().click();
    await dialog().getByText('nothing else is installed').waitFor();
    // It is installed without the secret, which is granted later.
    await dialog().getByLabel(/read the secret/).uncheck();
    await dialog().getByRole('button', { name: 'Install notify-chat' }).click();
    await page.getByRole('heading', { name: 'notify-chat', exact: true }).waitFor();
    await page.getByText('It asks for more, which nobody granted: secret url').waitFor();
    await button('Configure').click();
    await dialog().getByLabel(/read the secret/).check();
    await dialog().getByLabel(/^Secret url/).fill('https://chat.example.org/hook');
    await dialog().getByRole('button', { name: 'Save' }).click();
    await page.getByText('It holds with the next call').waitFor();
    await page.getByText('It asks for more, which nobody granted').waitFor({ state: 'detached' });

    await push('plugins/chat', '1', release('notify-chat', [['version = "0.1.0"', 'version = "0.2.0"']]));
    await button('Upgrade').click();
    await dialog().getByRole('button', { name: 'Look at it' }).click();
    await dialog().getByText('0.1.0 becomes 0.2.0').waitFor();
    await dialog().getByText('new', { exact: true }).waitFor();
    await accessible(page, 'upgrade');
    await picture('plugin-upgrade');
    await dialog().getByRole('button', { name: 'Upgrade to 0.2.0' }).click();
    await page.getByText('0.1.0 is 0.2.0 now').waitFor();
    await page.getByText('http http://*:*').waitFor();
    await button('Roll back to 0.1.0').click();
    await dialog().getByRole('button', { name: 'Roll back' }).click();
    await page.getByText('0.1.0 is in force again').waitFor();
    await page.getByText('in force', { exact: true }).waitFor();
    await remove('notify-chat');
  });
  await check('a plugin is installed from a file, and what is no plugin is refused', async () => {
    await open('/ui/plugins');
    await button('Install').click();
    const file = (name, buffer) => dialog().getByLabel(/^From a file/).setInputFiles({ name, mimeType: 'application/wasm', buffer });
    await file('nothing.wasm', Buffer.from('no component'));
    await dialog().getByRole('alert').waitFor();
    await file('freeze.wasm', release('freeze', [['version = "0.1.0"', 'version = "0.9.0"']]));
    await dialog().getByText('It asks for nothing').waitFor();
    await dialog().getByText('Where it is asked').click();
    await dialog().getByLabel(/^Repositories of admission/).fill('frozen/**');
    await accessible(page, 'install-file');
    await dialog().getByRole('button', { name: 'Install freeze' }).click();
    await page.getByRole('heading', { name: 'freeze', exact: true }).waitFor();
    await page.getByText('0.9.0').first().waitFor();
    // It does what it says, where it is asked.
    const refused = await client.image('frozen/app', '1', { layers: [{ command: 'ADD x', files: { x: 'x' } }] }).catch((error) => String(error));
    if (!String(refused).includes('frozen at the moment')) throw new Error(`the push was let through: ${JSON.stringify(refused)}`);
    await open('/ui/plugins/freeze');
    await page.getByRole('row', { name: /^admission .*frozen\/\*\* enforce/ }).waitFor();
    // Its next release comes as a file, too.
    await button('Upgrade').click();
    await dialog().getByLabel(/^Or from a file/).setInputFiles({ name: 'policy.wasm', mimeType: 'application/wasm', buffer: release('policy', []) });
    await dialog().getByRole('alert').getByText('another plugin').waitFor();
    await dialog().getByLabel(/^Or from a file/).setInputFiles({ name: 'freeze.wasm', mimeType: 'application/wasm', buffer: release('freeze', [['version = "0.1.0"', 'version = "0.9.1"']]) });
    await dialog().getByRole('button', { name: 'Upgrade to 0.9.1' }).click();
    await page.getByText('0.9.0 is 0.9.1 now').waitFor();
    await remove('freeze');
  });
}
