-- Who may connect in production?
--
-- Creates the login role that proxies use and one for administration. Run once per database, as
-- a superuser or as a role with CREATEROLE that may grant the two groups, after CREATE EXTENSION:
--
--   psql -d app -v proxy_password=... -v admin_password=... -f sql/roles.sql
--
-- The proxy's role inherits the right to call the data-path functions and has no right on any
-- tenant's table; keep it free of further memberships.

\set ON_ERROR_STOP on
BEGIN;

CREATE ROLE edgebase_proxy_login LOGIN INHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS
    PASSWORD :'proxy_password';
GRANT edgebase_proxy TO edgebase_proxy_login;

CREATE ROLE edgebase_admin_login LOGIN INHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS
    PASSWORD :'admin_password';
GRANT edgebase_admin TO edgebase_admin_login;

COMMIT;
