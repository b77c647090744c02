CREATE ROLE @eb@1 NOLOGIN NOINHERIT CONNECTION LIMIT 0;
CREATE ROLE @eb@2 NOLOGIN NOINHERIT CONNECTION LIMIT 0;
CREATE ROLE @eb@3 NOLOGIN NOINHERIT CONNECTION LIMIT 0;
CREATE ROLE @eb@4 NOLOGIN NOINHERIT CONNECTION LIMIT 0;
CREATE ROLE @eb@5 NOLOGIN NOINHERIT CONNECTION LIMIT 0;
CREATE ROLE @eb@6 NOLOGIN NOINHERIT CONNECTION LIMIT 0;
CREATE ROLE @eb@7 NOLOGIN NOINHERIT CONNECTION LIMIT 0;
CREATE ROLE @eb@8 NOLOGIN NOINHERIT CONNECTION LIMIT 0;
CREATE ROLE @eb@9 NOLOGIN NOINHERIT CONNECTION LIMIT 0;
CREATE ROLE @eb@10 NOLOGIN NOINHERIT CONNECTION LIMIT 0;
CREATE ROLE @eb@11 NOLOGIN NOINHERIT CONNECTION LIMIT 0;
CREATE ROLE @eb@12 NOLOGIN NOINHERIT CONNECTION LIMIT 0;
CREATE ROLE @eb@13 NOLOGIN NOINHERIT CONNECTION LIMIT 0;
CREATE ROLE @eb@14 NOLOGIN NOINHERIT CONNECTION LIMIT 0;

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

CREATE SCHEMA ":pg_x";

ALTER SCHEMA ":pg_x" OWNER TO edgebase_owner;

CREATE SCHEMA app;

ALTER SCHEMA app OWNER TO edgebase_owner;

CREATE SCHEMA "public:";

ALTER SCHEMA "public:" OWNER TO edgebase_owner;

CREATE SCHEMA "room:%";

ALTER SCHEMA "room:%" OWNER TO edgebase_owner;

CREATE SCHEMA "room:Mixed Case";

ALTER SCHEMA "room:Mixed Case" OWNER TO edgebase_owner;

CREATE SCHEMA "room:SELECT";

ALTER SCHEMA "room:SELECT" OWNER TO edgebase_owner;

CREATE SCHEMA "room:behind";

ALTER SCHEMA "room:behind" OWNER TO edgebase_owner;

CREATE SCHEMA "room:it's";

ALTER SCHEMA "room:it's" OWNER TO edgebase_owner;

CREATE SCHEMA "room:pg_catalog";

ALTER SCHEMA "room:pg_catalog" OWNER TO edgebase_owner;

CREATE SCHEMA "room:plain";

ALTER SCHEMA "room:plain" OWNER TO edgebase_owner;

CREATE SCHEMA "room:public";

ALTER SCHEMA "room:public" OWNER TO edgebase_owner;

CREATE SCHEMA "room:x""; DROP SCHEMA public; --";

ALTER SCHEMA "room:x""; DROP SCHEMA public; --" OWNER TO edgebase_owner;

CREATE SCHEMA "room:éééééééééééééééééééé~ef45ff78aecc7289";

ALTER SCHEMA "room:éééééééééééééééééééé~ef45ff78aecc7289" OWNER TO edgebase_owner;

CREATE SCHEMA "room:😀 Ω";

ALTER SCHEMA "room:😀 Ω" OWNER TO edgebase_owner;

SET default_tablespace = '';

SET default_table_access_method = heap;

CREATE TABLE ":pg_x"."select" (
    id text NOT NULL COLLATE pg_catalog."C",
    "createdAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    "updatedAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    "from" text COLLATE pg_catalog."C"
);

ALTER TABLE ":pg_x"."select" OWNER TO edgebase_owner;

CREATE TABLE app.posts (
    id text NOT NULL COLLATE pg_catalog."C",
    "createdAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    "updatedAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    kind text DEFAULT 'it''s'::text COLLATE pg_catalog."C",
    title text NOT NULL COLLATE pg_catalog."C",
    more jsonb,
    CONSTRAINT "posts.title.max" CHECK ((edgebase.utf16_length(title) <= 90))
);

ALTER TABLE app.posts OWNER TO edgebase_owner;

CREATE TABLE "public:".t (
    id text NOT NULL COLLATE pg_catalog."C",
    "createdAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    "updatedAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    a text COLLATE pg_catalog."C"
);

ALTER TABLE "public:".t OWNER TO edgebase_owner;

CREATE TABLE "room:%"."Weird ""T""" (
    id text NOT NULL COLLATE pg_catalog."C",
    "createdAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    "updatedAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    "a.b" text COLLATE pg_catalog."C",
    "c'd" text COLLATE pg_catalog."C",
    CONSTRAINT "Weird ""T"".c'd.enum" CHECK (("c'd" = ANY (ARRAY['it''s'::text, 'neither'::text])))
);

ALTER TABLE "room:%"."Weird ""T""" OWNER TO edgebase_owner;

CREATE TABLE "room:%".log (
    id text NOT NULL COLLATE pg_catalog."C",
    "createdAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    "updatedAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    _doc jsonb DEFAULT '{}'::jsonb NOT NULL
);

ALTER TABLE "room:%".log OWNER TO edgebase_owner;

CREATE TABLE "room:%".notes (
    id text NOT NULL COLLATE pg_catalog."C",
    "createdAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    "updatedAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    n double precision,
    at timestamp(3) with time zone,
    ok boolean,
    data jsonb,
    text text COLLATE pg_catalog."C",
    parent text COLLATE pg_catalog."C",
    extra text DEFAULT 'new'::text COLLATE pg_catalog."C",
    CONSTRAINT "notes.text.max" CHECK ((edgebase.utf16_length(text) <= 300))
);

ALTER TABLE "room:%".notes OWNER TO edgebase_owner;

CREATE TABLE "room:Mixed Case"."Weird ""T""" (
    id text NOT NULL COLLATE pg_catalog."C",
    "createdAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    "updatedAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    "a.b" text COLLATE pg_catalog."C",
    "c'd" text COLLATE pg_catalog."C",
    CONSTRAINT "Weird ""T"".c'd.enum" CHECK (("c'd" = ANY (ARRAY['it''s'::text, 'neither'::text])))
);

ALTER TABLE "room:Mixed Case"."Weird ""T""" OWNER TO edgebase_owner;

CREATE TABLE "room:Mixed Case".log (
    id text NOT NULL COLLATE pg_catalog."C",
    "createdAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    "updatedAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    _doc jsonb DEFAULT '{}'::jsonb NOT NULL
);

ALTER TABLE "room:Mixed Case".log OWNER TO edgebase_owner;

CREATE TABLE "room:Mixed Case".notes (
    id text NOT NULL COLLATE pg_catalog."C",
    "createdAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    "updatedAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    n double precision,
    at timestamp(3) with time zone,
    ok boolean,
    data jsonb,
    text text COLLATE pg_catalog."C",
    parent text COLLATE pg_catalog."C",
    extra text DEFAULT 'new'::text COLLATE pg_catalog."C",
    CONSTRAINT "notes.text.max" CHECK ((edgebase.utf16_length(text) <= 300))
);

ALTER TABLE "room:Mixed Case".notes OWNER TO edgebase_owner;

CREATE TABLE "room:SELECT"."Weird ""T""" (
    id text NOT NULL COLLATE pg_catalog."C",
    "createdAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    "updatedAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    "a.b" text COLLATE pg_catalog."C",
    "c'd" text COLLATE pg_catalog."C",
    CONSTRAINT "Weird ""T"".c'd.enum" CHECK (("c'd" = ANY (ARRAY['it''s'::text, 'neither'::text])))
);

ALTER TABLE "room:SELECT"."Weird ""T""" OWNER TO edgebase_owner;

CREATE TABLE "room:SELECT".log (
    id text NOT NULL COLLATE pg_catalog."C",
    "createdAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    "updatedAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    _doc jsonb DEFAULT '{}'::jsonb NOT NULL
);

ALTER TABLE "room:SELECT".log OWNER TO edgebase_owner;

CREATE TABLE "room:SELECT".notes (
    id text NOT NULL COLLATE pg_catalog."C",
    "createdAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    "updatedAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    n double precision,
    at timestamp(3) with time zone,
    ok boolean,
    data jsonb,
    text text COLLATE pg_catalog."C",
    parent text COLLATE pg_catalog."C",
    extra text DEFAULT 'new'::text COLLATE pg_catalog."C",
    CONSTRAINT "notes.text.max" CHECK ((edgebase.utf16_length(text) <= 300))
);

