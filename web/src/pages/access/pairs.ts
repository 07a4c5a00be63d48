// Groups there and here, one pair a line: `cn=devs,ou=groups,dc=example,dc=org => devs`.
export function readPairs(text: string): [string, string][] {
  return text.split('\n').filter((line) => line.trim()).map((line) => {
    const [, there = '', here = ''] = /^\s*(.+?)\s*=>\s*(\S+)\s*$/.exec(line) ?? [];
    if (!there) throw new Error(`“${line.trim()}” maps no group: write THEIRS => OURS`);
    return [there, here];
  });
}

export const writePairs = (pairs: [string, string][]): string => pairs.map(([there, here]) => `${there} => ${here}`).join('\n');
