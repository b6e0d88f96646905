import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import javax.servlet.http.HttpServlet;
import javax.servlet.http.HttpServletRequest;
import javax.servlet.http.HttpServletResponse;
import javax.servlet.http.HttpSession;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.session.DefaultSessionIdManager;
import org.eclipse.jetty.server.session.HouseKeeper;
import org.eclipse.jetty.servlet.ServletContextHandler;
import org.eclipse.jetty.servlet.ServletHolder;

/**
 * Embedded Jetty. A visitor without a cookie gets a session with a basket, which ends some
 * time after the last visit. Its fault: it never ends.
 */
public final class JettyApp {
    private static final int SECONDS = Integer.getInteger("bench.seconds", -1); // that a session lasts; -1: without end

    public static void main(String[] args) throws Exception {
        Server server = new Server(new InetSocketAddress("127.0.0.1", 0));
        DefaultSessionIdManager ids = new DefaultSessionIdManager(server);
        HouseKeeper keeper = new HouseKeeper();
        keeper.setSessionIdManager(ids);
        keeper.setIntervalSec(30);
        ids.setSessionHouseKeeper(keeper);
        server.setSessionIdManager(ids);
        ServletContextHandler context = new ServletContextHandler(ServletContextHandler.SESSIONS);
        context.getSessionHandler().setMaxInactiveInterval(SECONDS);
        context.addServlet(new ServletHolder(new App()), "/*");
        server.setHandler(context);
        server.start();
        Console.serve(((ServerConnector) server.getConnectors()[0]).getLocalPort());
    }

    public static final class App extends HttpServlet {
        @Override
        protected void doGet(HttpServletRequest request, HttpServletResponse response) throws IOException {
            List<String> basket = new ArrayList<>();
            for (int i = 0; i < 500; i++) {
                basket.add("article " + i + " of " + System.nanoTime());
            }
            if (request.getRequestURI().equals("/fault")) {
                HttpSession session = request.getSession(true);
                session.setAttribute("basket", basket);
            }
            response.setContentType("text/plain");
            response.getWriter().write(String.join("\n", basket));
        }
    }
}
