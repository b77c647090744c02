-- run: login=postgres
-- Does a query over a relation give what it gives over the UNION ALL of all instances' tables? Some
-- hundred conditions and pairs of them, with every shape of query around them, over awkward values.

SELECT count(*) FROM edgebase.apply_config('{"databases": {"diff": {"instance": true, "tables": {
    "t": {"schema": {"s": "string", "n": "number", "b": "boolean", "d": "datetime", "j": "json", "long": "text",
                     "Mixed Case": "string", "sp\"ecial": "number", "instance_id": "string"},
          "indexes": [{"fields": ["n"]}, {"fields": ["s", "n"]}, {"fields": ["d"]}]},
    "free": {}}}}}') \g /dev/null
CREATE TEMP TABLE tenant (id text COLLATE "C", rows int);
INSERT INTO tenant VALUES ('a', 40), ('Z', 7), ('Mixed Case', 5), ('sp"ecial', 5), ('😀', 9), ('o''brien', 3), ('%', 4),
    ('back\slash', 2), (repeat('é', 127), 4), ('large', 1500), ('empty', 0), ('pg_catalog', 1);
SELECT edgebase.create_instance('diff', id) FROM tenant \g /dev/null
DO $$
DECLARE r record; home text; branches text[]; free text[]; list text;
BEGIN
    -- In the relation's order, which is that in which jsonb keeps the config's keys.
    SELECT string_agg(CASE attname WHEN 'instance_id:' THEN 'instance_id AS "instance_id:"' ELSE quote_ident(attname) END, ', ' ORDER BY attnum)
    INTO list FROM pg_attribute WHERE attrelid = 'diff.t'::regclass AND attnum > 1;
    FOR r IN SELECT * FROM tenant LOOP
        home := edgebase.locate('diff', r.id);
        EXECUTE format($q$
            INSERT INTO %I.t (id, "createdAt", "updatedAt", s, n, b, d, j, long, "Mixed Case", "sp""ecial", instance_id)
            SELECT 'r' || g, '2026-01-01', timestamptz '2026-01-01' + g * interval '1 hour 0.123s',
                (ARRAY['open', 'Open', '', NULL, '😀', 'ünï', 'a%%b', E'tab\t', 'it''s'])[1 + g %% 9],
                (ARRAY[0, '-0', 1.5, 'NaN', 'Infinity', '-Infinity', NULL, 1e300, g, -g])[1 + (g * 7) %% 10]::float8,
                (ARRAY[true, false, NULL])[1 + g %% 3],
                CASE WHEN g %% 5 <> 0 THEN timestamptz '2024-02-29 23:59:59.999' + (g %% 400) * interval '1 day' END,
                CASE g %% 4 WHEN 0 THEN NULL WHEN 1 THEN jsonb_build_object('k', g, 'e', '😀') WHEN 2 THEN 'null' ELSE jsonb_build_array(g, 1.0) END,
                CASE WHEN g %% 11 = 0 THEN (SELECT string_agg(md5((g * 1000 + i)::text), '') FROM generate_series(1, 400) i) ELSE 'short ' || g END,
                'M' || g %% 2, g %% 6, 'not the tenant ' || g %% 3
            FROM generate_series(1, %s) g$q$, home, r.rows);
        EXECUTE format($q$INSERT INTO %I.free (id, _doc) SELECT 'f' || g, jsonb_build_object('n', g, 'tag', '😀') FROM generate_series(1, %s) g$q$, home, least(r.rows, 20));
        EXECUTE format('ANALYZE %I.t', home);
        branches := branches || format('SELECT %L::text COLLATE "C" AS instance_id, %s FROM %I.t', r.id, list, home);
        free := free || format('SELECT %L::text COLLATE "C" AS instance_id, id, "createdAt", "updatedAt", _doc FROM %I.free', r.id, home);
    END LOOP;
    EXECUTE 'CREATE TEMP VIEW every AS ' || array_to_string(branches, ' UNION ALL ');
    EXECUTE 'CREATE TEMP VIEW every_free AS ' || array_to_string(free, ' UNION ALL ');
END$$;

