#!/bin/sh
# Runs a program with secrets from files in its environment, for images that take them in no other way:
#   INDEXER_PASSWORD__FROM='{indexer_password}'         the file /run/secrets/indexer_password
#   HOSTS__FROM='https://graylog:{search}@search:9200'  put together
# `docker inspect` and the compose file show the name of the file, never the secret.
set -eu
dir=${SECRETS_DIR:-/run/secrets}
for name in $(env | sed -n 's/^\([A-Z][A-Z0-9_]*\)__FROM=.*/\1/p'); do
  # Names are letters, digits and _ only: nothing of a value is ever evaluated.
  eval "rest=\${${name}__FROM}"
  value=
  while :; do
    case $rest in
      *'{'*'}'*) ;;
      *) break ;;
    esac
    value=$value${rest%%'{'*}
    rest=${rest#*'{'}
    file=${rest%%'}'*}
    rest=${rest#*'}'}
    case $file in
      '' | */* | .*) echo "with-secrets: $name: '$file' is no name of a secret" >&2 && exit 1 ;;
    esac
    [ -s "$dir/$file" ] || { echo "with-secrets: $name: $dir/$file is empty or not there" >&2 && exit 1; }
    value=$value$(cat "$dir/$file")
  done
  export "$name=$value$rest"
  unset "${name}__FROM"
done
exec "$@"
