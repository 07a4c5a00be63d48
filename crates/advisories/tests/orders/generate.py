#!/usr/bin/env python3
"""Asks each package manager how it orders versions, for the fixtures beside this file.

usage: generate.py ORDER COUNT [SEED]        random pairs, as lines `ONE <TAB> (<|=|>|!) <TAB> OTHER`
       generate.py ORDER --of FILE           the pairs of a file, asked anew

`!` says that one of the two is no version. ORDER is one of those below; each needs its own tool:

  dpkg    dpkg --compare-versions
  rpm     Debian's python3-rpm (rpm.labelCompare), with /usr/bin/python3
  apk     `apk version -t`; ALPINE is a root filesystem that has apk, entered with chroot
  semver  npm's package `semver`, found by NODE_PATH
  pep440  PyPI's package `packaging`
  maven   maven-artifact 3.9, found by CLASSPATH with commons-lang3, and `java`
  gem     ruby
"""
import os
import random
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))

# What versions are made of, in each order, beside numbers.
WORDS = {
    "dpkg": ["~", "+", "-", ".", ":", "~rc", "+b", "+dfsg", "-0ubuntu", "~deb12u", "a", "z", "Z", "git", "~~", "really"],
    "rpm": ["~", "^", "-", ".", ":", "~rc", "^git", ".el", "_", "a", "b", "Z", "beta", "fc", "..", "+", "~^"],
    "apk": [".", "_alpha", "_beta", "_pre", "_rc", "_cvs", "_svn", "_git", "_hg", "_p", "-r", "~", "a", "z", ".0"],
    "semver": [".", ".", ".", "-", "-alpha", "-beta.", "-rc.", ".x", "+build", "v", "-0", ".0"],
    "pep440": [".", "a", "b", "rc", "c", ".post", "-post", ".dev", "dev", "+local", "+ubuntu.", "-", "_", "!", "v", "alpha", "preview", "rev", ".0", "pre"],
    "maven": [".", "-", "alpha", "-beta", "-rc", "-SNAPSHOT", "-sp", "ga", "final", "a", "b", "m", "-cr", "x", ".0", "_", "-jre", ".Final", "release", "milestone"],
    "gem": [".", "a", "b", "-", ".pre", ".rc", "beta", ".0", "Z", "alpha"],
}
# apk counts in 64 bits; the last of these is longer.
NUMBERS = ["0", "1", "2", "9", "10", "01", "007", "20240131", "3", "5", "99999999999999999999"]


def sound(order, rand):
    """A version with all its parts in their places, which random words would hardly ever make."""
    number = lambda: rand.choice(NUMBERS)
    maybe = lambda chance, make: make() if rand.random() < chance else ""
    if order == "semver":
        plain = lambda: rand.choice(["0", "1", "2", "9", "10", "20240131"])
        word = lambda: rand.choice([plain(), "alpha", "beta", "rc", "a-b", "x1", "0a", "-", "Z"])
        before = lambda: "-" + ".".join(word() for _ in range(rand.randrange(1, 4)))
        build = lambda: "+" + rand.choice(["build", "001", "a.b"])
        return ".".join(plain() for _ in range(3)) + maybe(0.7, before) + maybe(0.2, build)
    divider = lambda: rand.choice(["", "", ".", "-", "_"])
    label = lambda words: lambda: divider() + rand.choice(words) + maybe(0.8, lambda: rand.choice(["", ".", "-"]) + number())
    local = lambda: "+" + rand.choice([".", "-", "_"]).join(rand.choice([number(), "a", "ubuntu", "1a"]) for _ in range(rand.randrange(1, 4)))
    return (
        maybe(0.1, lambda: rand.choice(["v", "1!", "0!", "2!"]))
        + ".".join(number() for _ in range(rand.randrange(1, 5)))
        + maybe(0.4, label(["a", "b", "rc", "c", "alpha", "Beta", "pre", "preview"]))
        + maybe(0.3, rand.choice([label(["post", "rev", "r"]), lambda: "-" + number()]))
        + maybe(0.3, label(["dev"]))
        + maybe(0.2, local)
    )


def version(order, rand):
    words = WORDS[order]
    if order in ("semver", "pep440") and rand.random() < 0.9:
        return sound(order, rand)
    numbers = NUMBERS[:-1] if order == "apk" else NUMBERS
    out = rand.choice(numbers)
    for _ in range(rand.randrange(6)):
        out += rand.choice(words)
        if rand.random() < 0.7:
            out += rand.choice(numbers)
    if rand.random() < 0.03:
        out = rand.choice(words) + out
    return out