-- The rows that only one of the two gives, and the plan of the one over the relation.
CREATE FUNCTION pg_temp.differing(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE one text := replace(replace(query, '{free}', 'diff.free'), '{}', 'diff.t');
        all_ text := replace(replace(query, '{free}', 'every_free'), '{}', 'every'); n bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM ((SELECT q::text FROM (%1$s) q EXCEPT ALL SELECT q::text FROM (%2$s) q)
        UNION ALL (SELECT q::text FROM (%2$s) q EXCEPT ALL SELECT q::text FROM (%1$s) q)) d', one, all_) INTO n;
    RETURN n;
END$$;
CREATE FUNCTION pg_temp.plan(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE line text; whole text := '';
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (ANALYZE, TIMING off, SUMMARY off) ' || replace(replace(query, '{free}', 'diff.free'), '{}', 'diff.t') LOOP
        whole := whole || line || E'\n';
    END LOOP;
    RETURN whole;
END$$;

CREATE TEMP TABLE condition (i serial, sql text);
INSERT INTO condition (sql) VALUES
    ('instance_id = ''a'''), ('instance_id = ''nobody'''), ('''large'' = instance_id'), ('instance_id = NULL'),
    ('instance_id IN (''a'', ''😀'', ''nobody'', ''a'')'), ('instance_id = ANY (ARRAY[''large'', NULL, ''%''])'), ('instance_id = ANY (NULL::text[])'),
    ('instance_id = repeat(''é'', 127)'), ('instance_id <> ''large'''), ('instance_id LIKE ''%a%'''), ('instance_id > ''M'''), ('instance_id BETWEEN ''A'' AND ''b'''),
    ('length(instance_id) = 1'), ('instance_id NOT IN (''a'', ''large'')'), ('instance_id IS NOT NULL'), ('instance_id IS NULL'),
    ('instance_id::varchar = ''a'''), ('instance_id = ''a''::name'), ('instance_id COLLATE "POSIX" = ''a'''), ('instance_id || '''' = ''a'''),
    ('instance_id = (SELECT ''large'')'), ('instance_id IN (SELECT id FROM tenant WHERE rows < 6)'), ('NOT instance_id = ''large'''),
    ('id = ''r7'''), ('id IN (''r7'', ''r1499'', ''nobody'')'), ('id > ''r1490'' AND id < ''r2'''), ('''r40'' = id'), ('id = s'),
    ('s = ''open'''), ('s = ''OPEN'''), ('s IS NULL'), ('s = ''😀'''), ('s = '''''), ('s < ''b'''), ('s > ''a'' AND s <= ''open'''), ('s COLLATE "POSIX" = ''open'''), ('s LIKE ''%'' || chr(37) || ''%'''), ('s ~ ''^o'''), ('lower(s) = ''open'''),
    ('n = 0'), ('n = ''-0'''), ('n = ''NaN'''), ('n > 1e299'), ('n < 0'), ('n >= 1 AND n < 20'), ('n BETWEEN 5 AND 9'), ('n = 1498'), ('n IN (1498, 9, ''-0'')'), ('n = ANY (ARRAY[8, NULL, 18]::float8[])'), ('n IS NOT NULL'), ('n = 8::int'), ('-n = 9'), ('n <> 0'),
    ('s = ''open'' AND n > 0'), ('s = ''it''''s'' AND n BETWEEN 0 AND 100'), ('s = ''open'' AND n = ANY (''{0,1.5}'')'), ('n > 5 AND n > 8 AND n < 30'), ('n = 5 AND n = 6'),
    ('b'), ('NOT b'), ('b IS NULL'), ('b = true'),
    ('d = ''2024-03-01 23:59:59.999+00'''), ('d >= ''2025-01-01'' AND d < ''2025-01-15'''), ('d::date = ''2024-03-01'''), ('d < ''2024-03-05''::date'), ('d > now()'), ('d IS NULL'),
    ('j @> ''{"e": "😀"}'''), ('j = ''null'''), ('j ->> ''k'' = ''5'''), ('j IS NULL'), ('j < ''[]'''),
    ('long LIKE ''%e%'''), ('length(long) > 1000'), ('md5(long) < ''8'''), ('long = ''short 12'''),
    ('"Mixed Case" = ''M1'''), ('"sp""ecial" = 3'), ('"instance_id:" = ''not the tenant 1'''), ('"instance_id:" <> instance_id'), ('"createdAt" = ''2026-01-01'''), ('"updatedAt" < ''2026-01-02'''),
    ('true'), ('false'), ('n > random() * 0 - 1'), ('s = current_setting(''datestyle'')'), ('t.* IS NOT NULL'), ('t IS DISTINCT FROM NULL'), ('coalesce(s, ''x'') = ''x''');

CREATE TEMP TABLE shape (i serial, sql text);
INSERT INTO shape (sql) VALUES
    ('SELECT * FROM {} t WHERE $'), ('SELECT count(*) FROM {} t WHERE $'), ('SELECT t FROM {} t WHERE $'), ('SELECT id, long FROM {} t WHERE $'),
    ('SELECT instance_id, sum(n), count(b), max(s), min(d) FROM {} t WHERE $ GROUP BY instance_id'), ('SELECT s, b, count(*) FROM {} t WHERE $ GROUP BY CUBE (s, b)'),
    ('SELECT DISTINCT s, n FROM {} t WHERE $'), ('SELECT id FROM {} t WHERE $ ORDER BY instance_id, long, id LIMIT 20 OFFSET 3'),
    ('SELECT instance_id, id, row_number() OVER (PARTITION BY instance_id ORDER BY n, id) FROM {} t WHERE $'),
    ('SELECT to_jsonb(t) FROM {} t WHERE $'), ('SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY "sp""ecial") FROM {} t WHERE $'),
    ('SELECT DISTINCT ON (instance_id) instance_id, id, s FROM {} t WHERE $ ORDER BY instance_id, id DESC'),
    ('SELECT 1 FROM {} t WHERE $ HAVING count(*) > 3'), ('WITH x AS MATERIALIZED (SELECT * FROM {} t WHERE $) SELECT a.id, b.n FROM x a JOIN x b USING (instance_id, id)'),
    ('SELECT count(*) FILTER (WHERE n > 0), string_agg(DISTINCT s, ''|'') FROM {} t WHERE $'), ('SELECT array_agg(x.id) FROM (SELECT * FROM {} t WHERE $ ORDER BY instance_id, id) x');

CREATE TEMP TABLE result (query text, differing bigint);
\set attack 'every condition with shapes of query around it gives what UNION ALL gives'
\set expect 00000
BEGIN;
INSERT INTO result SELECT q, pg_temp.differing(q) FROM (
    SELECT replace(shape.sql, '$', condition.sql) AS q FROM condition, shape WHERE (condition.i * 7 + shape.i) % 4 = 0) AS x;
SELECT format('%s rows differ: %s', differing, query) FROM result WHERE differing <> 0 LIMIT 5;
SELECT 1 / (count(*) FILTER (WHERE differing <> 0) = 0 AND count(*) > 300)::int FROM result \g /dev/null
\ir ../lib/verdict.sql

\set attack 'pairs of conditions give what UNION ALL gives'
\set expect 00000
BEGIN;
INSERT INTO result SELECT q, pg_temp.differing(q) FROM (
    SELECT format('SELECT * FROM {} t WHERE (%s) %s (%s)', a.sql, word, b.sql) AS q
    FROM condition a, condition b, unnest(ARRAY['AND', 'OR', 'AND NOT']) WITH ORDINALITY AS w(word, k)
    WHERE (a.i * 13 + b.i * 5 + k) % 97 = 0) AS x;
SELECT format('%s rows differ: %s', differing, query) FROM result WHERE differing <> 0 LIMIT 5;
SELECT 1 / (count(*) FILTER (WHERE differing <> 0) = 0 AND count(*) > 200)::int FROM result \g /dev/null
\ir ../lib/verdict.sql

CREATE TEMP TABLE joined (query text);
INSERT INTO joined VALUES
    ('SELECT * FROM {} t JOIN (VALUES (''a''), (''😀''), (NULL), (''a'')) v(x) ON t.instance_id = v.x'),
    ('SELECT t.id, v.id FROM tenant v JOIN {} t ON t.instance_id = v.id AND t.n > v.rows'),
    ('SELECT v.id, t.id FROM tenant v LEFT JOIN {} t ON t.instance_id = v.id AND t.s = ''open'' WHERE v.rows < 10'),
    ('SELECT t.* FROM tenant v RIGHT JOIN {} t ON t.instance_id = v.id WHERE v.rows < 5'),
    ('SELECT coalesce(t.instance_id, v.id) FROM tenant v FULL JOIN {} t ON t.instance_id = v.id'),
    ('SELECT * FROM {} t WHERE EXISTS (SELECT FROM tenant v WHERE v.id = t.instance_id AND v.rows < 8)'),
    ('SELECT * FROM {} t WHERE NOT EXISTS (SELECT FROM tenant v WHERE v.id = t.instance_id AND v.rows < 1500)'),
    ('SELECT * FROM {} t WHERE instance_id NOT IN (SELECT id FROM tenant WHERE rows > 4)'),
    ('SELECT v.id, (SELECT count(*) FROM {} t WHERE t.instance_id = v.id) FROM tenant v'),
    ('SELECT v.id, x.* FROM tenant v, LATERAL (SELECT id AS k, n FROM {} t WHERE t.instance_id = v.id ORDER BY id LIMIT 2) x'),
    ('SELECT v.id, x.* FROM tenant v, LATERAL (SELECT sum(n) FROM {} t WHERE t.instance_id > v.id AND t.n > v.rows AND n < 1e9) x'),
    ('SELECT v.id, x.* FROM tenant v LEFT JOIN LATERAL (SELECT max(s) FROM {} t WHERE t.instance_id = ANY (ARRAY[v.id, ''a''])) x ON true'),
    ('SELECT a.id, b.id FROM {} a JOIN {} b ON a.instance_id = b.instance_id AND a.id = b.id WHERE a.n = 0'),
    ('SELECT a.instance_id, b.instance_id FROM {} a JOIN {} b ON a.id = b.id WHERE a.instance_id = ''sp"ecial'' AND b.instance_id <> a.instance_id'),
    ('SELECT a.instance_id, f._doc FROM {} a JOIN {free} f USING (instance_id) WHERE a.id = ''r1'' AND f.id = ''f1'''),
    ('SELECT * FROM {free} WHERE _doc @> ''{"n": 3}'''),
    ('SELECT instance_id, count(*) FROM {free} GROUP BY 1'),
    ('SELECT instance_id FROM {} UNION SELECT instance_id FROM {free}'),
    ('SELECT instance_id FROM {free} EXCEPT SELECT instance_id FROM {} WHERE n < 0'),
    ('SELECT t.instance_id FROM {} t GROUP BY 1 ORDER BY 1 DESC LIMIT 3'),
    ('SELECT min(instance_id), max(instance_id) FROM {}'),
    ('SELECT sum(x.c) FROM (SELECT instance_id, count(*) AS c FROM {} GROUP BY 1) x JOIN tenant v ON v.id = x.instance_id AND v.rows = x.c'),
    ('SELECT (SELECT array_agg(id ORDER BY instance_id, id) FROM {} t WHERE t.n = (SELECT max(n) FROM {} u WHERE u.instance_id = ''large'' AND n < 1e299))');

\set attack 'joins and subqueries give what UNION ALL gives, however they are joined'
\set expect 00000
BEGIN;
INSERT INTO result SELECT query, pg_temp.differing(query) FROM joined;
SET LOCAL enable_hashjoin = off;
SET LOCAL enable_material = off;
INSERT INTO result SELECT query, pg_temp.differing(query) FROM joined;
SET LOCAL enable_nestloop = off;
SET LOCAL enable_hashagg = off;
INSERT INTO result SELECT query, pg_temp.differing(query) FROM joined;
SELECT format('%s rows differ: %s', differing, query) FROM result WHERE differing <> 0 LIMIT 5;
SELECT 1 / (count(*) FILTER (WHERE differing <> 0) = 0 AND count(*) > 60)::int FROM result \g /dev/null
\ir ../lib/verdict.sql

\set attack 'prepared statements give what UNION ALL gives, with one plan for all values and with one for each'
\set expect 00000
PREPARE one (text, float8, text[]) AS SELECT * FROM diff.t WHERE instance_id = $1 AND n > $2 AND s <> ALL ($3);
PREPARE other (text, float8, text[]) AS SELECT * FROM every WHERE instance_id = $1 AND n > $2 AND s <> ALL ($3);
PREPARE many (text[], float8) AS SELECT * FROM diff.t WHERE instance_id = ANY ($1) AND n BETWEEN $2 AND $2 + 3;
PREPARE many_other (text[], float8) AS SELECT * FROM every WHERE instance_id = ANY ($1) AND n BETWEEN $2 AND $2 + 3;
CREATE FUNCTION pg_temp.prepared(mode text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE id text; low float8; wrong bigint := 0; seen bigint := 0; n bigint;
BEGIN
    PERFORM set_config('plan_cache_mode', mode, true);
    FOREACH id IN ARRAY ARRAY['a', 'large', '😀', 'nobody', 'sp"ecial', NULL] LOOP
        FOREACH low IN ARRAY ARRAY[0, 5, 'NaN', '-Infinity', NULL]::float8[] LOOP
            EXECUTE format('CREATE TEMP TABLE x1 AS EXECUTE one(%L, %L, %L)', id, low, ARRAY['open', '']);
            EXECUTE format('CREATE TEMP TABLE x2 AS EXECUTE other(%L, %L, %L)', id, low, ARRAY['open', '']);
            EXECUTE format('CREATE TEMP TABLE x3 AS EXECUTE many(%L, %L)', ARRAY[id, 'Z', 'large'], low);
            EXECUTE format('CREATE TEMP TABLE x4 AS EXECUTE many_other(%L, %L)', ARRAY[id, 'Z', 'large'], low);
            INSERT INTO x1 SELECT * FROM x3;
            INSERT INTO x2 SELECT * FROM x4;
            SELECT count(*) INTO n FROM ((SELECT x1::text FROM x1 EXCEPT ALL SELECT x2::text FROM x2) UNION ALL (SELECT x2::text FROM x2 EXCEPT ALL SELECT x1::text FROM x1)) d;
            wrong := wrong + n;
            SELECT seen + count(*) INTO seen FROM x1;
            DROP TABLE x1, x2, x3, x4;
        END LOOP;
    END LOOP;
    RETURN CASE WHEN seen > 1000 THEN wrong ELSE -1 END;
END$$;
BEGIN;
SELECT 1 / (pg_temp.prepared('force_generic_plan') = 0 AND pg_temp.prepared('force_custom_plan') = 0)::int \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a cursor goes forth and back over the rows that UNION ALL gives'
\set expect 00000
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT instance_id, id, long FROM diff.t WHERE n > 0;
MOVE FORWARD 400 IN c;
MOVE BACKWARD 200 IN c;
FETCH FORWARD 1 FROM c \gset at_
MOVE ABSOLUTE 201 IN c;
FETCH RELATIVE 0 FROM c \gset again_
SELECT 1 / (:'at_id' = :'again_id' AND :'at_instance_id' = :'again_instance_id')::int \g /dev/null
SELECT 1 / (count(*) = 1)::int FROM every WHERE instance_id = :'at_instance_id' AND id = :'at_id' AND long = :'at_long' \g /dev/null
\ir ../lib/verdict.sql

\set attack 'rows come in the order of instance_id without a sort, and LIMIT ends the scan'
\set expect 00000
BEGIN;
SELECT 1 / (p !~ 'Sort' AND p ~ 'Instances: 12\M' AND p ~ 'Instances Read: 2\M')::int FROM pg_temp.plan('SELECT * FROM {} ORDER BY instance_id LIMIT 8') p \g /dev/null
SELECT 1 / (array_agg(instance_id) = array_agg(instance_id ORDER BY instance_id))::int FROM (SELECT instance_id FROM diff.t ORDER BY instance_id) x \g /dev/null
\ir ../lib/verdict.sql

CREATE TEMP TABLE pushed (query text, expected text);
INSERT INTO pushed VALUES
    ('SELECT * FROM {} WHERE instance_id = ''a''', 'Instances: 1\n.*Pushed Down: \(instance_id = ''a''::text\)\n.*Instances Read: 1\n'),
    ('SELECT * FROM {} WHERE instance_id IN (''a'', ''large'', ''nobody'')', 'Instances: 2\n.*Instances Read: 2\n'),
    ('SELECT * FROM {} WHERE instance_id LIKE ''%a%''', 'Instances: 12\n.*Pushed Down: \(instance_id ~~ ''%a%''::text\)\n.*Instances Read: 6\n'),
    ('SELECT * FROM {} WHERE n = 1498', 'Filter: \(n = ''1498''.*Instances: 12\n.*Pushed Down: \(n = ''1498''::double precision\)\n.*Instances Read: 12\n.*by Index: 1\n'),
    ('SELECT * FROM {} WHERE s = ''open'' AND 5 < n', 'Pushed Down: \(n > ''5''::double precision\) AND \(s = ''open''::text\)\n.*by Index: 1\n'),
    ('SELECT * FROM {} WHERE id = ''r1200''', 'Pushed Down: \(id = ''r1200''::text\)\n.*by Index: 1\n'),
    ('SELECT * FROM {} WHERE n IN (7, 8)', 'Pushed Down: \(n = ANY .*by Index: 1\n'),
    ('SELECT * FROM {} WHERE n > 7', 'Pushed Down: \(n > .*by Index: 0\n'),
    ('SELECT count(*) FROM {} WHERE long = ''x''', 'Pushed Down: \(long = .*by Index: 0\n'),
    ('SELECT * FROM {} WHERE lower(s) = ''open'' AND j = ''1'' AND n > random()', 'Instances: 12\n +Instances Read: 12\n'),
    ('SELECT * FROM tenant v JOIN {} t ON t.instance_id = v.id WHERE v.rows = 7', 'Foreign Scan.*loops=1\).*Pushed Down: \(t.instance_id = \$0\).*Instances Read: 1\n');
\set attack 'EXPLAIN says what is pushed down, how many instances that leaves, and where an index serves'
\set expect 00000
BEGIN;
SET LOCAL enable_hashjoin = off;
SET LOCAL enable_mergejoin = off;
SELECT format('%s: %s', query, p) FROM pushed, pg_temp.plan(query) p WHERE p !~ expected;
SELECT 1 / (bool_and(p ~ expected))::int FROM pushed, pg_temp.plan(query) p \g /dev/null
\ir ../lib/verdict.sql
