#!/bin/sh
# Makes what the stack needs before its first start: a certificate authority, a certificate for each service, random secrets, and
# the indexers' user files with hashes of them. Run again it makes only what is missing. Needs openssl, and docker for the hashes.
set -eu
cd "$(dirname "$0")"
umask 077
mkdir -p secrets certs generated

days=825
INDEXER_IMAGE=$(sed -n 's/^ *image: *\(wazuh\/wazuh-indexer:[^ ]*\).*/\1/p' compose.yaml)

say() { echo "prepare: $*" >&2; }

# The folders are closed (0700); the files in them are readable, because each image has its own user and compose mounts files as
# they are.
secret() {
  [ -s "secrets/$1" ] && return
  printf '%s' "$2" >"secrets/$1.new"
  chmod 444 "secrets/$1.new"
  mv "secrets/$1.new" "secrets/$1"
  say "made secrets/$1"
}
hex() { openssl rand -hex "$1"; }
# Wazuh's API and MISP want capitals, digits and a symbol as well.
strong() { printf 'Aa1.%s' "$(hex 20)"; }

secret indexer_password "$(hex 24)"
secret dashboard_password "$(hex 24)"
secret wazuh_api_password "$(strong)"
secret misp_db_password "$(hex 24)"
secret misp_db_root_password "$(hex 24)"
secret misp_redis_password "$(hex 24)"
secret misp_admin_password "$(strong)"
secret misp_admin_key "$(hex 20)"
secret misp_encryption_key "$(hex 24)"
secret misp_gpg_passphrase "$(hex 24)"
secret mongo_password "$(hex 24)"
secret opensearch_password "$(hex 24)"
secret graylog_password_secret "$(hex 48)"
secret graylog_admin_password "$(hex 16)"
secret graylog_admin_sha256 "$(openssl dgst -sha256 -r <secrets/graylog_admin_password | cut -d ' ' -f 1)"
# Tipline reads MISP with a key of its own, which only MISP can give: see README.md.
[ -e secrets/tipline_misp_key ] || { : >secrets/tipline_misp_key && chmod 444 secrets/tipline_misp_key; }

key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null; }

if [ ! -s certs/ca.pem ]; then
  key certs/ca.key
  openssl req -x509 -new -key certs/ca.key -days 3650 -out certs/ca.pem -subj '/O=Tipline/CN=Tipline stack CA' \
    -addext 'basicConstraints=critical,CA:TRUE,pathlen:0' -addext 'keyUsage=critical,keyCertSign,cRLSign'
  chmod 444 certs/ca.pem
  say "made certs/ca.pem; keep certs/ca.key somewhere else once all certificates are made"
fi

# Name, and further names that a browser may use.
certificate() {
  name=$1
  shift
  [ -s "certs/$name.pem" ] && return
  names="DNS:$name,DNS:localhost"
  for other in "$@"; do names="$names,DNS:$other"; done
  key "certs/$name.key"
  openssl req -new -key "certs/$name.key" -subj "/O=Tipline/CN=$name" -out "certs/$name.csr"
  printf 'subjectAltName=%s\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\n' \
    "$names" >"certs/$name.ext"
  openssl x509 -req -in "certs/$name.csr" -CA certs/ca.pem -CAkey certs/ca.key -CAcreateserial -days "$days" -sha256 \
    -extfile "certs/$name.ext" -out "certs/$name.new" 2>/dev/null
  rm -f "certs/$name.csr" "certs/$name.ext"
  chmod 444 "certs/$name.key" "certs/$name.new"
  mv "certs/$name.new" "certs/$name.pem"
  say "made certs/$name.pem"
}
# shellcheck disable=SC2086  # several names, separated by spaces
for service in wazuh.indexer wazuh.manager indexer-admin opensearch; do certificate "$service"; done
# shellcheck disable=SC2086
for service in wazuh.dashboard misp graylog; do certificate "$service" ${PUBLIC_NAMES:-}; done

# bcrypt of a secret, by the indexer's own tool; the password goes by environment and not by argument.
hash() {
  PASSWORD=$(cat "secrets/$1")
  export PASSWORD
  found=$(docker run --rm --env PASSWORD --entrypoint bash "$INDEXER_IMAGE" \
    /usr/share/wazuh-indexer/plugins/opensearch-security/tools/hash.sh -env PASSWORD | grep '^\$2' | tail -n 1)
  unset PASSWORD
  case $found in
    '$2'?'$'*) printf '%s' "$found" ;;
    *) say "expected a bcrypt hash from $INDEXER_IMAGE, found none" && exit 1 ;;
  esac
}
users() {
  file=generated/$1
  shift
  [ -s "$file" ] && return
  {
    printf '_meta:\n  type: internalusers\n  config_version: 2\n'
    while [ $# -gt 0 ]; do
      digest=$(hash "$2") || exit 1
      printf '%s:\n  hash: "%s"\n  reserved: true\n' "$1" "$digest"
      [ "$3" = - ] || printf '  backend_roles: ["%s"]\n' "$3"
      shift 3
    done
  } >"$file.new"
  chmod 444 "$file.new"
  mv "$file.new" "$file"
  say "made $file"
}
users indexer-users.yml admin indexer_password admin kibanaserver dashboard_password -
users opensearch-users.yml graylog opensearch_password admin
say "done"
