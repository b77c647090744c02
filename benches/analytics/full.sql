-- A full aggregate: parsing and planning alone, the first run of a fresh backend, the later ones.
SET plan_cache_mode = force_generic_plan;
SET max_parallel_workers_per_gather = 0;
SELECT format('PREPARE q AS SELECT status, count(*), sum(total), avg(total) FROM %s GROUP BY status', bench.source(:'what')) AS prepare \gset
SELECT bench.memory() AS memory, bench.cpu() AS begun \gset
:prepare;
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
SELECT format('| %s | %s | %s | %s | %s | %s |', :count, :'label', round(:planned - :begun, 1), round(:first - :planned, 1), round(:least, 1), bench.memory() - :memory);
