-- Who may connect in production?
--
-- Creates the login role that proxies use and one for administration, or gives those that are there
-- these passwords and no right beyond this. Run once per server, as a superuser, after CREATE
-- EXTENSION; again to change the passwords:
--
--   psql -d app -v proxy_password=... -v admin_password=... -f sql/roles.sql
--
-- The proxy's role inherits the right to call the data-path functions and has no right on any
-- tenant's table; keep it free of further memberships.

\set ON_ERROR_STOP on
BEGIN;

SELECT pg_catalog.format('CREATE ROLE %I', login)
FROM pg_catalog.unnest(ARRAY['edgebase_proxy_login', 'edgebase_admin_login']) AS login
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = login) \gexec

ALTER ROLE edgebase_proxy_login LOGIN INHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS
    PASSWORD :'proxy_password';
ALTER ROLE edgebase_admin_login LOGIN INHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS
    PASSWORD :'admin_password';

-- A membership that is there already is no error, but is reported.
SET LOCAL client_min_messages = warning;
GRANT edgebase_proxy TO edgebase_proxy_login;
GRANT edgebase_admin TO edgebase_admin_login;

COMMIT;
