// Who is signed in.
import { api, setCsrf, take, type Schemas } from './api';

export type Identity = Schemas['Identity'];

let identity = $state.raw<Identity>();

export const session = {
  get identity() {
    return identity;
  },
  get isAdministrator() {
    return identity?.is_administrator ?? false;
  },
  get isSignedIn() {
    return identity?.is_authenticated ?? false;
  },
  set(found: Identity) {
    identity = found;
    setCsrf(found.session?.csrf_token ?? '');
  },
};

export async function loadSession(): Promise<void> {
  session.set(await take(api.GET('/session')));
}

export async function signOut(): Promise<void> {
  await take(api.DELETE('/session'));
  await loadSession();
}