ALTER TABLE "room:SELECT".notes OWNER TO edgebase_owner;

CREATE TABLE "room:behind"."Weird ""T""" (
    id text NOT NULL COLLATE pg_catalog."C",
    "createdAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    "updatedAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    "a.b" text COLLATE pg_catalog."C",
    "c'd" text COLLATE pg_catalog."C",
    CONSTRAINT "Weird ""T"".c'd.enum" CHECK (("c'd" = 'it''s'::text))
);

ALTER TABLE "room:behind"."Weird ""T""" OWNER TO edgebase_owner;

CREATE TABLE "room:behind".log (
    id text NOT NULL COLLATE pg_catalog."C",
    "createdAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    "updatedAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    _doc jsonb DEFAULT '{}'::jsonb NOT NULL
);

ALTER TABLE "room:behind".log OWNER TO edgebase_owner;

CREATE TABLE "room:behind".notes (
    id text NOT NULL COLLATE pg_catalog."C",
    "createdAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    "updatedAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    n double precision,
    at timestamp(3) with time zone,
    ok boolean,
    data jsonb,
    text text COLLATE pg_catalog."C",
    parent text COLLATE pg_catalog."C",
    CONSTRAINT "notes.text.max" CHECK ((edgebase.utf16_length(text) <= 300))
);

ALTER TABLE "room:behind".notes OWNER TO edgebase_owner;

CREATE TABLE "room:it's"."Weird ""T""" (
    id text NOT NULL COLLATE pg_catalog."C",
    "createdAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    "updatedAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    "a.b" text COLLATE pg_catalog."C",
    "c'd" text COLLATE pg_catalog."C",
    CONSTRAINT "Weird ""T"".c'd.enum" CHECK (("c'd" = ANY (ARRAY['it''s'::text, 'neither'::text])))
);

ALTER TABLE "room:it's"."Weird ""T""" OWNER TO edgebase_owner;

CREATE TABLE "room:it's".log (
    id text NOT NULL COLLATE pg_catalog."C",
    "createdAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    "updatedAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    _doc jsonb DEFAULT '{}'::jsonb NOT NULL
);

ALTER TABLE "room:it's".log OWNER TO edgebase_owner;

CREATE TABLE "room:it's".notes (
    id text NOT NULL COLLATE pg_catalog."C",
    "createdAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    "updatedAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    n double precision,
    at timestamp(3) with time zone,
    ok boolean,
    data jsonb,
    text text COLLATE pg_catalog."C",
    parent text COLLATE pg_catalog."C",
    extra text DEFAULT 'new'::text COLLATE pg_catalog."C",
    CONSTRAINT "notes.text.max" CHECK ((edgebase.utf16_length(text) <= 300))
);

ALTER TABLE "room:it's".notes OWNER TO edgebase_owner;

CREATE TABLE "room:pg_catalog"."Weird ""T""" (
    id text NOT NULL COLLATE pg_catalog."C",
    "createdAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    "updatedAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    "a.b" text COLLATE pg_catalog."C",
    "c'd" text COLLATE pg_catalog."C",
    CONSTRAINT "Weird ""T"".c'd.enum" CHECK (("c'd" = ANY (ARRAY['it''s'::text, 'neither'::text])))
);

ALTER TABLE "room:pg_catalog"."Weird ""T""" OWNER TO edgebase_owner;

CREATE TABLE "room:pg_catalog".log (
    id text NOT NULL COLLATE pg_catalog."C",
    "createdAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    "updatedAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    _doc jsonb DEFAULT '{}'::jsonb NOT NULL
);

ALTER TABLE "room:pg_catalog".log OWNER TO edgebase_owner;

CREATE TABLE "room:pg_catalog".notes (
    id text NOT NULL COLLATE pg_catalog."C",
    "createdAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    "updatedAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    n double precision,
    at timestamp(3) with time zone,
    ok boolean,
    data jsonb,
    text text COLLATE pg_catalog."C",
    parent text COLLATE pg_catalog."C",
    extra text DEFAULT 'new'::text COLLATE pg_catalog."C",
    CONSTRAINT "notes.text.max" CHECK ((edgebase.utf16_length(text) <= 300))
);

ALTER TABLE "room:pg_catalog".notes OWNER TO edgebase_owner;

CREATE TABLE "room:plain"."Weird ""T""" (
    id text NOT NULL COLLATE pg_catalog."C",
    "createdAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    "updatedAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    "a.b" text COLLATE pg_catalog."C",
    "c'd" text COLLATE pg_catalog."C",
    CONSTRAINT "Weird ""T"".c'd.enum" CHECK (("c'd" = ANY (ARRAY['it''s'::text, 'neither'::text])))
);

ALTER TABLE "room:plain"."Weird ""T""" OWNER TO edgebase_owner;

CREATE TABLE "room:plain".log (
    id text NOT NULL COLLATE pg_catalog."C",
    "createdAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    "updatedAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    _doc jsonb DEFAULT '{}'::jsonb NOT NULL
);

ALTER TABLE "room:plain".log OWNER TO edgebase_owner;

CREATE TABLE "room:plain".notes (
    id text NOT NULL COLLATE pg_catalog."C",
    "createdAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    "updatedAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    n double precision,
    at timestamp(3) with time zone,
    ok boolean,
    data jsonb,
    text text COLLATE pg_catalog."C",
    parent text COLLATE pg_catalog."C",
    extra text DEFAULT 'new'::text COLLATE pg_catalog."C",
    CONSTRAINT "notes.text.max" CHECK ((edgebase.utf16_length(text) <= 300))
);

ALTER TABLE "room:plain".notes OWNER TO edgebase_owner;

CREATE TABLE "room:public"."Weird ""T""" (
    id text NOT NULL COLLATE pg_catalog."C",
    "createdAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    "updatedAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    "a.b" text COLLATE pg_catalog."C",
    "c'd" text COLLATE pg_catalog."C",
    CONSTRAINT "Weird ""T"".c'd.enum" CHECK (("c'd" = ANY (ARRAY['it''s'::text, 'neither'::text])))
);

ALTER TABLE "room:public"."Weird ""T""" OWNER TO edgebase_owner;

CREATE TABLE "room:public".log (
    id text NOT NULL COLLATE pg_catalog."C",
    "createdAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    "updatedAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    _doc jsonb DEFAULT '{}'::jsonb NOT NULL
);

ALTER TABLE "room:public".log OWNER TO edgebase_owner;

CREATE TABLE "room:public".notes (
    id text NOT NULL COLLATE pg_catalog."C",
    "createdAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    "updatedAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    n double precision,
    at timestamp(3) with time zone,
    ok boolean,
    data jsonb,
    text text COLLATE pg_catalog."C",
    parent text COLLATE pg_catalog."C",
    extra text DEFAULT 'new'::text COLLATE pg_catalog."C",
    CONSTRAINT "notes.text.max" CHECK ((edgebase.utf16_length(text) <= 300))
);

ALTER TABLE "room:public".notes OWNER TO edgebase_owner;

CREATE TABLE "room:x""; DROP SCHEMA public; --"."Weird ""T""" (
    id text NOT NULL COLLATE pg_catalog."C",
    "createdAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    "updatedAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    "a.b" text COLLATE pg_catalog."C",
    "c'd" text COLLATE pg_catalog."C",
    CONSTRAINT "Weird ""T"".c'd.enum" CHECK (("c'd" = ANY (ARRAY['it''s'::text, 'neither'::text])))
);

ALTER TABLE "room:x""; DROP SCHEMA public; --"."Weird ""T""" OWNER TO edgebase_owner;

CREATE TABLE "room:x""; DROP SCHEMA public; --".log (
    id text NOT NULL COLLATE pg_catalog."C",
    "createdAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    "updatedAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    _doc jsonb DEFAULT '{}'::jsonb NOT NULL
);

ALTER TABLE "room:x""; DROP SCHEMA public; --".log OWNER TO edgebase_owner;

CREATE TABLE "room:x""; DROP SCHEMA public; --".notes (
    id text NOT NULL COLLATE pg_catalog."C",
    "createdAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    "updatedAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    n double precision,
    at timestamp(3) with time zone,
    ok boolean,
    data jsonb,
    text text COLLATE pg_catalog."C",
    parent text COLLATE pg_catalog."C",
    extra text DEFAULT 'new'::text COLLATE pg_catalog."C",
    CONSTRAINT "notes.text.max" CHECK ((edgebase.utf16_length(text) <= 300))
);

ALTER TABLE "room:x""; DROP SCHEMA public; --".notes OWNER TO edgebase_owner;

