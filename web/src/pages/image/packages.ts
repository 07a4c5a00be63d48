// What an image is made of, as a scanner has found it.
import { all, api, Problem, take, type Schemas } from '../../lib/api';

export type Package = Schemas['FoundPackageView'];

/** Nothing if no scanner has looked at it. */
export async function packagesOf(name: string, reference: string): Promise<Package[] | undefined> {
  const path = { name, reference };
  try {
    return await all(async (last) => {
      const query = { n: 1000, last: last ? Number(last) : undefined };
      const page = await take(api.GET('/repositories/{name}/scans/{reference}/packages', { params: { path, query } }));
      return { items: page.packages, next: page.next };
    }, 20_000);
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return undefined;
    throw error;
  }
}

/** Versions by package, to compare two images. */
export function versions(packages: Package[]): Record<string, string> {
  const found: Record<string, string[]> = {};
  for (const one of packages) (found[`${one.kind} ${one.name}`] ??= []).push(one.version);
  return Object.fromEntries(Object.entries(found).map(([key, list]) => [key, [...new Set(list)].sort().join(', ')]));
}
