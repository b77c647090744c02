// Does JDBC, as BI tools use it, work over relations? Jdbc URL, as an analyst; prints "ok".

import java.sql.Array;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Timer;
import java.util.TimerTask;

public class Jdbc {
    static void check(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }

    public static void main(String[] args) throws Exception {
        try (Connection db = DriverManager.getConnection(args[0])) {
            // What a tool asks first: which tables are there, with which columns?
            try (ResultSet tables = db.getMetaData().getTables(null, "workspace", "%", null)) {
                boolean found = false;
                while (tables.next()) {
                    found |= tables.getString("TABLE_NAME").equals("invoices")
                        && tables.getString("TABLE_TYPE").equals("FOREIGN TABLE");
                }
                check(found, "the relation is among the tables");
            }
            try (ResultSet columns = db.getMetaData().getColumns(null, "workspace", "invoices", "%")) {
                check(columns.next() && columns.getString("COLUMN_NAME").equals("instance_id"), "the first column");
            }

            // Parameters, with a plan that the server keeps from the fifth time on.
            String sql = "SELECT instance_id, amount FROM workspace.invoices WHERE instance_id = ? AND amount > ? ORDER BY amount";
            try (PreparedStatement query = db.prepareStatement(sql)) {
                for (int i = 0; i < 12; i++) {
                    query.setString(1, "acme");
                    query.setDouble(2, 15);
                    try (ResultSet rows = query.executeQuery()) {
                        check(rows.next() && rows.getDouble("amount") == 20, "the first row");
                        check(rows.next() && rows.getDouble("amount") == 30, "the second row");
                        check(!rows.next(), "no third row");
                    }
                }
            }
            Array ids = db.createArrayOf("text", new String[] {"acme", "😀", "nobody"});
            try (PreparedStatement query =
                    db.prepareStatement("SELECT count(*) FROM workspace.invoices WHERE instance_id = ANY (?)")) {
                query.setArray(1, ids);
                try (ResultSet rows = query.executeQuery()) {
                    check(rows.next() && rows.getInt(1) == 5, "three ids");
                }
            }

            // Read in portions: a portal that is fetched from again and again.
            db.setAutoCommit(false);
            try (Statement query = db.createStatement()) {
                query.setFetchSize(2);
                int seen = 0;
                try (ResultSet rows = query.executeQuery("SELECT * FROM workspace.invoices ORDER BY instance_id")) {
                    while (rows.next()) {
                        seen++;
                    }
                }
                check(seen == 8, "eight rows in portions");
            }
            db.commit();

            // What is refused, by its SQLSTATE.
            String[][] refused = {
                {"DELETE FROM workspace.invoices", "42501"},
                {"SELECT secret FROM workspace.invoices", "42703"},
                {"SELECT * FROM edgebase.instance", "42501"},
            };
            for (String[] attempt : refused) {
                try (Statement statement = db.createStatement()) {
                    statement.execute(attempt[0]);
                    check(false, attempt[0]);
                } catch (SQLException error) {
                    check(error.getSQLState().equals(attempt[1]), attempt[0] + ": " + error.getSQLState());
                }
                db.rollback();
            }

            // Cancelled by the user.
            try (Statement query = db.createStatement()) {
                new Timer(true).schedule(new TimerTask() {
                    @Override
                    public void run() {
                        try {
                            query.cancel();
                        } catch (SQLException error) {
                            throw new IllegalStateException(error);
                        }
                    }
                }, 300);
                query.executeQuery("SELECT count(*) FROM workspace.invoices a, generate_series(1, 1000000000) g");
                check(false, "not cancelled");
            } catch (SQLException error) {
                check(error.getSQLState().equals("57014"), "cancelled: " + error.getSQLState());
            }
        }
        System.out.println("ok");
    }
}
