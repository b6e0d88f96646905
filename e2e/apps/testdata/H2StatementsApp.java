import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * H2 on disk. bench.fault "statements": prepared statements are kept by their text, into which a
 * number was written; "report": a large result that is buffered and closed, which is no fault.
 */
public final class H2StatementsApp {
    private static final boolean REPORT = System.getProperty("bench.fault", "").equals("report");
    private static final int ROWS = 20_000;
    private static final int LARGE = 60_000;
    private static final AtomicInteger NUMBER = new AtomicInteger();
    private static final Map<String, PreparedStatement> PREPARED = new HashMap<>();
    private static Connection shared;

    public static void main(String[] args) throws Exception {
        String url = "jdbc:h2:file:" + System.getProperty("bench.dir") + "/orders;CACHE_SIZE=8192;MAX_MEMORY_ROWS=200000";
        shared = DriverManager.getConnection(url);
        try (Statement statement = shared.createStatement()) {
            statement.execute("create table orders(id int primary key, item varchar, amount int)");
            statement.execute("insert into orders select x, space(100) || x, x from system_range(1, " + ROWS + ")");
        }
        Console.serve(Front.start(H2StatementsApp::work, H2StatementsApp::fault));
    }

    private static synchronized String work() throws SQLException {
        try (PreparedStatement update = shared.prepareStatement("update orders set amount = amount + 1 where id = ?");
                PreparedStatement query = shared.prepareStatement("select item, amount from orders where id >= ? order by id limit 50")) {
            int id = ThreadLocalRandom.current().nextInt(ROWS) + 1;
            update.setInt(1, id);
            update.executeUpdate();
            query.setInt(1, id);
            return text(query);
        }
    }

    private static synchronized String fault() throws SQLException {
        int n = NUMBER.incrementAndGet();
        return REPORT ? report() : statement(n);
    }

    private static String statement(int n) throws SQLException {
        StringBuilder sql = new StringBuilder("select item, amount from orders where amount > " + n + " and id in (");
        for (int i = 0; i < 400; i++) {
            sql.append(n + i).append(',');
        }
        sql.append("0) order by id");
        PreparedStatement query = PREPARED.get(sql.toString());
        if (query == null) {
            query = shared.prepareStatement(sql.toString());
        }
        String found = text(query);
        if (Console.LEAKS) {
            PREPARED.put(sql.toString(), query);
        } else {
            query.close();
        }
        return found;
    }

    private static String report() throws SQLException {
        try (Statement statement = shared.createStatement();
                ResultSet rows = statement.executeQuery("select x, space(200) || x from system_range(1, " + LARGE + ") order by x desc")) {
            long sum = 0;
            while (rows.next()) {
                sum += rows.getInt(1);
            }
            return "sum " + sum;
        }
    }

    private static String text(PreparedStatement query) throws SQLException {
        try (ResultSet found = query.executeQuery()) {
            StringBuilder text = new StringBuilder();
            while (found.next()) {
                text.append(found.getString(1).trim()).append(' ').append(found.getInt(2)).append('\n');
            }
            return text.toString();
        }
    }

    private H2StatementsApp() {}
}