CREATE TABLE "room:éééééééééééééééééééé~ef45ff78aecc7289"."Weird ""T""" (
    id text NOT NULL COLLATE pg_catalog."C",
    "createdAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    "updatedAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    "a.b" text COLLATE pg_catalog."C",
    "c'd" text COLLATE pg_catalog."C",
    CONSTRAINT "Weird ""T"".c'd.enum" CHECK (("c'd" = ANY (ARRAY['it''s'::text, 'neither'::text])))
);

ALTER TABLE "room:éééééééééééééééééééé~ef45ff78aecc7289"."Weird ""T""" OWNER TO edgebase_owner;

CREATE TABLE "room:éééééééééééééééééééé~ef45ff78aecc7289".log (
    id text NOT NULL COLLATE pg_catalog."C",
    "createdAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    "updatedAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    _doc jsonb DEFAULT '{}'::jsonb NOT NULL
);

ALTER TABLE "room:éééééééééééééééééééé~ef45ff78aecc7289".log OWNER TO edgebase_owner;

CREATE TABLE "room:éééééééééééééééééééé~ef45ff78aecc7289".notes (
    id text NOT NULL COLLATE pg_catalog."C",
    "createdAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    "updatedAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    n double precision,
    at timestamp(3) with time zone,
    ok boolean,
    data jsonb,
    text text COLLATE pg_catalog."C",
    parent text COLLATE pg_catalog."C",
    extra text DEFAULT 'new'::text COLLATE pg_catalog."C",
    CONSTRAINT "notes.text.max" CHECK ((edgebase.utf16_length(text) <= 300))
);

ALTER TABLE "room:éééééééééééééééééééé~ef45ff78aecc7289".notes OWNER TO edgebase_owner;

CREATE TABLE "room:😀 Ω"."Weird ""T""" (
    id text NOT NULL COLLATE pg_catalog."C",
    "createdAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    "updatedAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    "a.b" text COLLATE pg_catalog."C",
    "c'd" text COLLATE pg_catalog."C",
    CONSTRAINT "Weird ""T"".c'd.enum" CHECK (("c'd" = ANY (ARRAY['it''s'::text, 'neither'::text])))
);

ALTER TABLE "room:😀 Ω"."Weird ""T""" OWNER TO edgebase_owner;

CREATE TABLE "room:😀 Ω".log (
    id text NOT NULL COLLATE pg_catalog."C",
    "createdAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    "updatedAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    _doc jsonb DEFAULT '{}'::jsonb NOT NULL
);

ALTER TABLE "room:😀 Ω".log OWNER TO edgebase_owner;

CREATE TABLE "room:😀 Ω".notes (
    id text NOT NULL COLLATE pg_catalog."C",
    "createdAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    "updatedAt" timestamp(3) with time zone DEFAULT now() NOT NULL,
    n double precision,
    at timestamp(3) with time zone,
    ok boolean,
    data jsonb,
    text text COLLATE pg_catalog."C",
    parent text COLLATE pg_catalog."C",
    extra text DEFAULT 'new'::text COLLATE pg_catalog."C",
    CONSTRAINT "notes.text.max" CHECK ((edgebase.utf16_length(text) <= 300))
);

ALTER TABLE "room:😀 Ω".notes OWNER TO edgebase_owner;

COPY ":pg_x"."select" (id, "createdAt", "updatedAt", "from") FROM stdin;
me	2026-11-24 10:46:22.859+00	2026-11-24 10:46:22.859+00	pg_x
\.

COPY app.posts (id, "createdAt", "updatedAt", kind, title, more) FROM stdin;
me	2026-11-24 10:46:22.858+00	2026-11-24 10:46:22.858+00	it's	app	\N
\.

