#!/bin/bash
# What does a new database of the image contain? Run once by the PostgreSQL image, as it creates
# its data directory: the extension, and the login roles of proxy and administrator.
set -euo pipefail

: "${EDGEBASE_PROXY_PASSWORD:?is the password of the login role edgebase_proxy_login}"
: "${EDGEBASE_ADMIN_PASSWORD:?is the password of the login role edgebase_admin_login}"

psql=(psql --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB")
"${psql[@]}" --command 'CREATE EXTENSION edgebase'
"${psql[@]}" --set proxy_password="$EDGEBASE_PROXY_PASSWORD" \
    --set admin_password="$EDGEBASE_ADMIN_PASSWORD" \
    --file "${EDGEBASE_ROLES:-/usr/share/edgebase/roles.sql}"
