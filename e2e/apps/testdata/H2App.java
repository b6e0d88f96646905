import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;

/** H2 in memory. Its fault: sessions, each with a temporary table, that are never closed. */
public final class H2App {
    private static final String URL = "jdbc:h2:mem:bench;DB_CLOSE_DELAY=-1";
    private static final int ROWS = 2000;
    /** Like a pool that loses track. H2 closes a session whose connection is unreachable. */
    private static final List<Connection> FORGOTTEN = Collections.synchronizedList(new ArrayList<>());

    public static void main(String[] args) throws Exception {
        try (Connection connection = DriverManager.getConnection(URL); Statement statement = connection.createStatement()) {
            statement.execute("create table orders(id int primary key, item varchar, amount int)");
            statement.execute("insert into orders select x, space(100) || x, x from system_range(1, " + ROWS + ")");
        }
        Console.serve(Front.start(H2App::work, H2App::fault));
    }

    private static String work() throws Exception {
        try (Connection connection = DriverManager.getConnection(URL);
                PreparedStatement update = connection.prepareStatement("update orders set amount = amount + 1 where id = ?");
                Statement query = connection.createStatement()) {
            update.setInt(1, ThreadLocalRandom.current().nextInt(ROWS) + 1);
            update.executeUpdate();
            try (ResultSet found = query.executeQuery("select item, amount from orders order by item limit 200")) {
                StringBuilder text = new StringBuilder();
                while (found.next()) {
                    text.append(found.getString(1).trim()).append(' ').append(found.getInt(2)).append('\n');
                }
                return text.toString();
            }
        }
    }

    private static String fault() throws Exception {
        Connection connection = DriverManager.getConnection(URL);
        try (Statement statement = connection.createStatement()) {
            statement.execute("create local temporary table basket(id int, item varchar)");
            statement.execute("insert into basket select x, 'item ' || x || space(200) from system_range(1, 200)");
        }
        if (Console.LEAKS) {
            FORGOTTEN.add(connection);
        } else {
            connection.close();
        }
        return "ok";
    }
}