COPY edgebase.audit_log (seq, at, actor, action, namespace, id, details) FROM stdin;
1	2026-11-24 10:46:22.74252+00	admin_login	configure	app	\N	{"version": "72e0c5eae033aaca8b17ecfeca5f34b4083c799610b943a701b5d134eb568f34"}
2	2026-11-24 10:46:22.746115+00	admin_login	create	app	\N	{"schema": "app", "version": "72e0c5eae033aaca8b17ecfeca5f34b4083c799610b943a701b5d134eb568f34"}
3	2026-11-24 10:46:22.746205+00	admin_login	configure	pg_x	\N	{"version": "c377b3a079a5cc89cb277a4d0b6c57a0c8bdacc3c4cd746dd8b696544410d0e8"}
4	2026-11-24 10:46:22.748957+00	admin_login	create	pg_x	\N	{"schema": ":pg_x", "version": "c377b3a079a5cc89cb277a4d0b6c57a0c8bdacc3c4cd746dd8b696544410d0e8"}
5	2026-11-24 10:46:22.749071+00	admin_login	configure	room	\N	{"version": "2c3e23f2e526bbef116a54f29a4b46fb742e04f1fe91cf5ef93695dbf49b7651"}
6	2026-11-24 10:46:22.749191+00	admin_login	configure	public	\N	{"version": "7f19708e6852f9c80e5cf94a1db990a843b43bfb16ee17d84c4057f23fbbae87"}
7	2026-11-24 10:46:22.751842+00	admin_login	create	public	\N	{"schema": "public:", "version": "7f19708e6852f9c80e5cf94a1db990a843b43bfb16ee17d84c4057f23fbbae87"}
8	2026-11-24 10:46:22.760516+00	admin_login	create	room	plain	{"schema": "room:plain", "version": "2c3e23f2e526bbef116a54f29a4b46fb742e04f1fe91cf5ef93695dbf49b7651"}
9	2026-11-24 10:46:22.768044+00	admin_login	create	room	Mixed Case	{"schema": "room:Mixed Case", "version": "2c3e23f2e526bbef116a54f29a4b46fb742e04f1fe91cf5ef93695dbf49b7651"}
10	2026-11-24 10:46:22.775636+00	admin_login	create	room	it's	{"schema": "room:it's", "version": "2c3e23f2e526bbef116a54f29a4b46fb742e04f1fe91cf5ef93695dbf49b7651"}
11	2026-11-24 10:46:22.783301+00	admin_login	create	room	x"; DROP SCHEMA public; --	{"schema": "room:x\\"; DROP SCHEMA public; --", "version": "2c3e23f2e526bbef116a54f29a4b46fb742e04f1fe91cf5ef93695dbf49b7651"}
12	2026-11-24 10:46:22.79127+00	admin_login	create	room	😀 Ω	{"schema": "room:😀 Ω", "version": "2c3e23f2e526bbef116a54f29a4b46fb742e04f1fe91cf5ef93695dbf49b7651"}
13	2026-11-24 10:46:22.799104+00	admin_login	create	room	éééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééz	{"schema": "room:éééééééééééééééééééé~ef45ff78aecc7289", "version": "2c3e23f2e526bbef116a54f29a4b46fb742e04f1fe91cf5ef93695dbf49b7651"}
14	2026-11-24 10:46:22.807222+00	admin_login	create	room	pg_catalog	{"schema": "room:pg_catalog", "version": "2c3e23f2e526bbef116a54f29a4b46fb742e04f1fe91cf5ef93695dbf49b7651"}
15	2026-11-24 10:46:22.82025+00	admin_login	create	room	public	{"schema": "room:public", "version": "2c3e23f2e526bbef116a54f29a4b46fb742e04f1fe91cf5ef93695dbf49b7651"}
16	2026-11-24 10:46:22.828927+00	admin_login	create	room	SELECT	{"schema": "room:SELECT", "version": "2c3e23f2e526bbef116a54f29a4b46fb742e04f1fe91cf5ef93695dbf49b7651"}
17	2026-11-24 10:46:22.837501+00	admin_login	create	room	%	{"schema": "room:%", "version": "2c3e23f2e526bbef116a54f29a4b46fb742e04f1fe91cf5ef93695dbf49b7651"}
18	2026-11-24 10:46:22.846857+00	admin_login	create	room	behind	{"schema": "room:behind", "version": "2c3e23f2e526bbef116a54f29a4b46fb742e04f1fe91cf5ef93695dbf49b7651"}
19	2026-11-24 10:46:22.856702+00	admin_login	create	room	gone	{"schema": "room:gone", "version": "2c3e23f2e526bbef116a54f29a4b46fb742e04f1fe91cf5ef93695dbf49b7651"}
20	2026-11-24 10:46:22.882933+00	admin_login	configure	app	\N	{"version": "62a28dab6755c3cc14f77e09f15565e066cafef37d186f365b69bb24dad552f1"}
21	2026-11-24 10:46:22.884318+00	admin_login	migrate	app	\N	{"to": "62a28dab6755c3cc14f77e09f15565e066cafef37d186f365b69bb24dad552f1", "from": "72e0c5eae033aaca8b17ecfeca5f34b4083c799610b943a701b5d134eb568f34", "steps": ["drop_constraint posts.posts.title.max", "add_column posts.more", "add_constraint posts.posts.title.max"]}
22	2026-11-24 10:46:22.884483+00	admin_login	configure	room	\N	{"version": "ba966480ff2b6bc6fc31a724af1d95df8ff3daff843a5225f751a26b112cca54"}
23	2026-11-24 10:46:22.888255+00	admin_login	migrate	room	plain	{"to": "ba966480ff2b6bc6fc31a724af1d95df8ff3daff843a5225f751a26b112cca54", "from": "2c3e23f2e526bbef116a54f29a4b46fb742e04f1fe91cf5ef93695dbf49b7651", "steps": ["drop_constraint Weird \\"T\\".Weird \\"T\\".c'd.enum", "add_column notes.extra", "migrate notes.1 (one more)", "add_constraint Weird \\"T\\".Weird \\"T\\".c'd.enum"]}
24	2026-11-24 10:46:22.889887+00	admin_login	migrate	room	Mixed Case	{"to": "ba966480ff2b6bc6fc31a724af1d95df8ff3daff843a5225f751a26b112cca54", "from": "2c3e23f2e526bbef116a54f29a4b46fb742e04f1fe91cf5ef93695dbf49b7651", "steps": ["drop_constraint Weird \\"T\\".Weird \\"T\\".c'd.enum", "add_column notes.extra", "migrate notes.1 (one more)", "add_constraint Weird \\"T\\".Weird \\"T\\".c'd.enum"]}
25	2026-11-24 10:46:22.891384+00	admin_login	migrate	room	it's	{"to": "ba966480ff2b6bc6fc31a724af1d95df8ff3daff843a5225f751a26b112cca54", "from": "2c3e23f2e526bbef116a54f29a4b46fb742e04f1fe91cf5ef93695dbf49b7651", "steps": ["drop_constraint Weird \\"T\\".Weird \\"T\\".c'd.enum", "add_column notes.extra", "migrate notes.1 (one more)", "add_constraint Weird \\"T\\".Weird \\"T\\".c'd.enum"]}
26	2026-11-24 10:46:22.892876+00	admin_login	migrate	room	x"; DROP SCHEMA public; --	{"to": "ba966480ff2b6bc6fc31a724af1d95df8ff3daff843a5225f751a26b112cca54", "from": "2c3e23f2e526bbef116a54f29a4b46fb742e04f1fe91cf5ef93695dbf49b7651", "steps": ["drop_constraint Weird \\"T\\".Weird \\"T\\".c'd.enum", "add_column notes.extra", "migrate notes.1 (one more)", "add_constraint Weird \\"T\\".Weird \\"T\\".c'd.enum"]}
27	2026-11-24 10:46:22.894193+00	admin_login	migrate	room	😀 Ω	{"to": "ba966480ff2b6bc6fc31a724af1d95df8ff3daff843a5225f751a26b112cca54", "from": "2c3e23f2e526bbef116a54f29a4b46fb742e04f1fe91cf5ef93695dbf49b7651", "steps": ["drop_constraint Weird \\"T\\".Weird \\"T\\".c'd.enum", "add_column notes.extra", "migrate notes.1 (one more)", "add_constraint Weird \\"T\\".Weird \\"T\\".c'd.enum"]}
28	2026-11-24 10:46:22.89559+00	admin_login	migrate	room	éééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééz	{"to": "ba966480ff2b6bc6fc31a724af1d95df8ff3daff843a5225f751a26b112cca54", "from": "2c3e23f2e526bbef116a54f29a4b46fb742e04f1fe91cf5ef93695dbf49b7651", "steps": ["drop_constraint Weird \\"T\\".Weird \\"T\\".c'd.enum", "add_column notes.extra", "migrate notes.1 (one more)", "add_constraint Weird \\"T\\".Weird \\"T\\".c'd.enum"]}
29	2026-11-24 10:46:22.8972+00	admin_login	migrate	room	pg_catalog	{"to": "ba966480ff2b6bc6fc31a724af1d95df8ff3daff843a5225f751a26b112cca54", "from": "2c3e23f2e526bbef116a54f29a4b46fb742e04f1fe91cf5ef93695dbf49b7651", "steps": ["drop_constraint Weird \\"T\\".Weird \\"T\\".c'd.enum", "add_column notes.extra", "migrate notes.1 (one more)", "add_constraint Weird \\"T\\".Weird \\"T\\".c'd.enum"]}
30	2026-11-24 10:46:22.898595+00	admin_login	migrate	room	public	{"to": "ba966480ff2b6bc6fc31a724af1d95df8ff3daff843a5225f751a26b112cca54", "from": "2c3e23f2e526bbef116a54f29a4b46fb742e04f1fe91cf5ef93695dbf49b7651", "steps": ["drop_constraint Weird \\"T\\".Weird \\"T\\".c'd.enum", "add_column notes.extra", "migrate notes.1 (one more)", "add_constraint Weird \\"T\\".Weird \\"T\\".c'd.enum"]}
31	2026-11-24 10:46:22.900233+00	admin_login	migrate	room	SELECT	{"to": "ba966480ff2b6bc6fc31a724af1d95df8ff3daff843a5225f751a26b112cca54", "from": "2c3e23f2e526bbef116a54f29a4b46fb742e04f1fe91cf5ef93695dbf49b7651", "steps": ["drop_constraint Weird \\"T\\".Weird \\"T\\".c'd.enum", "add_column notes.extra", "migrate notes.1 (one more)", "add_constraint Weird \\"T\\".Weird \\"T\\".c'd.enum"]}
32	2026-11-24 10:46:22.902357+00	admin_login	migrate	room	%	{"to": "ba966480ff2b6bc6fc31a724af1d95df8ff3daff843a5225f751a26b112cca54", "from": "2c3e23f2e526bbef116a54f29a4b46fb742e04f1fe91cf5ef93695dbf49b7651", "steps": ["drop_constraint Weird \\"T\\".Weird \\"T\\".c'd.enum", "add_column notes.extra", "migrate notes.1 (one more)", "add_constraint Weird \\"T\\".Weird \\"T\\".c'd.enum"]}
33	2026-11-24 10:46:22.904272+00	admin_login	migrate	room	gone	{"to": "ba966480ff2b6bc6fc31a724af1d95df8ff3daff843a5225f751a26b112cca54", "from": "2c3e23f2e526bbef116a54f29a4b46fb742e04f1fe91cf5ef93695dbf49b7651", "steps": ["drop_constraint Weird \\"T\\".Weird \\"T\\".c'd.enum", "add_column notes.extra", "migrate notes.1 (one more)", "add_constraint Weird \\"T\\".Weird \\"T\\".c'd.enum"]}
34	2026-11-24 10:46:22.908485+00	admin_login	drop	room	gone	{"id": "gone", "rows": 4, "bytes": 155648, "digest": "4719d5b1d43f050b3165dff975b5ad8c0784b22ebe74bfe9691b2550dced0098", "schema": "room:gone", "tables": [{"name": "Weird \\"T\\"", "rows": 1, "bytes": 32768}, {"name": "log", "rows": 1, "bytes": 32768}, {"name": "notes", "rows": 2, "bytes": 90112}], "namespace": "room", "dropped_at": "2026-11-24T10:46:22.904Z", "dropped_by": "admin_login"}
\.

COPY edgebase.block (namespace, kind, version, configured, applied_at) FROM stdin;
pg_x	single	c377b3a079a5cc89cb277a4d0b6c57a0c8bdacc3c4cd746dd8b696544410d0e8	t	2026-11-24 10:46:22.724139+00
public	single	7f19708e6852f9c80e5cf94a1db990a843b43bfb16ee17d84c4057f23fbbae87	t	2026-11-24 10:46:22.724139+00
app	single	62a28dab6755c3cc14f77e09f15565e066cafef37d186f365b69bb24dad552f1	t	2026-11-24 10:46:22.869902+00
room	dynamic	ba966480ff2b6bc6fc31a724af1d95df8ff3daff843a5225f751a26b112cca54	t	2026-11-24 10:46:22.869902+00
\.

