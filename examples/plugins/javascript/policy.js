// Refuses the tag `latest`, and images that do not say where they come from.

import { get } from 'berth:plugin/config@0.1.0';

export const lifecycle = {
  describe: () => ({ name: 'example.policy-javascript', version: '1.0.0', details: [] }),
  checkConfig: () => [],
};

const decide = (outcome) => ({ outcome, warnings: [], audit: [], cacheSeconds: 0 });
const deny = (rule, message) => decide({ tag: 'deny', val: { rule, message } });

export const admissionHook = {
  admit(request, image) {
    if (request.reference === 'latest') {
      return deny('no-latest', 'push a version instead of latest');
    }
    const key = get('annotation');
    if (image?.annotations().some(([name]) => name === key)) {
      return decide({ tag: 'allow' });
    }
    return deny('required-annotation', `annotate the image with ${key}`);
  },
};
