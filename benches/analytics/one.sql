-- One instance's rows: by instance_id over the relation, from its own table, from the one table.
-- The clock of a backend moves in steps of some milliseconds, hence so many runs of each.
CREATE FUNCTION pg_temp.each(query text, runs int) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE begun numeric; best numeric := 1e9; r record;
BEGIN
    FOR round IN 1..7 LOOP
        begun := bench.cpu();
        FOR i IN 1..runs LOOP EXECUTE query INTO r; END LOOP;
        best := least(best, (bench.cpu() - begun) / runs);
    END LOOP;
    RETURN best;
END$$;
PREPARE relation (text) AS SELECT count(*), sum(total) FROM many.invoices WHERE instance_id = $1;
PREPARE own AS SELECT count(*), sum(total) FROM "many:t50".invoices;
PREPARE one_table (text) AS SELECT count(*), sum(total) FROM bench.everything WHERE tenant = $1;
SELECT format('| %s | one instance, each query planned | relation %s µs, its own table %s µs, the one table %s µs | | | |', :count,
    round(1000 * pg_temp.each('SELECT count(*), sum(total) FROM many.invoices WHERE instance_id = ''t50''', 20000), 2),
    round(1000 * pg_temp.each('SELECT count(*), sum(total) FROM "many:t50".invoices', 20000), 2),
    round(1000 * pg_temp.each('SELECT count(*), sum(total) FROM bench.everything WHERE tenant = ''t50''', 20000), 2));
SELECT format('| %s | one instance, prepared | relation %s µs, its own table %s µs, the one table %s µs | | | |', :count,
    round(1000 * pg_temp.each('EXECUTE relation(''t50'')', 20000), 2),
    round(1000 * pg_temp.each('EXECUTE own', 20000), 2),
    round(1000 * pg_temp.each('EXECUTE one_table(''t50'')', 20000), 2));
