import com.github.luben.zstd.ZstdCompressCtx;
import com.github.luben.zstd.ZstdOutputStream;
import com.sleepycat.db.Database;
import com.sleepycat.db.DatabaseConfig;
import com.sleepycat.db.DatabaseType;
import io.netty.internal.tcnative.SSL;
import io.netty.internal.tcnative.SSLContext;
import java.io.ByteArrayOutputStream;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import net.jpountz.xxhash.XXHashFactory;
import org.xapian.Document;
import org.zeromq.ZMQ;

/** Java libraries with native parts, without close(). One class each: not every JDK can load all of them. */
final class Libraries {
    private static int count;

    private Libraries() {}

    private static final class Sqlite {
        static final Connection CONNECTION;

        static {
            try {
                CONNECTION = DriverManager.getConnection("jdbc:sqlite::memory:");
                CONNECTION.createStatement().executeUpdate("create table orders(id integer primary key, text text)");
            } catch (SQLException problem) {
                throw new IllegalStateException(problem);
            }
        }
    }

    static long sqliteStatement() throws SQLException {
        Leak.hold(Sqlite.CONNECTION.prepareStatement("select text from orders where id = " + count++ + " or text like '%item%' order by text"));
        return 0;
    }

    static long sqliteRows() throws SQLException {
        Sqlite.CONNECTION.createStatement().executeUpdate("insert into orders(text) values(hex(randomblob(400)))");
        return 0;
    }

    static long zstdContext() {
        byte[] data = new byte[1000];
        Leak.hold(new ZstdCompressCtx()).setLevel(1).compress(data);
        return 0;
    }

    static long zstdStream() throws Exception {
        Leak.hold(new ZstdOutputStream(new ByteArrayOutputStream(), 1)).write(new byte[1000]);
        return 0;
    }

    static long xxhash() {
        byte[] data = new byte[100];
        Leak.hold(XXHashFactory.nativeInstance().newStreamingHash64(count++)).update(data, 0, data.length);
        return 0;
    }

    static long xapianDocument() {
        Document document = Leak.hold(new Document());
        document.setData("order " + count++);
        for (int i = 0; i < 20; i++) {
            document.addTerm("term" + (count + i));
        }
        return 0;
    }

    private static final class Berkeley {
        static final Database DATABASE;

        static {
            try {
                DatabaseConfig config = new DatabaseConfig();
                config.setAllowCreate(true);
                config.setType(DatabaseType.BTREE);
                DATABASE = new Database(System.getProperty("leak.dir") + "/berkeley.db", null, config);
            } catch (Exception problem) {
                throw new IllegalStateException(problem);
            }
        }
    }

    static long berkeleyCursor() throws Exception {
        Leak.hold(Berkeley.DATABASE.openCursor(null, null));
        return 0;
    }

    private static final class Queue {
        static final ZMQ.Socket SOCKET = ZMQ.context(1).socket(ZMQ.PUSH);

        static {
            SOCKET.setSndHWM(0);
            SOCKET.connect("tcp://127.0.0.1:9");
        }
    }

    static long zmqMessage() {
        Queue.SOCKET.send(new byte[1000], 0);
        return 0;
    }

    private static final class Tls {
        static final long CONTEXT;

        static {
            try {
                io.netty.internal.tcnative.Library.initialize("netty_tcnative", null);
                CONTEXT = SSLContext.make(SSL.SSL_PROTOCOL_ALL, SSL.SSL_MODE_SERVER);
            } catch (Exception problem) {
                throw new IllegalStateException(problem);
            }
        }
    }

    static long tcnativeSession() {
        SSL.newSSL(Tls.CONTEXT, true);
        return 0;
    }
}
