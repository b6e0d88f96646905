import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.apache.catalina.Context;
import org.apache.catalina.startup.Tomcat;

/** Embedded Tomcat. Its fault: a servlet that makes an executor for each request and never shuts it down. */
public final class TomcatApp {
    public static void main(String[] args) throws Exception {
        String dir = System.getProperty("bench.dir");
        Tomcat tomcat = new Tomcat();
        tomcat.setBaseDir(dir);
        tomcat.setPort(0);
        tomcat.getConnector().setProperty("address", "127.0.0.1");
        tomcat.getConnector().setProperty("maxThreads", "32");
        Context context = tomcat.addContext("", dir);
        Tomcat.addServlet(context, "app", new App());
        context.addServletMappingDecoded("/*", "app");
        tomcat.start();
        Console.serve(tomcat.getConnector().getLocalPort());
    }

    private static final class App extends HttpServlet {
        @Override
        protected void doGet(HttpServletRequest request, HttpServletResponse response) throws IOException {
            String text;
            if (request.getRequestURI().equals("/fault")) {
                ExecutorService executor = Executors.newFixedThreadPool(1);
                try {
                    Future<String> page = executor.submit(() -> page(800));
                    text = page.get();
                } catch (Exception e) {
                    throw new IOException(e);
                }
                if (!Console.LEAKS) {
                    executor.shutdown();
                }
            } else {
                text = page(2000);
            }
            response.setContentType("text/plain");
            response.getWriter().write(text);
        }
    }

    /** Nested elements: the depth of the call stack is that of the document. */
    private static String page(int depth) {
        StringBuilder text = new StringBuilder();
        element(text, new Random(depth), depth);
        return text.toString();
    }

    private static void element(StringBuilder text, Random random, int depth) {
        text.append("<e").append(random.nextInt(1000)).append('>');
        if (depth > 0) {
            element(text, random, depth - 1);
        }
        text.append("</e>");
    }
}