COPY edgebase.block_version (version, namespace, definition, recorded_at) FROM stdin;
72e0c5eae033aaca8b17ecfeca5f34b4083c799610b943a701b5d134eb568f34	app	{"namespace":"app","kind":"single","tables":[{"name":"posts","auto":{"id":true,"createdAt":true,"updatedAt":true},"fields":[{"name":"kind","type":"string","default":"it's"},{"name":"title","type":"string","required":true,"max":80.0}],"indexes":[],"fts":[],"migrations":[]}]}	2026-11-24 10:46:22.724139+00
c377b3a079a5cc89cb277a4d0b6c57a0c8bdacc3c4cd746dd8b696544410d0e8	pg_x	{"namespace":"pg_x","kind":"single","tables":[{"name":"select","auto":{"id":true,"createdAt":true,"updatedAt":true},"fields":[{"name":"from","type":"string","unique":true}],"indexes":[],"fts":[],"migrations":[]}]}	2026-11-24 10:46:22.724139+00
2c3e23f2e526bbef116a54f29a4b46fb742e04f1fe91cf5ef93695dbf49b7651	room	{"namespace":"room","kind":"dynamic","tables":[{"name":"log","auto":{"id":true,"createdAt":true,"updatedAt":true},"fields":null,"indexes":[],"fts":[],"migrations":[]},{"name":"notes","auto":{"id":true,"createdAt":true,"updatedAt":true},"fields":[{"name":"n","type":"number"},{"name":"at","type":"datetime"},{"name":"ok","type":"boolean"},{"name":"data","type":"json"},{"name":"text","type":"string","max":300.0},{"name":"parent","type":"string","references":{"table":"notes","column":"id","onDelete":"SET NULL"}}],"indexes":[{"fields":["n"],"unique":false},{"fields":["text","n"],"unique":true}],"fts":["text"],"migrations":[]},{"name":"Weird \\"T\\"","auto":{"id":true,"createdAt":true,"updatedAt":true},"fields":[{"name":"a.b","type":"string"},{"name":"c'd","type":"string","enum":["it's"]}],"indexes":[],"fts":[],"migrations":[]}]}	2026-11-24 10:46:22.724139+00
7f19708e6852f9c80e5cf94a1db990a843b43bfb16ee17d84c4057f23fbbae87	public	{"namespace":"public","kind":"single","tables":[{"name":"t","auto":{"id":true,"createdAt":true,"updatedAt":true},"fields":[{"name":"a","type":"string"}],"indexes":[],"fts":[],"migrations":[]}]}	2026-11-24 10:46:22.724139+00
62a28dab6755c3cc14f77e09f15565e066cafef37d186f365b69bb24dad552f1	app	{"namespace":"app","kind":"single","tables":[{"name":"posts","auto":{"id":true,"createdAt":true,"updatedAt":true},"fields":[{"name":"kind","type":"string","default":"it's"},{"name":"more","type":"json"},{"name":"title","type":"string","required":true,"max":90.0}],"indexes":[],"fts":[],"migrations":[]}]}	2026-11-24 10:46:22.869902+00
ba966480ff2b6bc6fc31a724af1d95df8ff3daff843a5225f751a26b112cca54	room	{"namespace":"room","kind":"dynamic","tables":[{"name":"log","auto":{"id":true,"createdAt":true,"updatedAt":true},"fields":null,"indexes":[],"fts":[],"migrations":[]},{"name":"notes","auto":{"id":true,"createdAt":true,"updatedAt":true},"fields":[{"name":"n","type":"number"},{"name":"at","type":"datetime"},{"name":"ok","type":"boolean"},{"name":"data","type":"json"},{"name":"text","type":"string","max":300.0},{"name":"extra","type":"string","default":"new"},{"name":"parent","type":"string","references":{"table":"notes","column":"id","onDelete":"SET NULL"}}],"indexes":[{"fields":["n"],"unique":false},{"fields":["text","n"],"unique":true}],"fts":["text"],"migrations":[{"version":1,"description":"one more","up":"UPDATE notes SET n = n + 1"}]},{"name":"Weird \\"T\\"","auto":{"id":true,"createdAt":true,"updatedAt":true},"fields":[{"name":"a.b","type":"string"},{"name":"c'd","type":"string","enum":["it's","neither"]}],"indexes":[],"fts":[],"migrations":[]}]}	2026-11-24 10:46:22.869902+00
\.

COPY edgebase.instance (namespace, id, number, schema_name, version, state, created_at, migrated_at) FROM stdin;
pg_x		2	:pg_x	c377b3a079a5cc89cb277a4d0b6c57a0c8bdacc3c4cd746dd8b696544410d0e8	active	2026-11-24 10:46:22.724139+00	\N
public		3	public:	7f19708e6852f9c80e5cf94a1db990a843b43bfb16ee17d84c4057f23fbbae87	active	2026-11-24 10:46:22.724139+00	\N
room	behind	14	room:behind	2c3e23f2e526bbef116a54f29a4b46fb742e04f1fe91cf5ef93695dbf49b7651	active	2026-11-24 10:46:22.75251+00	\N
app		1	app	62a28dab6755c3cc14f77e09f15565e066cafef37d186f365b69bb24dad552f1	active	2026-11-24 10:46:22.724139+00	2026-11-24 10:46:22.869902+00
room	plain	4	room:plain	ba966480ff2b6bc6fc31a724af1d95df8ff3daff843a5225f751a26b112cca54	active	2026-11-24 10:46:22.75251+00	2026-11-24 10:46:22.885099+00
room	Mixed Case	5	room:Mixed Case	ba966480ff2b6bc6fc31a724af1d95df8ff3daff843a5225f751a26b112cca54	active	2026-11-24 10:46:22.75251+00	2026-11-24 10:46:22.885099+00
room	it's	6	room:it's	ba966480ff2b6bc6fc31a724af1d95df8ff3daff843a5225f751a26b112cca54	active	2026-11-24 10:46:22.75251+00	2026-11-24 10:46:22.885099+00
room	x"; DROP SCHEMA public; --	7	room:x"; DROP SCHEMA public; --	ba966480ff2b6bc6fc31a724af1d95df8ff3daff843a5225f751a26b112cca54	active	2026-11-24 10:46:22.75251+00	2026-11-24 10:46:22.885099+00
room	😀 Ω	8	room:😀 Ω	ba966480ff2b6bc6fc31a724af1d95df8ff3daff843a5225f751a26b112cca54	active	2026-11-24 10:46:22.75251+00	2026-11-24 10:46:22.885099+00
room	éééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééz	9	room:éééééééééééééééééééé~ef45ff78aecc7289	ba966480ff2b6bc6fc31a724af1d95df8ff3daff843a5225f751a26b112cca54	active	2026-11-24 10:46:22.75251+00	2026-11-24 10:46:22.885099+00
room	pg_catalog	10	room:pg_catalog	ba966480ff2b6bc6fc31a724af1d95df8ff3daff843a5225f751a26b112cca54	active	2026-11-24 10:46:22.75251+00	2026-11-24 10:46:22.885099+00
room	public	11	room:public	ba966480ff2b6bc6fc31a724af1d95df8ff3daff843a5225f751a26b112cca54	active	2026-11-24 10:46:22.75251+00	2026-11-24 10:46:22.885099+00
room	SELECT	12	room:SELECT	ba966480ff2b6bc6fc31a724af1d95df8ff3daff843a5225f751a26b112cca54	active	2026-11-24 10:46:22.75251+00	2026-11-24 10:46:22.885099+00
room	%	13	room:%	ba966480ff2b6bc6fc31a724af1d95df8ff3daff843a5225f751a26b112cca54	active	2026-11-24 10:46:22.75251+00	2026-11-24 10:46:22.885099+00
\.

COPY "public:".t (id, "createdAt", "updatedAt", a) FROM stdin;
me	2026-11-24 10:46:22.859+00	2026-11-24 10:46:22.859+00	public
\.

COPY "room:%"."Weird ""T""" (id, "createdAt", "updatedAt", "a.b", "c'd") FROM stdin;
me	2026-11-24 10:46:22.868+00	2026-11-24 10:46:22.868+00	dot	it's
\.

COPY "room:%".log (id, "createdAt", "updatedAt", _doc) FROM stdin;
me	2026-11-24 10:46:22.868+00	2026-11-24 10:46:22.868+00	{"any": 1}
\.

COPY "room:%".notes (id, "createdAt", "updatedAt", n, at, ok, data, text, parent, extra) FROM stdin;
me	2026-11-24 10:46:22.868+00	2026-11-24 10:46:22.868+00	2.5	2026-01-02 03:04:05.678+00	t	{"k": [1, "Ω"]}	%	\N	new
child	2026-11-24 10:46:22.868+00	2026-11-24 10:46:22.868+00	\N	\N	\N	\N	\N	me	new
\.

COPY "room:Mixed Case"."Weird ""T""" (id, "createdAt", "updatedAt", "a.b", "c'd") FROM stdin;
me	2026-11-24 10:46:22.861+00	2026-11-24 10:46:22.861+00	dot	it's
\.

