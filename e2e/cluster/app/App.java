import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;

/** A service that grows on request; with the argument "job", a batch job of two seconds. */
public class App {
    private static final List<Object> KEPT = new ArrayList<>();
    private static volatile Object garbage;

    public static void main(String[] args) throws Exception {
        if (args.length > 0 && args[0].equals("job")) {
            Thread.sleep(2000);
            return;
        }
        int port = args.length > 0 ? Integer.parseInt(args[0]) : 8080;
        HttpServer server = HttpServer.create(new InetSocketAddress(port), 0);
        server.setExecutor(Executors.newFixedThreadPool(2));
        handle(server, "/", number -> { });
        handle(server, "/direct", mib -> KEPT.add(filled(mib)));
        handle(server, "/threads", count -> {
            for (int i = 0; i < count; i++) {
                thread(i);
            }
        });
        handle(server, "/garbage", mib -> {
            for (int i = 0; i < mib; i++) {
                garbage = new byte[1 << 20];
            }
        });
        // Until the kernel kills it: a MiB each 20 ms, as a leak that a sidecar can watch.
        handle(server, "/leak", ignored -> new Thread(() -> {
            while (true) {
                KEPT.add(filled(1));
                sleep(20);
            }
        }, "leak").start());
        handle(server, "/exit", status -> Runtime.getRuntime().halt(status));
        server.start();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> server.stop(0)));
    }

    interface Action {
        void act(int number);
    }

    /** The query is a number. */
    private static void handle(HttpServer server, String path, Action action) {
        server.createContext(path, exchange -> {
            String query = exchange.getRequestURI().getQuery();
            action.act(query == null ? 0 : Integer.parseInt(query));
            answer(exchange);
        });
    }

    private static void answer(com.sun.net.httpserver.HttpExchange exchange) throws IOException {
        byte[] body = "ok\n".getBytes();
        exchange.sendResponseHeaders(200, body.length);
        exchange.getResponseBody().write(body);
        exchange.close();
    }

    private static ByteBuffer filled(int mib) {
        ByteBuffer buffer = ByteBuffer.allocateDirect(mib << 20);
        for (int i = 0; i < buffer.capacity(); i += 4096) {
            buffer.put(i, (byte) 1);
        }
        return buffer;
    }

    private static void thread(int number) {
        CountDownLatch started = new CountDownLatch(1);
        Thread thread = new Thread(() -> {
            started.countDown();
            sleep(Long.MAX_VALUE);
        }, "waiting-" + number);
        thread.setDaemon(true);
        thread.start();
        try {
            started.await();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private static void sleep(long millis) {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}
