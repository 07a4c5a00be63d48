# shellcheck shell=bash disable=SC2016 # what is in single quotes is for other programs
# What package managers of languages install, in one root.

make_language() {
    local work=$ROOT/../work
    mkdir -p "$work" "$ROOT/etc"
    printf 'ID=debian\nVERSION_ID="12"\n' >"$ROOT/etc/os-release"
    python_part
    npm_part
    cargo_part "$work"
    go_part "$work"
    gem_part "$work"
    java_part "$work"
    rm -rf "$work"
}

python_part() {
    local venv=$ROOT/opt/venv
    python3 -m venv --copies "$venv"
    "$venv/bin/pip" install --quiet requests==2.31.0 Flask==3.0.0 zope.interface==6.1 typing_extensions==4.9.0 ruamel.yaml==0.18.5
    "$venv/bin/pip" list --format json | jq -r '.[] | [.name, .version] | @tsv' >"$TRUTH/pypi@own"
}

npm_part() {
    local app=$ROOT/opt/app
    mkdir -p "$app"
    # Two versions of one module, a scope, an alias.
    (cd "$app" && echo '{"name":"app","version":"1.0.0","private":true}' >package.json &&
        npm install --silent --no-audit --no-fund express@4.18.2 @babel/code-frame@7.22.13 debug@4.3.4 lodash4@npm:lodash@4.17.21)
    # An alias has its own name there; the module's is what counts.
    (cd "$app" && npm ls --all --long --json) |
        jq -r '[.. | objects | .dependencies? // empty | objects | .[] | objects | select(.name and .version) |
            [.name, .version]] | unique[] | @tsv' >"$TRUTH/npm"
    # The modules are bundled, only the lock file tells of them: this is not counted where they are.
    mkdir -p "$ROOT/opt/bundled"
    (cd "$ROOT/opt/bundled" && echo '{"name":"bundled","version":"1.0.0","private":true}' >package.json &&
        npm install --silent --no-audit --no-fund left-pad@1.3.0 && npm install --silent --no-audit --no-fund --save-dev isarray@2.0.5 && rm -rf node_modules)
    printf 'left-pad\t1.3.0\n' >>"$TRUTH/npm"
}

# Programs of Cargo's, installed once and kept: NAME VERSION.
cargo_tool() {
    local tools=$CACHE/tools-$2
    [ -x "$tools/bin/$1" ] ||
        "${CARGO:-cargo}" install --quiet --locked --root "$tools" --target-dir "$CACHE/tools-target" --version "$2" "$1"
    printf '%s\n' "$tools/bin"
}

cargo_part() {
    local project=$1/cargo auditable info
    auditable=$(cargo_tool cargo-auditable 0.7.7)
    info=$(cargo_tool rust-audit-info 0.5.4)
    mkdir -p "$project/src"
    cat >"$project/Cargo.toml" <<'TOML'
[workspace]
[package]
name = "audited"
version = "0.3.0"
edition = "2021"
[dependencies]
memchr = "=2.7.4"
itoa = "=1.0.11"
[build-dependencies]
autocfg = "=1.3.0"
TOML
    echo 'fn main() { println!("{:?} {}", memchr::memchr(b"a"[0], b"ba"), itoa::Buffer::new().format(1)); }' >"$project/src/main.rs"
    echo 'fn main() { autocfg::new(); }' >"$project/build.rs"
    (cd "$project" && PATH=$auditable:$PATH "${CARGO:-cargo}" auditable build --quiet --release --target-dir target)
    install -D -s --strip-program=true "$project/target/release/audited" "$ROOT/usr/local/bin/audited"
    # What ran during the build alone is not in the program.
    "$info/rust-audit-info" "$ROOT/usr/local/bin/audited" |
        jq -r '.packages[] | select(.kind != "build") | [.name, .version] | @tsv' >"$TRUTH/cargo"
}