COPY "room:Mixed Case".log (id, "createdAt", "updatedAt", _doc) FROM stdin;
me	2026-11-24 10:46:22.861+00	2026-11-24 10:46:22.861+00	{"any": 1}
\.

COPY "room:Mixed Case".notes (id, "createdAt", "updatedAt", n, at, ok, data, text, parent, extra) FROM stdin;
me	2026-11-24 10:46:22.861+00	2026-11-24 10:46:22.861+00	2.5	2026-01-02 03:04:05.678+00	t	{"k": [1, "Ω"]}	Mixed Case	\N	new
child	2026-11-24 10:46:22.861+00	2026-11-24 10:46:22.861+00	\N	\N	\N	\N	\N	me	new
\.

COPY "room:SELECT"."Weird ""T""" (id, "createdAt", "updatedAt", "a.b", "c'd") FROM stdin;
me	2026-11-24 10:46:22.867+00	2026-11-24 10:46:22.867+00	dot	it's
\.

COPY "room:SELECT".log (id, "createdAt", "updatedAt", _doc) FROM stdin;
me	2026-11-24 10:46:22.867+00	2026-11-24 10:46:22.867+00	{"any": 1}
\.

COPY "room:SELECT".notes (id, "createdAt", "updatedAt", n, at, ok, data, text, parent, extra) FROM stdin;
me	2026-11-24 10:46:22.867+00	2026-11-24 10:46:22.867+00	2.5	2026-01-02 03:04:05.678+00	t	{"k": [1, "Ω"]}	SELECT	\N	new
child	2026-11-24 10:46:22.867+00	2026-11-24 10:46:22.867+00	\N	\N	\N	\N	\N	me	new
\.

COPY "room:behind"."Weird ""T""" (id, "createdAt", "updatedAt", "a.b", "c'd") FROM stdin;
me	2026-11-24 10:46:22.868+00	2026-11-24 10:46:22.868+00	dot	it's
\.

COPY "room:behind".log (id, "createdAt", "updatedAt", _doc) FROM stdin;
me	2026-11-24 10:46:22.868+00	2026-11-24 10:46:22.868+00	{"any": 1}
\.

COPY "room:behind".notes (id, "createdAt", "updatedAt", n, at, ok, data, text, parent) FROM stdin;
me	2026-11-24 10:46:22.868+00	2026-11-24 10:46:22.868+00	1.5	2026-01-02 03:04:05.678+00	t	{"k": [1, "Ω"]}	behind	\N
child	2026-11-24 10:46:22.868+00	2026-11-24 10:46:22.868+00	\N	\N	\N	\N	\N	me
\.

COPY "room:it's"."Weird ""T""" (id, "createdAt", "updatedAt", "a.b", "c'd") FROM stdin;
me	2026-11-24 10:46:22.862+00	2026-11-24 10:46:22.862+00	dot	it's
\.

COPY "room:it's".log (id, "createdAt", "updatedAt", _doc) FROM stdin;
me	2026-11-24 10:46:22.862+00	2026-11-24 10:46:22.862+00	{"any": 1}
\.

COPY "room:it's".notes (id, "createdAt", "updatedAt", n, at, ok, data, text, parent, extra) FROM stdin;
me	2026-11-24 10:46:22.862+00	2026-11-24 10:46:22.862+00	2.5	2026-01-02 03:04:05.678+00	t	{"k": [1, "Ω"]}	it's	\N	new
child	2026-11-24 10:46:22.862+00	2026-11-24 10:46:22.862+00	\N	\N	\N	\N	\N	me	new
\.

COPY "room:pg_catalog"."Weird ""T""" (id, "createdAt", "updatedAt", "a.b", "c'd") FROM stdin;
me	2026-11-24 10:46:22.865+00	2026-11-24 10:46:22.865+00	dot	it's
\.

COPY "room:pg_catalog".log (id, "createdAt", "updatedAt", _doc) FROM stdin;
me	2026-11-24 10:46:22.865+00	2026-11-24 10:46:22.865+00	{"any": 1}
\.

COPY "room:pg_catalog".notes (id, "createdAt", "updatedAt", n, at, ok, data, text, parent, extra) FROM stdin;
me	2026-11-24 10:46:22.865+00	2026-11-24 10:46:22.865+00	2.5	2026-01-02 03:04:05.678+00	t	{"k": [1, "Ω"]}	pg_catalog	\N	new
child	2026-11-24 10:46:22.865+00	2026-11-24 10:46:22.865+00	\N	\N	\N	\N	\N	me	new
\.

COPY "room:plain"."Weird ""T""" (id, "createdAt", "updatedAt", "a.b", "c'd") FROM stdin;
me	2026-11-24 10:46:22.86+00	2026-11-24 10:46:22.86+00	dot	it's
\.

COPY "room:plain".log (id, "createdAt", "updatedAt", _doc) FROM stdin;
me	2026-11-24 10:46:22.86+00	2026-11-24 10:46:22.86+00	{"any": 1}
\.

COPY "room:plain".notes (id, "createdAt", "updatedAt", n, at, ok, data, text, parent, extra) FROM stdin;
me	2026-11-24 10:46:22.86+00	2026-11-24 10:46:22.86+00	2.5	2026-01-02 03:04:05.678+00	t	{"k": [1, "Ω"]}	plain	\N	new
child	2026-11-24 10:46:22.86+00	2026-11-24 10:46:22.86+00	\N	\N	\N	\N	\N	me	new
\.

COPY "room:public"."Weird ""T""" (id, "createdAt", "updatedAt", "a.b", "c'd") FROM stdin;
me	2026-11-24 10:46:22.866+00	2026-11-24 10:46:22.866+00	dot	it's
\.

COPY "room:public".log (id, "createdAt", "updatedAt", _doc) FROM stdin;
me	2026-11-24 10:46:22.866+00	2026-11-24 10:46:22.866+00	{"any": 1}
\.

COPY "room:public".notes (id, "createdAt", "updatedAt", n, at, ok, data, text, parent, extra) FROM stdin;
me	2026-11-24 10:46:22.866+00	2026-11-24 10:46:22.866+00	2.5	2026-01-02 03:04:05.678+00	t	{"k": [1, "Ω"]}	public	\N	new
child	2026-11-24 10:46:22.866+00	2026-11-24 10:46:22.866+00	\N	\N	\N	\N	\N	me	new
\.

COPY "room:x""; DROP SCHEMA public; --"."Weird ""T""" (id, "createdAt", "updatedAt", "a.b", "c'd") FROM stdin;
me	2026-11-24 10:46:22.862+00	2026-11-24 10:46:22.862+00	dot	it's
\.

COPY "room:x""; DROP SCHEMA public; --".log (id, "createdAt", "updatedAt", _doc) FROM stdin;
me	2026-11-24 10:46:22.862+00	2026-11-24 10:46:22.862+00	{"any": 1}
\.

COPY "room:x""; DROP SCHEMA public; --".notes (id, "createdAt", "updatedAt", n, at, ok, data, text, parent, extra) FROM stdin;
me	2026-11-24 10:46:22.862+00	2026-11-24 10:46:22.862+00	2.5	2026-01-02 03:04:05.678+00	t	{"k": [1, "Ω"]}	x"; DROP SCHEMA public; --	\N	new
child	2026-11-24 10:46:22.862+00	2026-11-24 10:46:22.862+00	\N	\N	\N	\N	\N	me	new
\.

COPY "room:éééééééééééééééééééé~ef45ff78aecc7289"."Weird ""T""" (id, "createdAt", "updatedAt", "a.b", "c'd") FROM stdin;
me	2026-11-24 10:46:22.864+00	2026-11-24 10:46:22.864+00	dot	it's
\.

COPY "room:éééééééééééééééééééé~ef45ff78aecc7289".log (id, "createdAt", "updatedAt", _doc) FROM stdin;
me	2026-11-24 10:46:22.864+00	2026-11-24 10:46:22.864+00	{"any": 1}
\.

COPY "room:éééééééééééééééééééé~ef45ff78aecc7289".notes (id, "createdAt", "updatedAt", n, at, ok, data, text, parent, extra) FROM stdin;
me	2026-11-24 10:46:22.864+00	2026-11-24 10:46:22.864+00	2.5	2026-01-02 03:04:05.678+00	t	{"k": [1, "Ω"]}	éééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééz	\N	new
child	2026-11-24 10:46:22.864+00	2026-11-24 10:46:22.864+00	\N	\N	\N	\N	\N	me	new
\.

