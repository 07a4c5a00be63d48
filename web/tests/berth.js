// A Berth of its own to look at, and things in it.
import { spawn } from 'node:child_process';
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { gzipSync } from 'node:zlib';

export const PASSWORD = 'correct horse battery';

/** What images are signed with; every Berth here trusts it. */
const KEY = generateKeyPairSync('ec', { namedCurve: 'P-256' });

/** Starts `berth serve` on an empty data directory; knows where it listens and what it printed. */
export async function startBerth(program, extra = []) {
  const data = mkdtempSync(join(tmpdir(), 'berth-web-'));
  const config = `${data}.toml`;
  writeFileSync(config, `[[signatures.keys]]\nname = "release"\nkey = """\n${KEY.publicKey.export({ type: 'spki', format: 'pem' })}"""\n`);
  const child = spawn(program, ['serve', '--config', config, '--listen', '127.0.0.1:0', '--data', data, '--set', 'storage.reserve=1MiB', '--set', `backup.directory=${data}-backups`, ...extra], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env.PATH, HOME: data, BERTH_LOG_FILTER: 'error' },
  });
  let said = '';
  await new Promise((resolve, reject) => {
    child.stdout.on('data', (text) => {
      said += text;
      if (said.includes('Log in with: ')) resolve();
    });
    child.on('exit', (code) => reject(new Error(`berth ended with ${code}: ${said}`)));
  });
  const url = /Berth listens on (\S+)/.exec(said)[1];
  const setup = /\S+\/ui\/set-up#\S+/.exec(said)?.[0];
  const stop = () =>
    new Promise((resolve) => {
      child.removeAllListeners('exit');
      child.on('exit', () => {
        for (const folder of [data, config, `${data}-backups`]) rmSync(folder, { recursive: true, force: true });
        resolve();
      });
      child.kill('SIGTERM');
    });
  return { url, setup, data, stop };
}

const TYPES = { '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.html': 'text/html' };
/** Pages from a folder and not from the program, under the policy of the program. */
export async function fromFolder(context, folder, url) {
  const policy = (await fetch(`${url}/ui/`)).headers.get('content-security-policy');
  await context.route(/\/ui(\/|$)/, async (route) => {
    const path = join(folder, new URL(route.request().url()).pathname.slice(3));
    const file = extname(path) in TYPES && existsSync(path) ? path : join(folder, 'index.html');
    await route.fulfill({ body: readFileSync(file), headers: { 'content-type': TYPES[extname(file)], 'content-security-policy': policy } });
  });
}

const sha256 = (bytes) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
const OCI = 'application/vnd.oci.image';

