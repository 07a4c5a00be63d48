// Manifests as the specification has them, read out of the text that was pushed.

export interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
  artifactType?: string;
  annotations?: Record<string, string>;
  platform?: { os?: string; architecture?: string; variant?: string; 'os.version'?: string };
  urls?: string[];
}

export interface Manifest {
  mediaType?: string;
  artifactType?: string;
  config?: Descriptor;
  layers?: Descriptor[];
  manifests?: Descriptor[];
  subject?: Descriptor;
  annotations?: Record<string, string>;
}

interface Step {
  created?: string;
  created_by?: string;
  comment?: string;
  empty_layer?: boolean;
}

export interface ImageConfig {
  created?: string;
  author?: string;
  os?: string;
  architecture?: string;
  variant?: string;
  config?: {
    User?: string;
    Env?: string[] | null;
    Entrypoint?: string[] | null;
    Cmd?: string[] | null;
    WorkingDir?: string;
    Labels?: Record<string, string> | null;
    ExposedPorts?: Record<string, unknown> | null;
    Volumes?: Record<string, unknown> | null;
    StopSignal?: string;
    Healthcheck?: { Test?: string[] };
  };
  history?: Step[] | null;
  rootfs?: { diff_ids?: string[] };
}

/** What people call something of this media type. */
export function kindOf(mediaType: string, artifactType?: string | null): string {
  const type = artifactType && artifactType !== mediaType ? artifactType : mediaType;
  if (/helm\.config/.test(type)) return 'Helm chart';
  if (/in-toto|attestation/.test(type)) return 'Attestation';
  if (/spdx|cyclonedx|sbom/.test(type)) return 'SBOM';
  if (/cosign|notary|signature|simplesigning|sigstore\.bundle/.test(type)) return 'Signature';
  if (/wasm/.test(type)) return 'WebAssembly';
  if (/image\.index|manifest\.list/.test(type)) return 'Index';
  if (/container\.image\.v1\+json|oci\.image\.config|image\.manifest|distribution\.manifest/.test(type)) return 'Image';
  return 'Artifact';
}

export function platformOf(one: { os?: string; architecture?: string; variant?: string }): string {
  return [one.os, one.architecture, one.variant].filter(Boolean).join('/') || 'unknown';
}

export function read<T>(text: string | null | undefined): T | undefined {
  if (!text) return undefined;
  try {
    return JSON.parse(text) as T;
  } catch {
    return undefined;
  }
}

export interface Platform {
  manifest: Descriptor;
  attestations: Descriptor[];
}

/** The entries of an index, with the attestations that BuildKit adds under what they describe. */
export function platforms(manifest: Manifest): Platform[] {
  const about = (one: Descriptor): string | undefined =>
    one.annotations?.['vnd.docker.reference.type'] ? one.annotations['vnd.docker.reference.digest'] : undefined;
  const entries = manifest.manifests ?? [];
  const own = entries.filter((one) => !about(one) || !entries.some((other) => other.digest === about(one)));
  return own.map((one) => ({ manifest: one, attestations: entries.filter((other) => about(other) === one.digest) }));
}

export interface Layer {
  descriptor?: Descriptor;
  command: string;
  created?: string;
}

/** Layers beside the commands that made them; steps without a layer stand between. */
export function layers(manifest: Manifest, config?: ImageConfig): Layer[] {
  const descriptors = [...(manifest.layers ?? [])];
  const history = config?.history ?? [];
  if (history.filter((step) => !step.empty_layer).length !== descriptors.length) {
    return descriptors.map((descriptor) => ({ descriptor, command: descriptor.annotations?.['org.opencontainers.image.title'] ?? '' }));
  }
  return history.map((step) => ({
    descriptor: step.empty_layer ? undefined : descriptors.shift(),
    command: tidy(step.created_by ?? step.comment ?? ''),
    created: step.created,
  }));
}

/** A command without what every builder puts around it. */
function tidy(command: string): string {
  return command
    .replace(/^\/bin\/sh -c #\(nop\)\s*/, '')
    .replace(/^(RUN )?\/bin\/sh -c /, 'RUN ')
    .replace(/\s*# buildkit$/, '')
    .trim();
}
