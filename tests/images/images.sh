#!/usr/bin/env bash
# A Docker engine and the images the container tests name, for a Debian machine where no registry answers: built from
# Debian and Maven packages only. Needs root, and Maven and Python for the jars. What exists is left alone.
#   tests/images/images.sh up        installs and starts the engine on a socket of its own, builds what is missing
#   . <(tests/images/images.sh env)  points this shell to it
#   tests/images/images.sh down      stops that engine
# The images carry this machine's package sources and CA bundle: never publish one.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
poms=$here/../../consumers/local
state=${LAPSE_IMAGES:-${XDG_CACHE_HOME:-$HOME/.cache}/lapse-images}
suite=trixie # has PostgreSQL 17 and Java 21
kafka=apache/kafka:4.3.1 dynamodb=amazon/dynamodb-local:3.3.1 postgres=postgres:17
# Debian's engine has no BuildKit plugin.
export DOCKER_HOST=unix://$state/docker.sock DOCKER_BUILDKIT=0 DEBIAN_FRONTEND=noninteractive

have() { docker image inspect "$1" >/dev/null 2>&1; }
say() { printf '%4ds  %s\n' "$SECONDS" "$*"; }
logged() { # NAME COMMAND...: quiet unless it fails
  "${@:2}" >"$state/$1.log" 2>&1 || { tail -20 "$state/$1.log" >&2; echo "failed: see $state/$1.log" >&2; exit 1; }
}

install_engine() {
  local missing=() package
  for package in docker.io iptables mmdebstrap; do dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package"); done
  ((${#missing[@]})) || return 0
  logged apt apt-get -o DPkg::Lock::Timeout=300 update
  logged apt apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "${missing[@]}"
  say "installed ${missing[*]}"
}

start_engine() {
  docker info >/dev/null 2>&1 && return
  rm -f "$state/dockerd.pid"
  setsid dockerd --host "$DOCKER_HOST" --data-root "$state/data" --exec-root "$state/exec" --log-level warn \
    --pidfile "$state/dockerd.pid" >"$state/dockerd.log" 2>&1 </dev/null &
  for _ in {1..300}; do docker info >/dev/null 2>&1 && { say 'engine up'; return; }; sleep 0.2; done
  logged dockerd-wait tail -20 "$state/dockerd.log"
  exit 1
}

# debian:SUITE-slim, from the host's own package sources moved to that suite
base() {
  have "debian:$suite-slim" && return
  local work file options=() host
  work=$(mktemp -d) host=$(. /etc/os-release && echo "$VERSION_CODENAME")
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/debian.*; do
    [ -s "$file" ] && sed "s/\b$host\b/$suite/g" "$file" >"$work/${file##*/}"
  done
  for file in /etc/apt/apt.conf.d/99*; do [ -f "$file" ] && options+=("--aptopt=$file"); done
  cp "$here/trim.sh" "$work/"
  TMPDIR=$work logged base mmdebstrap --variant=minbase --include=ca-certificates,tzdata "${options[@]}" \
    --dpkgopt=force-unsafe-io --skip=cleanup/apt/lists --customize-hook="sh $work/trim.sh \"\$1\"" \
    "$suite" "$work/base.tar" "$work"/*sources*
  docker import -c 'CMD ["bash"]' -c 'ENV LANG=C.UTF-8' "$work/base.tar" "debian:$suite-slim" >/dev/null
  rm -rf "$work"
  say "debian:$suite-slim"
}

jars() { # NAME: everything NAME.pom.xml of the project asks for
  [ -d "$state/jars/$1" ] && return
  rm -rf "$state/jars/$1.new"
  logged "maven-$1" mvn -q -B -f "$poms/$1.pom.xml" dependency:copy-dependencies -DincludeScope=runtime \
    -DoutputDirectory="$state/jars/$1.new"
  mv "$state/jars/$1.new" "$state/jars/$1"
}

build() { # TAG FOLDER [JARS]
  have "$1" && return
  local context name arguments=()
  context=$(mktemp -d)
  cp -r "$here/$2/." "$context"
  if [ "${3:-}" ]; then jars "$3"; cp -r "$state/jars/$3" "$context/libs"; fi
  [ "$2" != dynamodb ] || python3 "$here/dynamodb/manifest.py" "$context"
  for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
    [ -z "${!name:-}" ] || arguments+=(--build-arg "$name")
  done
  logged "build-$2" docker build -q "${arguments[@]}" -t "$1" "$context"
  rm -rf "$context"
  say "$1"
}

up() {
  mkdir -p "$state/jars"
  install_engine
  start_engine
  have $kafka && have $dynamodb && have $postgres && return
  base
  build lapse/java:21 java
  build $kafka kafka kafka
  build $dynamodb dynamodb dynamodb-local
  build $postgres postgres
}

down() {
  [ -s "$state/dockerd.pid" ] || return 0
  local pid
  pid=$(cat "$state/dockerd.pid")
  kill "$pid" 2>/dev/null || return 0
  for _ in {1..100}; do kill -0 "$pid" 2>/dev/null || break; sleep 0.2; done
  ip link del docker0 2>/dev/null || true # what the engine leaves behind
}

case ${1:-} in
  up) up ;;
  env) echo "export DOCKER_HOST=$DOCKER_HOST DOCKER_BUILDKIT=0 TESTCONTAINERS_RYUK_DISABLED=true" ;;
  down) down ;;
  *) sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