/** An archive, as tar has them since 1988. */
export function tar(files) {
  const blocks = [];
  for (const [path, text] of Object.entries(files)) {
    const body = Buffer.from(text);
    const head = Buffer.alloc(512);
    head.write(path, 0);
    head.write('0000644\0', 100);
    head.write('0000000\0', 108);
    head.write('0000000\0', 116);
    head.write(`${body.length.toString(8).padStart(11, '0')}\0`, 124);
    head.write('00000000000\0', 136);
    head.write('        ', 148);
    head.write('0', 156);
    head.write('ustar\0', 257);
    head.write('00', 263);
    const sum = head.reduce((total, byte) => total + byte, 0);
    head.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    blocks.push(head, body, Buffer.alloc((512 - (body.length % 512)) % 512));
  }
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

/** Somebody who uses the registry as clients do. */
export class Client {
  constructor(url, name, password) {
    this.url = url;
    this.authorization = `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;
  }

  async send(method, path, body, type) {
    const headers = { authorization: this.authorization, ...(type && { 'content-type': type }) };
    const answer = await fetch(`${this.url}${path}`, { method, headers, body });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer;
  }

  api(method, path, body) {
    return this.send(method, `/api/v1${path}`, body && JSON.stringify(body), body && 'application/json');
  }

  async blob(repository, bytes, mediaType) {
    const digest = sha256(bytes);
    await this.send('POST', `/v2/${repository}/blobs/uploads/?digest=${digest}`, bytes, 'application/octet-stream');
    return { mediaType, digest, size: bytes.length };
  }

  async manifest(repository, reference, manifest) {
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, ...manifest }));
    const digest = sha256(bytes);
    await this.send('PUT', `/v2/${repository}/manifests/${reference ?? digest}`, bytes, manifest.mediaType);
    return { mediaType: manifest.mediaType, digest, size: bytes.length };
  }

  /** An image with layers of these files, and the commands that would have made them. */
  async image(repository, tag, { layers, env = {}, labels = {}, architecture = 'amd64' }) {
    const archives = layers.map(({ files }) => tar(files));
    const blobs = [];
    for (const archive of archives) blobs.push(await this.blob(repository, gzipSync(archive), `${OCI}.layer.v1.tar+gzip`));
    const config = {
      created: '2026-03-01T10:00:00Z',
      os: 'linux',
      architecture,
      config: {
        Env: ['PATH=/usr/local/bin:/usr/bin:/bin', ...Object.entries(env).map(([key, value]) => `${key}=${value}`)],
        Entrypoint: ['/usr/local/bin/app'],
        Cmd: ['serve', '--port', '8080'],
        WorkingDir: '/srv',
        User: '65532:65532',
        ExposedPorts: { '8080/tcp': {} },
        Labels: { 'org.opencontainers.image.source': 'https://git.example.org/team/app', ...labels },
      },
      rootfs: { type: 'layers', diff_ids: archives.map(sha256) },
      history: layers.flatMap(({ command }, index) => [
        { created: '2026-03-01T10:00:00Z', created_by: command },
        ...(index === 0 ? [{ created: '2026-03-01T10:00:00Z', created_by: 'ENV APP_VERSION=1', empty_layer: true }] : []),
      ]),
    };
    const described = await this.blob(repository, Buffer.from(JSON.stringify(config)), `${OCI}.config.v1+json`);
    return this.manifest(repository, tag, { mediaType: `${OCI}.manifest.v1+json`, config: described, layers: blobs });
  }

  /** Lays a signature beside a manifest, as `cosign sign --key` does. */
  async sign(repository, subject) {
    const payload = Buffer.from(JSON.stringify({ critical: { identity: { 'docker-reference': '' }, image: { 'docker-manifest-digest': subject.digest }, type: 'cosign container image signature' }, optional: null }));
    const layer = await this.blob(repository, payload, 'application/vnd.dev.cosign.simplesigning.v1+json');
    const annotations = { 'dev.cosignproject.cosign/signature': sign('sha256', payload, KEY.privateKey).toString('base64') };
    const config = await this.blob(repository, Buffer.from('{}'), `${OCI}.config.v1+json`);
    return this.manifest(repository, `${subject.digest.replace(':', '-')}.sig`, { mediaType: `${OCI}.manifest.v1+json`, config, layers: [{ ...layer, annotations }] });
  }

  /** Something that says something about a manifest. */
  async referrer(repository, subject, artifactType, text, annotations = {}) {
    const config = await this.blob(repository, Buffer.from('{}'), 'application/vnd.oci.empty.v1+json');
    const layer = await this.blob(repository, Buffer.from(text), artifactType);
    return this.manifest(repository, undefined, { mediaType: `${OCI}.manifest.v1+json`, artifactType, config, layers: [layer], subject, annotations });
  }
}

/** Waits until something is so. */
export async function until(what, look) {
  const end = Date.now() + 120_000;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`it took too long: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** A Debian as scanners see it: two packages with these versions. */
export const debian = (libssl) => ({
  command: 'ADD debian-12.tar / # buildkit',
  files: {
    'etc/os-release': 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12"\n',
    'var/lib/dpkg/status': `Package: libssl3\nStatus: install ok installed\nSource: openssl\nVersion: ${libssl}\nArchitecture: amd64\n\nPackage: bash\nStatus: install ok installed\nVersion: 5.2.15-2\nArchitecture: amd64\n`,
  },
});

/** An advisory in OSV format. */
export const advisory = (id, ecosystem, name, fixed, severity) => ({
  id,
  modified: '2026-01-01T00:00:00Z',
  summary: `${name} trusts what it should not`,
  references: [{ type: 'ADVISORY', url: `https://advisories.example.org/${id}` }],
  affected: [{ package: { ecosystem, name }, ranges: [{ type: 'ECOSYSTEM', events: [{ introduced: '0' }, { fixed }] }], ecosystem_specific: { severity } }],
});

/** Waits until scanners have said of an image what they have to say. */
export async function scanned(client, repository, tag) {
  await until(`a scan of ${repository}:${tag}`, async () => {
    const { reports } = await (await client.api('GET', `/repositories/${encodeURIComponent(repository)}/scans/${tag}`)).json();
    return reports.length > 0 && reports.every((one) => one.finished_at);
  });
}

async function populateScans(client) {
  const known = [advisory('CVE-2026-1001', 'Debian:12', 'openssl', '3.0.14-1~deb12u2', 'critical'), advisory('CVE-2026-1002', 'Debian:12', 'bash', '5.2.15-3', 'low')];
  await client.send('PUT', '/api/v1/advisories/debian?origin=all.zip', known.map((one) => JSON.stringify(one)).join('\n'), 'application/octet-stream');
  const inspection = await (await client.api('POST', '/plugin-inspections', { source: 'bundled:scan-packages' })).json();
  await client.api('POST', '/plugins', { source: 'bundled:scan-packages', digest: inspection.digest, granted: inspection.plugin.asks });
  await client.api('PUT', '/quarantine/rules/prod', { repositories: ['prod/**'], severity: 'high' });
  await client.image('team/web', '1.0', { layers: [debian('3.0.11-1~deb12u1')] });
  await client.image('team/web', '1.1', { layers: [debian('3.0.14-1~deb12u2')] });
  await client.image('prod/web', '1.0', { layers: [debian('3.0.11-1~deb12u1')] });
  for (const [name, tag] of [['team/web', '1.0'], ['team/web', '1.1'], ['prod/web', '1.0']]) await scanned(client, name, tag);
}

/** Who else is trusted, one of each. Nobody is asked: the directory is off. */
async function populateFederation(client) {
  await client.api('PUT', '/federation/issuers/github', { url: 'https://token.actions.githubusercontent.com', audiences: ['registry.example.org'] });
  const conditions = [{ claim: 'repository', is: 'harbour/app' }, { claim: 'ref', like: 'refs/tags/v*' }];
  await client.api('PUT', '/federation/rules/release', { issuer: 'github', conditions });
  await client.api('PUT', '/providers/harbour', { kind: 'keycloak', title: 'Harbour ID', issuer: 'https://id.example.org/realms/harbour', client_id: 'berth', client_secret: PASSWORD });
  const who = { bind_dn: 'cn=berth,dc=example,dc=org', bind_password: PASSWORD, user_base: 'ou=people,dc=example,dc=org' };
  await client.api('POST', '/directories', { name: 'head-office', is_enabled: false, urls: ['ldaps://ldap1.example.org', 'ldaps://ldap2.example.org'], ...who });
}

/** What keeps a registry well, one of each. */
async function populateUpkeep(client, base) {
  await populateScans(client);
  await client.api('PUT', '/retention/policies/nightly', { repositories: ['team/app'], keep: [{ newest: 2, among: '1.*' }, { tag: 'latest' }], drop: [{ older_than: '90d' }, { tag: '1.*' }] });
  await client.api('POST', '/immutability', { repositories: ['infra/**'], tags: ['v*'], why: 'releases stay what they were' });
  await client.api('POST', '/locks', { repository: 'team/backend/api', reference: 'latest', no_write: true, no_delete: true, why: 'the auditors look at it' });
  await client.api('PUT', '/quotas', { namespace: 'team', bytes: 50_000_000, tags: 1000 });
  await client.api('POST', '/replication/targets', { name: 'far', url: 'http://127.0.0.1:9', username: 'berth', password: PASSWORD });
  await client.api('POST', '/replication/rules', { name: 'bases', target: 'far', repositories: ['public/**'] });
  await client.image('public/base', 'next', { layers: [base] });
  await client.image('team/backend/worker', 'old', { layers: [base] });
  await client.api('DELETE', '/repositories/team%2Fbackend%2Fworker/tags/old');
  await client.api('POST', '/backups');
}

/** One of everything that the pages show. */
export async function populate(client) {
  const base = { command: '/bin/sh -c #(nop) ADD file:9f1c in / ', files: { 'etc/os-release': 'NAME="Harbour Linux"\n', 'usr/bin/sh': 'x'.repeat(40_000), 'etc/motd': 'hello\n' } };
  const app = (version) => ({ command: `COPY app-${version} /usr/local/bin/app # buildkit`, files: { 'usr/local/bin/app': `#!/bin/sh\necho ${version}\n${'y'.repeat(9_000)}`, '.wh.old': '' } });
  for (const version of ['1.9.0', '1.10.0', '1.10.1']) {
    await client.image('team/app', version, { layers: [base, app(version)], env: { APP_VERSION: version }, labels: { version } });
  }
  await client.image('team/app', 'latest', { layers: [base, app('1.10.0')], env: { APP_VERSION: '1.10.0' }, labels: { version: '1.10.0' } });
  const newest = await client.image('team/app', 'latest', { layers: [base, app('1.10.1')], env: { APP_VERSION: '1.10.1' }, labels: { version: '1.10.1' } });
  const signature = await client.referrer('team/app', newest, 'application/vnd.dev.cosign.artifact.sig.v1+json', '{"critical":{}}', { 'org.opencontainers.image.created': '2026-03-01T10:00:00Z' });
  const sbom = await client.referrer('team/app', newest, 'application/spdx+json', '{"spdxVersion":"SPDX-2.3","packages":[]}');
  await client.referrer('team/app', sbom, 'application/vnd.dev.cosign.artifact.sig.v1+json', '{"critical":{"of":"sbom"}}');

  const amd64 = await client.image('team/multi', undefined, { layers: [base, app('2.0')] });
  const arm64 = await client.image('team/multi', undefined, { layers: [base, app('2.0-arm')], architecture: 'arm64' });
  const attested = await client.manifest('team/multi', undefined, {
    mediaType: `${OCI}.manifest.v1+json`,
    config: await client.blob('team/multi', Buffer.from('{"architecture":"unknown","os":"unknown","config":{}}'), `${OCI}.config.v1+json`),
    layers: [{ ...(await client.blob('team/multi', Buffer.from('{"_type":"https://in-toto.io/Statement/v0.1"}'), 'application/vnd.in-toto+json')), annotations: { 'in-toto.io/predicate-type': 'https://slsa.dev/provenance/v1' } }],
  });
  await client.manifest('team/multi', '2.0', {
    mediaType: `${OCI}.index.v1+json`,
    manifests: [
      { ...amd64, platform: { os: 'linux', architecture: 'amd64' } },
      { ...arm64, platform: { os: 'linux', architecture: 'arm64', variant: 'v8' } },
      { ...attested, platform: { os: 'unknown', architecture: 'unknown' }, annotations: { 'vnd.docker.reference.type': 'attestation-manifest', 'vnd.docker.reference.digest': amd64.digest } },
    ],
  });

  const chart = { name: 'quay', version: '0.3.1', appVersion: '1.10.1', description: 'Runs the app on Kubernetes', maintainers: [{ name: 'Team' }], apiVersion: 'v2' };
  const archive = tar({ 'quay/Chart.yaml': 'name: quay\n', 'quay/values.yaml': 'replicas: 2\nimage:\n  tag: 1.10.1\n', 'quay/README.md': '# Quay\n\nRuns the **app**.\n\n| Value | Means |\n|---|---|\n| `replicas` | how many |\n\n<script>alert(1)</script><img src="https://evil.example/x.png">\n' });
  await client.manifest('charts/quay', '0.3.1', {
    mediaType: `${OCI}.manifest.v1+json`,
    config: await client.blob('charts/quay', Buffer.from(JSON.stringify(chart)), 'application/vnd.cncf.helm.config.v1+json'),
    layers: [await client.blob('charts/quay', gzipSync(archive), 'application/vnd.cncf.helm.chart.content.v1.tar+gzip')],
  });
  const filter = await client.manifest('tools/filter', 'latest', {
    mediaType: `${OCI}.manifest.v1+json`,
    artifactType: 'application/vnd.example.filter',
    config: await client.blob('tools/filter', Buffer.from('{}'), 'application/vnd.oci.empty.v1+json'),
    layers: [{ ...(await client.blob('tools/filter', Buffer.from('rules:\n  - keep: all\n'), 'application/yaml')), annotations: { 'org.opencontainers.image.title': 'filter.yaml' } }],
    annotations: { 'org.opencontainers.image.description': 'What to keep' },
  });
  await client.sign('tools/filter', filter);
  for (const name of ['public/base', 'team/backend/api', 'team/backend/worker', 'infra/ingress']) {
    await client.image(name, 'latest', { layers: [base] });
  }
  await client.api('PATCH', '/repositories/public%2Fbase', { is_public: true });
  await client.api('PATCH', '/repositories/team%2Fapp', { description: '# The app\n\nServes **everything** on port 8080.\n\n- small\n- signed\n\n```sh\ndocker run --rm -p 8080:8080 team/app\n```\n' });

  await client.api('POST', '/users', { name: 'ann', password: PASSWORD, full_name: 'Ann Harbour', email: 'ann@example.org' });
  await client.api('POST', '/users', { name: 'bob', password: PASSWORD, role: 'reader' });
  await client.api('POST', '/robots', { name: 'ci', description: 'The pipeline' });
  await client.api('POST', '/groups', { name: 'devs', description: 'Who builds the app' });
  await client.api('PUT', '/groups/devs/members/ann');
  await client.api('POST', '/bindings', { subject: 'group:devs', role: 'writer', pattern: 'team/**' });
  await client.api('POST', '/bindings', { subject: 'robot:ci', role: 'writer', pattern: 'team/app' });
  await client.api('POST', '/bindings', { subject: 'everyone', effect: 'deny', actions: ['push', 'delete'], pattern: 'infra/**', note: 'frozen until the move' });
  await client.api('POST', '/tokens', { name: 'pipeline', owner: 'ci', expires_in: '90d', limits: [{ pattern: 'team/app', actions: ['pull', 'push'] }] });
  await client.api('POST', '/tokens', { name: 'laptop', expires_in: '5d' });
  await client.api('POST', '/webhooks', { name: 'rollout', url: 'http://127.0.0.1:9/hook', kinds: ['tag.*'] });
  await populateFederation(client);
  await populateUpkeep(client, base);
  await client.image('team/app', 'edge', { layers: [base, app('edge')] });
  for (let i = 0; i < 5; i++) await client.send('GET', '/v2/team/app/manifests/latest');
  return { newest, signature };
}
