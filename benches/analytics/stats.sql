-- Polling the statistics of every instance, as a dashboard does.
SELECT count(*), max(size), max(last_write) FROM edgebase.instance_stats \g /dev/null
\set least 1e9
SELECT bench.cpu() AS a \gset
SELECT count(*), max(size), max(last_write) FROM edgebase.instance_stats \g /dev/null
SELECT least(:least, bench.cpu() - :a) AS least, bench.cpu() AS a \gset
SELECT count(*), max(size), max(last_write) FROM edgebase.instance_stats \g /dev/null
SELECT least(:least, bench.cpu() - :a) AS least, bench.cpu() AS a \gset
SELECT count(*), max(size), max(last_write) FROM edgebase.instance_stats \g /dev/null
SELECT least(:least, bench.cpu() - :a) AS least \gset
SELECT format('| %s | edgebase.instance_stats | | | %s | |', :count, round(:least, 1));
