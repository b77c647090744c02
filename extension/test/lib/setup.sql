-- What the attacks run against: two tenants of one block, a single-instance block, hostile names,
-- and everything a careless superuser might have left lying about.
\set ON_ERROR_STOP on
CREATE EXTENSION edgebase;
CREATE ROLE proxy_login LOGIN IN ROLE edgebase_proxy;
CREATE ROLE admin_login LOGIN IN ROLE edgebase_admin;
CREATE ROLE analyst_login LOGIN IN ROLE edgebase_analyst;
CREATE ROLE stranger LOGIN;

SET SESSION AUTHORIZATION admin_login;
SELECT count(*) AS changes FROM edgebase.apply_config('{"databases": {
    "app": {"tables": {"posts": {"schema": {"title": "string"}}}},
    "public": {"tables": {"t": {"schema": {"a": "string"}}}},
    "kinds": {"tables": {"every": {"schema": {
        "Mixed \"Case\"": "string", "n": "number", "b": "boolean", "d": "datetime", "j": "json"}}}},
    "pg_x": {"tables": {"select": {"schema": {"from": "string"}}}},
    "tenant": {"instance": true, "tables": {
        "invoices": {"schema": {"n": "number", "note": {"type": "string", "max": 20}},
                     "indexes": [{"fields": ["n"]}], "fts": ["note"]},
        "Weird \"T\"": {"schema": {"a.b": "string", "c''d": {"type": "string", "enum": ["it''s"]}}}
    }}}}') \g /dev/null
SELECT edgebase.create_instance('tenant', id) FROM unnest(ARRAY['mallory', 'victim',
    'x"; DROP SCHEMA public; --', '😀 Ω', repeat('é', 511) || 'z', 'pg_catalog', 'SELECT']) AS id \g /dev/null
RESET SESSION AUTHORIZATION;

INSERT INTO "tenant:victim".invoices (id, n, note) VALUES ('v1', 1, 'planted-secret');
INSERT INTO "tenant:mallory".invoices (id, n, note) VALUES ('m1', 1, 'mine');
INSERT INTO app.posts (id, title) VALUES ('p1', 'planted-secret');
ANALYZE "tenant:victim".invoices, "tenant:mallory".invoices;

-- A careless superuser's work.
SELECT count(*) > 0 AS has_dblink FROM pg_available_extensions WHERE name = 'dblink' \gset
\if :has_dblink
CREATE EXTENSION dblink;
\else
-- A server without contrib: functions of the same names that are refused for another reason.
CREATE FUNCTION public.dblink(text, text) RETURNS SETOF record LANGUAGE internal AS 'pg_lock_status';
CREATE FUNCTION public.dblink_connect(text) RETURNS text LANGUAGE internal AS 'pg_notify';
\endif
GRANT CREATE, USAGE ON SCHEMA public TO PUBLIC;
CREATE FUNCTION public.backdoor(text, text, boolean) RETURNS text LANGUAGE internal AS 'set_config_by_name';
CREATE FUNCTION public.as_postgres() RETURNS text LANGUAGE sql SET role = 'postgres' AS 'SELECT current_user::text';
CREATE FUNCTION public.as_login() RETURNS text LANGUAGE sql SET role = 'proxy_login' AS 'SELECT current_user::text';
CREATE FUNCTION public.as_none() RETURNS text LANGUAGE sql SET role = 'none' AS 'SELECT current_user::text';
CREATE FUNCTION public.as_session() RETURNS text LANGUAGE sql SET session_authorization = 'proxy_login' AS 'SELECT current_user::text';
CREATE FUNCTION public.definer() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT current_user::text';
CREATE FUNCTION public.enter_as_definer() RETURNS void LANGUAGE sql SECURITY DEFINER AS $$SELECT edgebase.enter('tenant', 'mallory')$$;
CREATE FUNCTION public.enter_with_set() RETURNS void LANGUAGE sql SET work_mem = '1MB' AS $$SELECT edgebase.enter('tenant', 'mallory')$$;
CREATE FUNCTION public.enter_plain() RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM edgebase.enter('tenant', 'mallory'); END$$;
CREATE FUNCTION public.run(sql text) RETURNS void LANGUAGE plpgsql AS $$BEGIN EXECUTE sql; END$$;
CREATE FUNCTION public.run_caught(first text, second text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    BEGIN EXECUTE first; EXCEPTION WHEN OTHERS THEN NULL; END;
    EXECUTE second;
END$$;
CREATE PROCEDURE public.commits() LANGUAGE plpgsql AS $$BEGIN COMMIT; END$$;
CREATE TABLE public.invoices (id text, planted boolean);
CREATE FUNCTION public.planted() RETURNS text LANGUAGE sql AS $$SELECT 'planted'$$;
GRANT SELECT ON public.invoices TO PUBLIC;

-- At commit, deferred triggers still run as the tenant.
CREATE FUNCTION public.whoami() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_user !~ '^eb_' THEN RAISE EXCEPTION 'deferred trigger ran as %', current_user; END IF;
    IF NEW.id = 'leave' AND NEW.note = 'RESET ROLE' THEN RESET ROLE; END IF;
    IF NEW.id = 'leave' AND NEW.note = 'TABLE bait' THEN PERFORM * FROM "tenant:victim".invoices; END IF;
    RETURN NULL;
END$$;
CREATE CONSTRAINT TRIGGER whoami AFTER INSERT ON "tenant:mallory".invoices
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.whoami();
SELECT 'eb_' || oid || '_' AS role_prefix FROM pg_database WHERE datname = current_database() \gset
SELECT role AS victim_role FROM edgebase.instances WHERE key = 'tenant:victim' \gset