go_part() {
    local project=$1/go library=github.com/spf13/pflag binary
    mkdir -p "$project/vendor/$library" "$ROOT/usr/local/bin"
    cp -r "/usr/share/gocode/src/$library/." "$project/vendor/$library"
    find "$project/vendor" -name '*_test.go' -delete
    printf '# %s v1.0.5\n## explicit\n%s\n' "$library" "$library" >"$project/vendor/modules.txt"
    printf 'module example.org/Team/tool\n\ngo 1.18\n\nrequire %s v1.0.5\n' "$library" >"$project/go.mod"
    printf 'package main\nimport "%s"\nfunc main() { pflag.Parse() }\n' "$library" >"$project/main.go"
    (
        cd "$project" || return
        export GOFLAGS='-mod=vendor -buildvcs=false' GOCACHE=$1/go-cache GOTOOLCHAIN=local GO111MODULE=on
        go build -o "$ROOT/usr/local/bin/go-plain" .
        go build -ldflags '-s -w' -o "$ROOT/usr/local/bin/go-stripped" .
        go build -buildmode pie -o "$ROOT/usr/local/bin/go-pie" .
        GOARCH=386 CGO_ENABLED=0 go build -o "$ROOT/usr/local/bin/go-386" .
        GOARCH=s390x CGO_ENABLED=0 go build -o "$ROOT/usr/local/bin/go-big-endian" .
    )
    # Without a table of sections.
    cp "$ROOT/usr/local/bin/go-plain" "$ROOT/usr/local/bin/go-bare"
    python3 - "$ROOT/usr/local/bin/go-bare" <<'PYTHON'
import sys
with open(sys.argv[1], "r+b") as file:
    for at, length in ((40, 8), (60, 4)):
        file.seek(at)
        file.write(bytes(length))
PYTHON
    for binary in "$ROOT"/usr/local/bin/go-*; do
        # `go version` prints the version, then modules: path, kind, name, version.
        go version -m "$binary" | awk -F '\t' -v OFS='\t' '
            NR == 1 { sub(/.*: go/, ""); sub(/ .*/, ""); print "stdlib", $0 }
            $2 == "mod" { print $3, ($4 == "(devel)" ? "-" : $4) }
            $2 == "dep" { print $3, $4 }' >"$1/modules"
        [ "$(wc -l <"$1/modules")" = 3 ]
        cat "$1/modules" >>"$TRUTH/golang"
        # Each of them alone tells all.
        sort -u "$1/modules" | cmp - <(sort -u "$TRUTH/golang")
    done
}

gem_part() {
    local home=$ROOT/var/lib/gems/3.1.0 project=$1/gem name
    mkdir -p "$project" "$home"
    for name in first-gem second_gem; do
        cat >"$project/$name.gemspec" <<RUBY
Gem::Specification.new do |s|
  s.name = "$name"
  s.version = "1.2.0.beta1"
  s.summary = "A gem"
  s.authors = ["Somebody"]
  s.licenses = ["MIT", "Ruby"]
  s.files = []
end
RUBY
        (cd "$project" && gem build --silent "$name.gemspec" && gem install --silent --local --no-document --install-dir "$home" "$name"-*.gem)
    done
    # Those that come with Ruby, and Debian's.
    cp -r "$(ruby -e 'puts Gem.default_specifications_dir')/." "$(mkdir -p "$home/specifications/default" && echo "$home/specifications/default")"
    GEM_HOME=$home GEM_PATH=$home gem list --local |
        sed -nE 's/^([^ ]+) \((default: )?([^),]+)\)$/\1\t\3/p' >"$TRUTH/gem"
}

java_part() {
    local work=$1/java jar
    mkdir -p "$work/WEB-INF/lib" "$work/BOOT-INF/lib" "$ROOT/opt/java"
    for jar in commons-io gson jackson-core; do
        cp -L "/usr/share/java/$jar.jar" "$ROOT/opt/java/$jar.jar"
    done
    cp -L /usr/share/java/commons-io.jar "$work/WEB-INF/lib/commons-io.jar"
    cp -L /usr/share/java/gson.jar "$work/BOOT-INF/lib/gson.jar"
    # Packed, as most build tools do, and as they are, as Spring Boot does.
    (cd "$work" && zip -q -r "$ROOT/opt/java/packed.war" WEB-INF && zip -q -0 -r "$ROOT/opt/java/boot.jar" BOOT-INF)
    mkdir -p "$work/outer" && cp "$ROOT/opt/java/packed.war" "$work/outer"
    (cd "$work/outer" && zip -q -r "$ROOT/opt/java/outer.ear" .)
    # A program before the archive.
    { printf '#!/bin/sh\nexec java -jar "$0"\n' && cat "$ROOT/opt/java/gson.jar"; } >"$ROOT/opt/java/executable.jar"
    for jar in "$ROOT"/opt/java/{commons-io,gson,jackson-core}.jar; do
        unzip -p "$jar" 'META-INF/maven/*/pom.properties' |
            tr -d '\r' | awk -F = '{ value[$1] = $2 } END { print value["groupId"] ":" value["artifactId"] "\t" value["version"] }'
    done >"$TRUTH/maven"
    # One that Maven did not build: by its name and manifest.
    mkdir -p "$work/plain/META-INF"
    printf 'Manifest-Version: 1.0\nImplementation-Title: tool\nImplementation-Vendor-Id: org.example\n' >"$work/plain/META-INF/MANIFEST.MF"
    (cd "$work/plain" && zip -q -r "$ROOT/opt/java/tool-3.1.jar" .)
    printf 'org.example:tool\t3.1\n' >>"$TRUTH/maven"
}