COPY "room:😀 Ω"."Weird ""T""" (id, "createdAt", "updatedAt", "a.b", "c'd") FROM stdin;
me	2026-11-24 10:46:22.863+00	2026-11-24 10:46:22.863+00	dot	it's
\.

COPY "room:😀 Ω".log (id, "createdAt", "updatedAt", _doc) FROM stdin;
me	2026-11-24 10:46:22.863+00	2026-11-24 10:46:22.863+00	{"any": 1}
\.

COPY "room:😀 Ω".notes (id, "createdAt", "updatedAt", n, at, ok, data, text, parent, extra) FROM stdin;
me	2026-11-24 10:46:22.863+00	2026-11-24 10:46:22.863+00	2.5	2026-01-02 03:04:05.678+00	t	{"k": [1, "Ω"]}	😀 Ω	\N	new
child	2026-11-24 10:46:22.863+00	2026-11-24 10:46:22.863+00	\N	\N	\N	\N	\N	me	new
\.

SELECT pg_catalog.setval('edgebase.audit_log_seq_seq', 34, true);

SELECT pg_catalog.setval('edgebase.instance_number', 15, true);

ALTER TABLE ONLY ":pg_x"."select"
    ADD CONSTRAINT "select.from.key" UNIQUE ("from");

ALTER TABLE ONLY ":pg_x"."select"
    ADD CONSTRAINT "select.pkey" PRIMARY KEY (id);

ALTER TABLE ONLY app.posts
    ADD CONSTRAINT "posts.pkey" PRIMARY KEY (id);

ALTER TABLE ONLY "public:".t
    ADD CONSTRAINT "t.pkey" PRIMARY KEY (id);

ALTER TABLE ONLY "room:%"."Weird ""T"""
    ADD CONSTRAINT "Weird ""T"".pkey" PRIMARY KEY (id);

ALTER TABLE ONLY "room:%".log
    ADD CONSTRAINT "log.pkey" PRIMARY KEY (id);

ALTER TABLE ONLY "room:%".notes
    ADD CONSTRAINT "notes.pkey" PRIMARY KEY (id);

ALTER TABLE ONLY "room:Mixed Case"."Weird ""T"""
    ADD CONSTRAINT "Weird ""T"".pkey" PRIMARY KEY (id);

ALTER TABLE ONLY "room:Mixed Case".log
    ADD CONSTRAINT "log.pkey" PRIMARY KEY (id);

ALTER TABLE ONLY "room:Mixed Case".notes
    ADD CONSTRAINT "notes.pkey" PRIMARY KEY (id);

ALTER TABLE ONLY "room:SELECT"."Weird ""T"""
    ADD CONSTRAINT "Weird ""T"".pkey" PRIMARY KEY (id);

ALTER TABLE ONLY "room:SELECT".log
    ADD CONSTRAINT "log.pkey" PRIMARY KEY (id);

ALTER TABLE ONLY "room:SELECT".notes
    ADD CONSTRAINT "notes.pkey" PRIMARY KEY (id);

ALTER TABLE ONLY "room:behind"."Weird ""T"""
    ADD CONSTRAINT "Weird ""T"".pkey" PRIMARY KEY (id);

ALTER TABLE ONLY "room:behind".log
    ADD CONSTRAINT "log.pkey" PRIMARY KEY (id);

ALTER TABLE ONLY "room:behind".notes
    ADD CONSTRAINT "notes.pkey" PRIMARY KEY (id);

ALTER TABLE ONLY "room:it's"."Weird ""T"""
    ADD CONSTRAINT "Weird ""T"".pkey" PRIMARY KEY (id);

ALTER TABLE ONLY "room:it's".log
    ADD CONSTRAINT "log.pkey" PRIMARY KEY (id);

ALTER TABLE ONLY "room:it's".notes
    ADD CONSTRAINT "notes.pkey" PRIMARY KEY (id);

ALTER TABLE ONLY "room:pg_catalog"."Weird ""T"""
    ADD CONSTRAINT "Weird ""T"".pkey" PRIMARY KEY (id);

ALTER TABLE ONLY "room:pg_catalog".log
    ADD CONSTRAINT "log.pkey" PRIMARY KEY (id);

ALTER TABLE ONLY "room:pg_catalog".notes
    ADD CONSTRAINT "notes.pkey" PRIMARY KEY (id);

ALTER TABLE ONLY "room:plain"."Weird ""T"""
    ADD CONSTRAINT "Weird ""T"".pkey" PRIMARY KEY (id);

ALTER TABLE ONLY "room:plain".log
    ADD CONSTRAINT "log.pkey" PRIMARY KEY (id);

ALTER TABLE ONLY "room:plain".notes
    ADD CONSTRAINT "notes.pkey" PRIMARY KEY (id);

ALTER TABLE ONLY "room:public"."Weird ""T"""
    ADD CONSTRAINT "Weird ""T"".pkey" PRIMARY KEY (id);

ALTER TABLE ONLY "room:public".log
    ADD CONSTRAINT "log.pkey" PRIMARY KEY (id);

ALTER TABLE ONLY "room:public".notes
    ADD CONSTRAINT "notes.pkey" PRIMARY KEY (id);

ALTER TABLE ONLY "room:x""; DROP SCHEMA public; --"."Weird ""T"""
    ADD CONSTRAINT "Weird ""T"".pkey" PRIMARY KEY (id);

ALTER TABLE ONLY "room:x""; DROP SCHEMA public; --".log
    ADD CONSTRAINT "log.pkey" PRIMARY KEY (id);

ALTER TABLE ONLY "room:x""; DROP SCHEMA public; --".notes
    ADD CONSTRAINT "notes.pkey" PRIMARY KEY (id);

ALTER TABLE ONLY "room:éééééééééééééééééééé~ef45ff78aecc7289"."Weird ""T"""
    ADD CONSTRAINT "Weird ""T"".pkey" PRIMARY KEY (id);

ALTER TABLE ONLY "room:éééééééééééééééééééé~ef45ff78aecc7289".log
    ADD CONSTRAINT "log.pkey" PRIMARY KEY (id);

ALTER TABLE ONLY "room:éééééééééééééééééééé~ef45ff78aecc7289".notes
    ADD CONSTRAINT "notes.pkey" PRIMARY KEY (id);

ALTER TABLE ONLY "room:😀 Ω"."Weird ""T"""
    ADD CONSTRAINT "Weird ""T"".pkey" PRIMARY KEY (id);

ALTER TABLE ONLY "room:😀 Ω".log
    ADD CONSTRAINT "log.pkey" PRIMARY KEY (id);

ALTER TABLE ONLY "room:😀 Ω".notes
    ADD CONSTRAINT "notes.pkey" PRIMARY KEY (id);

CREATE INDEX "notes.fts" ON "room:%".notes USING gin (to_tsvector('simple'::regconfig, COALESCE(text, ''::text)));

CREATE INDEX "notes.n.idx" ON "room:%".notes USING btree (n);

CREATE UNIQUE INDEX "notes.text.n.uidx" ON "room:%".notes USING btree (text, n);

CREATE INDEX "notes.fts" ON "room:Mixed Case".notes USING gin (to_tsvector('simple'::regconfig, COALESCE(text, ''::text)));

CREATE INDEX "notes.n.idx" ON "room:Mixed Case".notes USING btree (n);

CREATE UNIQUE INDEX "notes.text.n.uidx" ON "room:Mixed Case".notes USING btree (text, n);

CREATE INDEX "notes.fts" ON "room:SELECT".notes USING gin (to_tsvector('simple'::regconfig, COALESCE(text, ''::text)));

CREATE INDEX "notes.n.idx" ON "room:SELECT".notes USING btree (n);

CREATE UNIQUE INDEX "notes.text.n.uidx" ON "room:SELECT".notes USING btree (text, n);

CREATE INDEX "notes.fts" ON "room:behind".notes USING gin (to_tsvector('simple'::regconfig, COALESCE(text, ''::text)));

CREATE INDEX "notes.n.idx" ON "room:behind".notes USING btree (n);

CREATE UNIQUE INDEX "notes.text.n.uidx" ON "room:behind".notes USING btree (text, n);

CREATE INDEX "notes.fts" ON "room:it's".notes USING gin (to_tsvector('simple'::regconfig, COALESCE(text, ''::text)));

CREATE INDEX "notes.n.idx" ON "room:it's".notes USING btree (n);

CREATE UNIQUE INDEX "notes.text.n.uidx" ON "room:it's".notes USING btree (text, n);

CREATE INDEX "notes.fts" ON "room:pg_catalog".notes USING gin (to_tsvector('simple'::regconfig, COALESCE(text, ''::text)));

