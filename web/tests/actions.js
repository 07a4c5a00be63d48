// What somebody does, click by click.
import { PASSWORD } from './berth.js';

export async function actions({ page, check, client, settled, visit, berth, state }) {
  const open = async (path) => {
    await page.goto(path);
    await settled(page);
  };
  const button = (name) => page.getByRole('button', { name, exact: true });
  const dialog = () => page.getByRole('dialog');

  await check('signing in leads back to where one wanted to go, and a wrong password says so', async () => {
    const other = await visit({});
    await other.goto('/ui/access/groups');
    await other.getByLabel('User name').fill('captain');
    await other.getByLabel('Password').fill('wrong password');
    await other.getByRole('button', { name: 'Sign in' }).click();
    await other.getByRole('alert').waitFor();
    await other.getByLabel('Password').fill(PASSWORD);
    await other.getByRole('button', { name: 'Sign in' }).click();
    await other.getByRole('link', { name: 'devs' }).waitFor();
    await other.getByRole('button', { name: 'Sign out' }).click();
    await other.getByRole('heading', { name: 'Sign in' }).waitFor();
    await other.context().close();
  });
  await check('whoever is not signed in sees what is public', async () => {
    const other = await visit({});
    await other.goto('/ui/repositories');
    await other.getByRole('link', { name: 'public/base' }).click();
    await other.getByRole('link', { name: 'latest', exact: true }).click();
    await other.getByText('ADD file').waitFor();
    await other.context().close();
  });
  await check('repositories are searched, sorted and shown as a tree, with a link for it', async () => {
    await open('/ui/repositories');
    await page.keyboard.press('/');
    await page.keyboard.type('backend');
    await page.getByRole('link', { name: 'team/backend/api' }).waitFor();
    await page.getByRole('link', { name: 'public/base' }).waitFor({ state: 'detached' });
    await page.getByRole('searchbox').fill('');
    await button('Size').click();
    await page.waitForURL(/sort=size/);
    await button('As a tree of namespaces').click();
    await page.getByRole('button', { name: 'team/' }).click();
    await page.getByRole('button', { name: 'backend/' }).click();
    await page.getByRole('link', { name: 'worker' }).click();
    await page.waitForURL(/repo\/team\/backend\/worker/);
  });
  await check('tags sort as versions do, and are deleted with a way back', async () => {
    await open('/ui/repo/team/app?sort=name');
    const names = await page.locator('[role=cell].name a').allTextContents();
    const versions = names.filter((name) => name.startsWith('1.'));
    if (versions.join() !== '1.9.0,1.10.0,1.10.1') throw new Error(versions.join());
    await page.getByLabel('Choose 1.9.0', { exact: true }).check();
    await button('Delete').click();
    await dialog().getByText('team/app:1.9.0').waitFor();
    await dialog().getByRole('button', { name: 'Delete 1 tag' }).click();
    await page.getByRole('button', { name: 'Undo' }).click();
    await page.getByText('1 tag brought back').waitFor();
    await page.getByRole('link', { name: '1.9.0', exact: true }).waitFor();
  });
  await check('the timeline rolls a tag back', async () => {
    await open('/ui/repo/team/app/-/timeline?tag=latest');
    await page.getByRole('button', { name: 'Roll back' }).first().click();
    await page.getByText(/latest points at .* again/).waitFor();
    await page.getByRole('button', { name: 'Roll back' }).first().click();
  });
  await check('two tags are compared', async () => {
    await open('/ui/repo/team/app');
    await page.getByLabel('Choose 1.10.0', { exact: true }).check();
    await page.getByLabel('Choose 1.10.1', { exact: true }).check();
    await button('Compare').click();
    await page.getByRole('cell', { name: 'APP_VERSION' }).waitFor();
    await button('Swap').click();
    await page.waitForURL(/compare\/1\.10\..\/1\.10\../);
  });
  await check('a layer shows its files when it is asked for', async () => {
    await open('/ui/repo/team/app/-/image/1.10.1');
    await page.getByRole('button', { name: 'Files' }).first().click();
    await page.getByRole('cell', { name: 'etc/motd' }).waitFor();
    await page.getByLabel('Search the files of the layer').fill('bin/sh');
    await page.getByRole('cell', { name: 'usr/bin/sh' }).waitFor();
  });
  await check('an index has its attestation under the platform that it is about', async () => {
    await open('/ui/repo/team/multi/-/image/2.0');
    const first = page.locator('main li').first();
    await first.getByText('linux/amd64').waitFor();
    await first.getByRole('link', { name: 'Attestations' }).waitFor();
    await page.getByRole('link', { name: 'linux/arm64/v8' }).click();
    await page.getByText('part of an index').waitFor();
  });
  await check('referrers of referrers are shown', async () => {
    await open('/ui/repo/team/app/-/image/1.10.1/referrers');
    await page.getByRole('link', { name: 'SBOM', exact: true }).waitFor();
    const nested = page.locator('.under').getByRole('link', { name: 'Signature', exact: true });
    await nested.waitFor();
  });
  await check('a signature says what it is worth', async () => {
    await open('/ui/repo/tools/filter/-/image/latest/referrers');
    await page.getByText('Verified: signed with the key release').waitFor();
    await open('/ui/repo/team/app/-/image/1.10.1/referrers');
    await page.getByText(/^(Invalid|Not checked): /).first().waitFor();
  });
  await check('a chart shows its README, cleaned, and its values', async () => {
    await open('/ui/repo/charts/quay/-/image/0.3.1');
    await page.getByRole('heading', { name: 'Quay' }).waitFor();
    await page.getByLabel('Values').getByText('replicas: 2').waitFor();
    if ((await page.locator('.markdown :is(script, img)').count()) !== 0) throw new Error('what was not wanted is there');
  });
  await check('an unknown artifact shows its parts', async () => {
    await open('/ui/repo/tools/filter/-/image/latest');
    await button('Show').click();
    await page.getByText('keep: all').waitFor();
  });
  await check('a description is written, and a repository made public and private', async () => {
    await open('/ui/repo/infra/ingress/-/about');
    await button('Write a description').click();
    await page.getByLabel('Description, as Markdown').fill('# Ingress\n\nWhere **requests** come in.');
    await button('Save').click();
    await page.getByRole('heading', { name: 'Ingress', level: 1 }).last().waitFor();
    await open('/ui/repo/infra/ingress/-/settings');
    await button('Make public').click();
    await dialog().getByRole('button', { name: 'Make public' }).click();
    await button('Make private').click();
    await button('Make public').waitFor();
  });
  await check('a repository is deleted only when its name is typed', async () => {
    await client.image('old/thing', 'v1', { layers: [{ command: 'ADD x', files: { x: 'x' } }] });
    await open('/ui/repo/old/thing/-/settings');
    await button('Delete…').click();
    const go = dialog().getByRole('button', { name: 'Delete the repository' });
    if (!(await go.isDisabled())) throw new Error('it can be deleted without its name');
    await dialog().getByRole('textbox').fill('old/thing');
    await go.click();
    await page.getByText('old/thing is deleted').waitFor();
  });
  await check('commands name the real host', async () => {
    await open('/ui/repo/team/app/-/use');
    const host = new URL(berth.url).host;
    for (const command of [`docker pull ${host}/team/app:latest`, `podman pull --tls-verify=false ${host}/team/app:latest`, `image: ${host}/team/app:latest`]) {
      await page.getByText(command).first().waitFor();
    }
  });
  await check('users are made, given a role, disabled, enabled and removed', async () => {
    await open('/ui/access');
    await button('New user').click();
    await dialog().getByLabel('Name', { exact: true }).fill('cleo');
    await dialog().getByLabel(/^Password/).fill(PASSWORD);
    await dialog().getByRole('button', { name: 'Make the user' }).click();
    await page.getByRole('link', { name: 'cleo' }).click();
    await page.getByLabel('Role on every repository').selectOption('reader');
    await page.getByText('cleo is reader everywhere').waitFor();
    await button('Disable').click();
    await dialog().getByRole('button', { name: 'Disable' }).click();
    await button('Enable').click();
    await button('Disable').waitFor();
    await button('Remove').first().click();
    await dialog().getByRole('textbox').fill('cleo');
    await dialog().getByRole('button', { name: 'Remove the account' }).click();
    await page.getByText('cleo is removed').waitFor();
  });
  await check('a robot gets a token that is shown once, rotated and revoked', async () => {
    await open('/ui/access/robots');
    await button('New robot').click();
    await dialog().getByLabel('Name', { exact: true }).fill('deploy');
    await dialog().getByRole('button', { name: 'Make the robot' }).click();
    await page.getByRole('heading', { name: 'deploy', exact: true }).waitFor();
    await button('New token').click();
    await dialog().getByLabel(/^Name/).fill('cluster');
    await dialog().getByLabel(/^Limits/).fill('team/app:pull');
    await dialog().getByRole('button', { name: 'Make the token' }).click();
    await dialog().getByText(/^brt_[0-9A-Za-z]{36}$/).waitFor();
    await button('I have it').click();
    await button('Rotate').click();
    await dialog().getByRole('button', { name: 'Give it another secret' }).click();
    await dialog().getByText(/^brt_/).waitFor();
    await button('I have it').click();
    await button('Revoke').click();
    await dialog().getByRole('button', { name: 'Revoke the token' }).click();
    await page.getByText('There is no token').waitFor();
  });
  await check('groups have members, and rules say what they may do and why', async () => {
    await open('/ui/access/groups/devs');
    await page.getByLabel('Add a user or a robot').fill('bob');
    await button('Add').click();
    await page.getByRole('link', { name: 'bob' }).waitFor();
    await page.getByRole('row', { name: 'bob' }).getByRole('button', { name: 'Take out' }).click();
    await page.getByText('bob left devs').waitFor();
    await open('/ui/access/rules');
    await button('New rule').click();
    await dialog().getByLabel(/^Who/).fill('user:bob');
    await dialog().getByLabel(/^Where/).fill('charts/**');
    await dialog().getByLabel(/^What/).selectOption('writer');
    await dialog().getByRole('button', { name: 'Make the rule' }).click();
    await page.getByRole('row', { name: 'user:bob may pull, push, sign as writer' }).getByRole('button', { name: 'Remove' }).waitFor();
    await open('/ui/access/why');
    await page.getByLabel('Who').fill('user:bob');
    await page.getByLabel('What').selectOption('push');
    await page.getByLabel('Where').fill('charts/quay');
    await button('Why?').click();
    await page.getByText('decides').waitFor();
    await open('/ui/access/rules');
    await page.getByRole('row', { name: 'user:bob may pull, push, sign as writer' }).getByRole('button', { name: 'Remove' }).click();
    await dialog().getByRole('button', { name: 'Remove the rule' }).click();
    await page.getByText(/Rule \d+ is removed/).waitFor();
  });
  await check('the audit trail is filtered, verified, and shows what happens now', async () => {
    await open('/ui/activity?kind=tag.push');
    await button('Verify the trail').click();
    await page.getByText(/whole: /).waitFor();
    await page.route('**/events/verify', (route) => route.abort());
    await button('Verify the trail').click();
    await page.getByText('The registry does not answer').waitFor();
    await page.unroute('**/events/verify');
    await client.image('team/app', 'live', { layers: [{ command: 'ADD live', files: { live: 'live' } }] });
    await page.getByText('team/app:live').first().click();
    await dialog().getByText('tag.push').waitFor();
    // What is looked at has an address, like everything.
    await page.waitForURL(/event=\d+/);
    await page.reload();
    await dialog().getByText('tag.push').waitFor();
    await page.keyboard.press('Escape');
    await dialog().waitFor({ state: 'detached' });
    await page.waitForURL((url) => !url.search.includes('event='));
    await open('/ui/activity?event=1');
    await dialog().getByRole('heading', { name: 'Event 1', exact: true }).waitFor();
    await page.keyboard.press('Escape');
  });
  await check('jobs are cancelled and tried again, and say what went wrong', async () => {
    await open('/ui/activity/jobs');
    await page.getByRole('button', { name: 'Cancel' }).first().click();
    await page.getByText('It is told to end').waitFor();
    await page.getByRole('button', { name: 'Retry' }).first().waitFor();
    await page.getByRole('button', { name: 'Retry' }).first().click();
    await page.locator('tbody a').first().click();
    await page.getByRole('heading', { name: 'Log' }).waitFor();
  });
  await check('a webhook is made, changed, turned off, and removed', async () => {
    await open('/ui/activity/webhooks');
    await button('New webhook').click();
    await dialog().getByLabel('Name').fill('chat');
    await dialog().getByLabel('URL').fill('http://127.0.0.1:9/chat');
    await dialog().getByRole('button', { name: 'Make the webhook' }).click();
    await button('I have it').click();
    await page.getByRole('link', { name: 'chat' }).click();
    await button('Turn off').click();
    await button('Turn on').waitFor();
    await button('Change').click();
    await dialog().getByLabel(/^Events/).fill('repository.*');
    await dialog().getByRole('button', { name: 'Save' }).click();
    await page.getByText('repository.*').waitFor();
    await button('Remove').click();
    await dialog().getByRole('button', { name: 'Remove the webhook' }).click();
    await page.getByText('The webhook chat is removed').waitFor();
  });
  await check('settings say where they come from, and the signing key is replaced', async () => {
    await open('/ui/settings/configuration');
    await page.getByLabel('Only what somebody set').check();
    await page.getByRole('row', { name: /server\.listen/ }).getByText('flag --listen').waitFor();
    await open('/ui/settings/keys');
    await button('Replace the key').click();
    await dialog().getByRole('button', { name: 'Replace the key' }).click();
    await page.getByText('Registry tokens are signed with a new key').waitFor();
  });
  await check('people change their own password and stay signed in', async () => {
    const ann = await visit({});
    await ann.goto('/ui/profile');
    await ann.getByLabel('User name').fill('ann');
    await ann.getByLabel('Password').fill(PASSWORD);
    await ann.getByRole('button', { name: 'Sign in' }).click();
    await ann.getByLabel('The one you have').fill(PASSWORD);
    await ann.getByLabel(/^The new one/).fill('another good password');
    await ann.getByRole('button', { name: 'Change the password' }).click();
    await ann.getByText('The password is changed').waitFor();
    // No administrator: neither pages nor menus of one.
    if ((await ann.getByRole('link', { name: 'Access' }).count()) !== 0) throw new Error('ann sees what is for administrators');
    await ann.context().close();
  });
  await check('themes are chosen, kept, and the whole can be used without a mouse', async () => {
    const other = await visit({ storageState: state, colorScheme: 'light' });
    await other.goto('/ui/repositories');
    await settled(other);
    await other.getByRole('button', { name: 'Dark' }).click();
    await other.reload();
    await settled(other);
    const dark = await other.evaluate(() => document.documentElement.dataset.theme);
    if (dark !== 'dark') throw new Error(`the theme is ${dark}`);
    await other.keyboard.press('Tab');
    const skip = await other.evaluate(() => document.activeElement?.textContent);
    if (skip !== 'Skip to the content') throw new Error(`first comes ${skip}`);
    await other.keyboard.press('Enter');
    await other.keyboard.press('g');
    await other.keyboard.press('s');
    await other.waitForURL(/\/ui\/settings/);
    await other.context().close();
  });
  await check('the menu of a phone opens and leads on', async () => {
    const phone = await visit({ storageState: state, viewport: { width: 390, height: 844 }, hasTouch: true });
    await phone.goto('/ui/');
    await settled(phone);
    await phone.getByRole('button', { name: 'Open the menu' }).click();
    await phone.getByRole('link', { name: 'Activity' }).click();
    await phone.getByRole('heading', { name: 'Activity' }).waitFor();
    await phone.context().close();
  });
  await check('what is not there is said to be not there', async () => {
    await open('/ui/repo/team/none');
    await page.getByText('This could not be shown').waitFor();
    await button('Try again').waitFor();
  });
}