def changed(one, order, rand):
    """A version that shares much with another, as those of one package do."""
    kind = rand.randrange(5)
    at = rand.randrange(len(one) + 1)
    if kind == 0:
        return one[:at] + rand.choice(WORDS[order] + NUMBERS[:-1]) + one[at:]
    if kind == 1 and len(one) > 1:
        return one[:at] + one[at + 1:] or "0"
    if kind == 2:
        return one + rand.choice(WORDS[order]) + rand.choice(NUMBERS[:-1])
    if kind == 3:
        return one[:at] or "0"
    return version(order, rand)


def pairs(order, count, seed):
    rand = random.Random(seed)
    seen = set()
    while len(seen) < count:
        one = version(order, rand)
        pair = (one, changed(one, order, rand))
        if rand.random() < 0.5:
            pair = pair[::-1]
        seen.add(pair)
    return sorted(seen)


def run(command, text, **more):
    return subprocess.run(command, input=text, text=True, capture_output=True, check=True, **more).stdout.splitlines()


def ask(order, asked):
    lines = "".join(f"{one}\t{other}\n" for one, other in asked)
    if order == "dpkg":
        script = r"""while IFS=$'\t' read -r a b; do
            # Its warnings about versions that are none are all that tells them.
            if dpkg --compare-versions "$a" eq "$b" 2>/tmp/orders-$$; then r='='
            elif dpkg --compare-versions "$a" lt "$b" 2>/dev/null; then r='<'; else r='>'; fi
            [ ! -s /tmp/orders-$$ ] || r='!'
            echo "$r"; done; rm -f /tmp/orders-$$"""
        return run(["bash", "-c", script], lines)
    if order == "rpm":
        program = """
import rpm, sys
def parse(v):
    e, rest = '0', v
    if ':' in v and v.split(':', 1)[0].isdigit(): e, rest = v.split(':', 1)
    elif v.startswith(':'): rest = v[1:]
    v, r = rest.rsplit('-', 1) if '-' in rest else (rest, None)
    return e, v, r
for line in sys.stdin:
    one, other = line.rstrip('\\n').split('\\t')
    try: print('<=>'[rpm.labelCompare(parse(one), parse(other)) + 1])
    except Exception: print('!')
"""
        return run(["/usr/bin/python3", "-c", program], lines)
    if order == "apk":
        script = r"""while IFS="$(printf '\t')" read -r a b; do
            r=$(/sbin/apk --repositories-file /dev/null version -t "$a" "$b" 2>/dev/null) || r='!'
            /sbin/apk version --check --quiet "$a" "$b" >/dev/null 2>&1 || r='!'
            echo "$r"; done"""
        return run(["chroot", os.environ["ALPINE"], "/bin/sh", "-c", script], lines)
    if order == "semver":
        program = """
const semver = require('semver')
for (const line of require('fs').readFileSync(0, 'utf8').split('\\n').filter(Boolean)) {
  const [one, other] = line.split('\\t')
  console.log(semver.valid(one) && semver.valid(other) ? '<=>'[semver.compare(one, other) + 1] : '!')
}"""
        return run(["node", "-e", program], lines)
    if order == "pep440":
        from packaging.version import InvalidVersion, Version

        def compare(one, other):
            try:
                one, other = Version(one), Version(other)
            except InvalidVersion:
                return "!"
            return "<" if one < other else ">" if one > other else "="

        return [compare(one, other) for one, other in asked]
    if order == "maven":
        return run(["java", os.path.join(HERE, "Maven.java")], lines)
    if order == "gem":
        program = """
STDIN.each_line(chomp: true) do |line|
  one, other = line.split("\\t")
  sound = Gem::Version.correct?(one) && Gem::Version.correct?(other)
  puts(sound ? '<=>'[(Gem::Version.new(one) <=> Gem::Version.new(other)) + 1] : '!')
end"""
        return run(["ruby", "-e", program], lines)
    raise SystemExit(__doc__)


def main():
    if len(sys.argv) < 3 or sys.argv[1] not in WORDS:
        raise SystemExit(__doc__)
    order = sys.argv[1]
    if sys.argv[2] == "--of":
        lines = open(sys.argv[3], encoding="utf-8").read().splitlines()
        fields = [line.split("\t") for line in lines if line and not line.startswith("#")]
        asked = [(each[0], each[-1]) for each in fields]
    else:
        asked = pairs(order, int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else "1")
    answers = ask(order, asked)
    assert len(answers) == len(asked), f"{len(asked)} were asked, {len(answers)} answered"
    for (one, other), answer in zip(asked, answers):
        print(f"{one}\t{answer}\t{other}")


main()