CREATE INDEX "notes.n.idx" ON "room:pg_catalog".notes USING btree (n);

CREATE UNIQUE INDEX "notes.text.n.uidx" ON "room:pg_catalog".notes USING btree (text, n);

CREATE INDEX "notes.fts" ON "room:plain".notes USING gin (to_tsvector('simple'::regconfig, COALESCE(text, ''::text)));

CREATE INDEX "notes.n.idx" ON "room:plain".notes USING btree (n);

CREATE UNIQUE INDEX "notes.text.n.uidx" ON "room:plain".notes USING btree (text, n);

CREATE INDEX "notes.fts" ON "room:public".notes USING gin (to_tsvector('simple'::regconfig, COALESCE(text, ''::text)));

CREATE INDEX "notes.n.idx" ON "room:public".notes USING btree (n);

CREATE UNIQUE INDEX "notes.text.n.uidx" ON "room:public".notes USING btree (text, n);

CREATE INDEX "notes.fts" ON "room:x""; DROP SCHEMA public; --".notes USING gin (to_tsvector('simple'::regconfig, COALESCE(text, ''::text)));

CREATE INDEX "notes.n.idx" ON "room:x""; DROP SCHEMA public; --".notes USING btree (n);

CREATE UNIQUE INDEX "notes.text.n.uidx" ON "room:x""; DROP SCHEMA public; --".notes USING btree (text, n);

CREATE INDEX "notes.fts" ON "room:éééééééééééééééééééé~ef45ff78aecc7289".notes USING gin (to_tsvector('simple'::regconfig, COALESCE(text, ''::text)));

CREATE INDEX "notes.n.idx" ON "room:éééééééééééééééééééé~ef45ff78aecc7289".notes USING btree (n);

CREATE UNIQUE INDEX "notes.text.n.uidx" ON "room:éééééééééééééééééééé~ef45ff78aecc7289".notes USING btree (text, n);

CREATE INDEX "notes.fts" ON "room:😀 Ω".notes USING gin (to_tsvector('simple'::regconfig, COALESCE(text, ''::text)));

CREATE INDEX "notes.n.idx" ON "room:😀 Ω".notes USING btree (n);

CREATE UNIQUE INDEX "notes.text.n.uidx" ON "room:😀 Ω".notes USING btree (text, n);

ALTER TABLE ONLY "room:%".notes
    ADD CONSTRAINT "notes.parent.fkey" FOREIGN KEY (parent) REFERENCES "room:%".notes(id) ON DELETE SET NULL;

ALTER TABLE ONLY "room:Mixed Case".notes
    ADD CONSTRAINT "notes.parent.fkey" FOREIGN KEY (parent) REFERENCES "room:Mixed Case".notes(id) ON DELETE SET NULL;

ALTER TABLE ONLY "room:SELECT".notes
    ADD CONSTRAINT "notes.parent.fkey" FOREIGN KEY (parent) REFERENCES "room:SELECT".notes(id) ON DELETE SET NULL;

ALTER TABLE ONLY "room:behind".notes
    ADD CONSTRAINT "notes.parent.fkey" FOREIGN KEY (parent) REFERENCES "room:behind".notes(id) ON DELETE SET NULL;

ALTER TABLE ONLY "room:it's".notes
    ADD CONSTRAINT "notes.parent.fkey" FOREIGN KEY (parent) REFERENCES "room:it's".notes(id) ON DELETE SET NULL;

ALTER TABLE ONLY "room:pg_catalog".notes
    ADD CONSTRAINT "notes.parent.fkey" FOREIGN KEY (parent) REFERENCES "room:pg_catalog".notes(id) ON DELETE SET NULL;

ALTER TABLE ONLY "room:plain".notes
    ADD CONSTRAINT "notes.parent.fkey" FOREIGN KEY (parent) REFERENCES "room:plain".notes(id) ON DELETE SET NULL;

ALTER TABLE ONLY "room:public".notes
    ADD CONSTRAINT "notes.parent.fkey" FOREIGN KEY (parent) REFERENCES "room:public".notes(id) ON DELETE SET NULL;

ALTER TABLE ONLY "room:x""; DROP SCHEMA public; --".notes
    ADD CONSTRAINT "notes.parent.fkey" FOREIGN KEY (parent) REFERENCES "room:x""; DROP SCHEMA public; --".notes(id) ON DELETE SET NULL;

ALTER TABLE ONLY "room:éééééééééééééééééééé~ef45ff78aecc7289".notes
    ADD CONSTRAINT "notes.parent.fkey" FOREIGN KEY (parent) REFERENCES "room:éééééééééééééééééééé~ef45ff78aecc7289".notes(id) ON DELETE SET NULL;

ALTER TABLE ONLY "room:😀 Ω".notes
    ADD CONSTRAINT "notes.parent.fkey" FOREIGN KEY (parent) REFERENCES "room:😀 Ω".notes(id) ON DELETE SET NULL;

GRANT USAGE ON SCHEMA ":pg_x" TO @eb@2;
GRANT USAGE ON SCHEMA ":pg_x" TO edgebase_analyst;

GRANT USAGE ON SCHEMA app TO @eb@1;
GRANT USAGE ON SCHEMA app TO edgebase_analyst;

GRANT USAGE ON SCHEMA "public:" TO @eb@3;
GRANT USAGE ON SCHEMA "public:" TO edgebase_analyst;

GRANT USAGE ON SCHEMA "room:%" TO @eb@13;

GRANT USAGE ON SCHEMA "room:Mixed Case" TO @eb@5;

GRANT USAGE ON SCHEMA "room:SELECT" TO @eb@12;

GRANT USAGE ON SCHEMA "room:behind" TO @eb@14;

GRANT USAGE ON SCHEMA "room:it's" TO @eb@6;

GRANT USAGE ON SCHEMA "room:pg_catalog" TO @eb@10;

GRANT USAGE ON SCHEMA "room:plain" TO @eb@4;

GRANT USAGE ON SCHEMA "room:public" TO @eb@11;

GRANT USAGE ON SCHEMA "room:x""; DROP SCHEMA public; --" TO @eb@7;

GRANT USAGE ON SCHEMA "room:éééééééééééééééééééé~ef45ff78aecc7289" TO @eb@9;

GRANT USAGE ON SCHEMA "room:😀 Ω" TO @eb@8;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE ":pg_x"."select" TO @eb@2;
GRANT SELECT ON TABLE ":pg_x"."select" TO edgebase_analyst;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.posts TO @eb@1;
GRANT SELECT ON TABLE app.posts TO edgebase_analyst;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE "public:".t TO @eb@3;
GRANT SELECT ON TABLE "public:".t TO edgebase_analyst;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE "room:%"."Weird ""T""" TO @eb@13;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE "room:%".log TO @eb@13;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE "room:%".notes TO @eb@13;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE "room:Mixed Case"."Weird ""T""" TO @eb@5;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE "room:Mixed Case".log TO @eb@5;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE "room:Mixed Case".notes TO @eb@5;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE "room:SELECT"."Weird ""T""" TO @eb@12;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE "room:SELECT".log TO @eb@12;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE "room:SELECT".notes TO @eb@12;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE "room:behind"."Weird ""T""" TO @eb@14;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE "room:behind".log TO @eb@14;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE "room:behind".notes TO @eb@14;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE "room:it's"."Weird ""T""" TO @eb@6;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE "room:it's".log TO @eb@6;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE "room:it's".notes TO @eb@6;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE "room:pg_catalog"."Weird ""T""" TO @eb@10;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE "room:pg_catalog".log TO @eb@10;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE "room:pg_catalog".notes TO @eb@10;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE "room:plain"."Weird ""T""" TO @eb@4;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE "room:plain".log TO @eb@4;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE "room:plain".notes TO @eb@4;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE "room:public"."Weird ""T""" TO @eb@11;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE "room:public".log TO @eb@11;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE "room:public".notes TO @eb@11;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE "room:x""; DROP SCHEMA public; --"."Weird ""T""" TO @eb@7;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE "room:x""; DROP SCHEMA public; --".log TO @eb@7;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE "room:x""; DROP SCHEMA public; --".notes TO @eb@7;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE "room:éééééééééééééééééééé~ef45ff78aecc7289"."Weird ""T""" TO @eb@9;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE "room:éééééééééééééééééééé~ef45ff78aecc7289".log TO @eb@9;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE "room:éééééééééééééééééééé~ef45ff78aecc7289".notes TO @eb@9;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE "room:😀 Ω"."Weird ""T""" TO @eb@8;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE "room:😀 Ω".log TO @eb@8;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE "room:😀 Ω".notes TO @eb@8;

