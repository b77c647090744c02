"""Does psycopg, as BI tools use it, work over relations? driver.py URL, as an analyst; prints "ok"."""

import sys

import psycopg

with psycopg.connect(sys.argv[1]) as db:
    # What a tool asks first: which tables are there, with which columns and keys?
    columns = db.execute(
        "SELECT column_name, data_type, is_nullable FROM information_schema.columns"
        " WHERE table_schema = 'workspace' AND table_name = 'invoices' ORDER BY ordinal_position"
    ).fetchall()
    assert columns[0] == ("instance_id", "text", "NO"), columns
    assert ("amount", "double precision", "YES") in columns, columns
    tables = db.execute("SELECT table_type FROM information_schema.tables WHERE table_schema = 'workspace'").fetchall()
    assert ("FOREIGN",) in tables, tables

    # Parameters, in text and binary, and a plan that the server keeps.
    for binary in (False, True):
        for _ in range(7):
            rows = db.execute(
                "SELECT instance_id, amount, status FROM workspace.invoices"
                " WHERE instance_id = %s AND amount > %s ORDER BY amount",
                ("acme", 15),
                prepare=True,
                binary=binary,
            ).fetchall()
            assert rows == [("acme", 20.0, "paid"), ("acme", 30.0, "open")], rows
    some = db.execute(
        "SELECT count(*) FROM workspace.invoices WHERE instance_id = ANY (%s)", (["acme", "😀", "nobody"],)
    ).fetchone()
    assert some == (5,), some

    # A cursor on the server, read in portions.
    with db.cursor(name="portions") as cursor:
        cursor.itersize = 2
        cursor.execute("SELECT instance_id, number FROM workspace.invoices ORDER BY instance_id, number")
        seen = [f"{instance}:{number}" for instance, number in cursor]
    assert len(seen) == 8 and len(set(seen)) == 8, seen

    # COPY out, as exports do.
    with db.cursor() as cursor, cursor.copy("COPY (SELECT * FROM workspace.invoices) TO STDOUT") as copy:
        assert sum(1 for _ in copy.rows()) == 8

    # What is refused, by its SQLSTATE; the connection lives on.
    db.commit()
    for statement, code in (
        ("DELETE FROM workspace.invoices", "42501"),
        ("SELECT secret FROM workspace.invoices", "42703"),
        ("SELECT * FROM edgebase.instance", "42501"),
    ):
        try:
            db.execute(statement)
        except psycopg.Error as error:
            assert error.sqlstate == code, (statement, error.sqlstate)
            db.rollback()
        else:
            raise AssertionError(statement)

    # A limit of time.
    db.execute("SET statement_timeout = '100ms'")
    try:
        db.execute("SELECT count(*) FROM workspace.invoices a, generate_series(1, 1000000000) g")
    except psycopg.errors.QueryCanceled:
        db.rollback()
    else:
        raise AssertionError("not cancelled")
print("ok")
