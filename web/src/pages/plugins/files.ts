// A component that somebody has as a file: the registry takes it in and says under what name it can be looked at.
import { api, take } from '../../lib/api';

export async function sendFile(file: File): Promise<string> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  let text = '';
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return (await take(api.POST('/plugin-files', { body: { component: btoa(text) } }))).source;
}
