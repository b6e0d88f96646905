import com.sun.net.httpserver.HttpServer;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.concurrent.Executors;

/** The JDK's HTTP server with 8 threads, before a library that has no server of its own. */
final class Front {
    interface Handler {
        String answer() throws Exception;
    }

    static int start(Handler work, Handler fault) throws Exception {
        HttpServer http = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        add(http, "/work", work);
        add(http, "/fault", fault);
        http.setExecutor(Executors.newFixedThreadPool(8, task -> new Thread(task, "front")));
        http.start();
        return http.getAddress().getPort();
    }

    private static void add(HttpServer http, String path, Handler handler) {
        http.createContext(path, exchange -> {
            int status = 200;
            String text;
            try {
                text = handler.answer();
            } catch (Exception e) {
                status = 500;
                text = e.toString();
            }
            byte[] body = text.getBytes("UTF-8");
            exchange.sendResponseHeaders(status, body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
        });
    }

    private Front() {}
}
