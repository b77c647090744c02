-- A full aggregate: planning alone, the first run of a fresh backend, the later ones.
SET plan_cache_mode = force_generic_plan;
SELECT format('PREPARE q AS SELECT status, count(*), sum(total), avg(total) FROM %s GROUP BY status', bench.source(:'what')) \gexec
SELECT bench.memory() AS memory, bench.cpu() AS begun \gset
EXPLAIN EXECUTE q \g /dev/null
SELECT bench.cpu() AS planned \gset
EXECUTE q \g /dev/null
SELECT bench.cpu() AS first \gset
\set least 1e9
SELECT bench.cpu() AS a \gset
EXECUTE q \g /dev/null
SELECT least(:least, bench.cpu() - :a) AS least, bench.cpu() AS a \gset
EXECUTE q \g /dev/null
SELECT least(:least, bench.cpu() - :a) AS least, bench.cpu() AS a \gset
EXECUTE q \g /dev/null
SELECT least(:least, bench.cpu() - :a) AS least, bench.cpu() AS a \gset
EXECUTE q \g /dev/null
SELECT least(:least, bench.cpu() - :a) AS least, bench.cpu() AS a \gset
EXECUTE q \g /dev/null
SELECT least(:least, bench.cpu() - :a) AS least \gset
SELECT format('| %s | %s | %s | %s | %s | %s |', :count, CASE :'what' WHEN 'relation' THEN 'relation' WHEN 'table' THEN 'one table' ELSE 'UNION ALL' END,
    round(:planned - :begun, 1), round(:first - :planned, 1), round(:least, 1), bench.memory() - :memory);
