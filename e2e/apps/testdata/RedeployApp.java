import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.nio.file.StandardCopyOption;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.catalina.Context;
import org.apache.catalina.core.StandardContext;
import org.apache.catalina.startup.Tomcat;

/** Embedded Tomcat with a web application (Webapp) that a request to /fault of another one deploys anew. */
public final class RedeployApp {
    private static final AtomicInteger NUMBER = new AtomicInteger();
    private static Tomcat tomcat;
    private static Context deployed;
    private static Path root;

    public static void main(String[] args) throws Exception {
        Path dir = Paths.get(System.getProperty("bench.dir"));
        root = dir.resolve("shop");
        Path lib = Files.createDirectories(root.resolve("WEB-INF/lib"));
        Path classes = Files.createDirectories(root.resolve("WEB-INF/classes"));
        Path guava = Paths.get("/usr/share/java/guava.jar");
        Files.copy(guava, lib.resolve("guava.jar"), StandardCopyOption.REPLACE_EXISTING);
        for (String name : new String[] {Webapp.class.getName() + ".class", Webapp.class.getName() + "$Refresh.class"}) {
            try (InputStream in = RedeployApp.class.getResourceAsStream(name)) {
                Files.copy(in, classes.resolve(name), StandardCopyOption.REPLACE_EXISTING);
            }
        }
        tomcat = new Tomcat();
        tomcat.setBaseDir(dir.toString());
        tomcat.setPort(0);
        tomcat.getConnector().setProperty("address", "127.0.0.1");
        deploy();
        Context front = tomcat.addContext("", dir.toString());
        Tomcat.addServlet(front, "front", new Deployer());
        front.addServletMappingDecoded("/work", "front");
        front.addServletMappingDecoded("/fault", "front");
        tomcat.start();
        Console.serve(tomcat.getConnector().getLocalPort());
    }

    /** Replaces the application, and with it its WebappClassLoader. */
    static synchronized String deploy() {
        if (deployed != null) {
            tomcat.getHost().removeChild(deployed);
        }
        deployed = new StandardContext();
        deployed.setName("/shop");
        deployed.setPath("/shop");
        deployed.setDocBase(root.toString());
        deployed.addLifecycleListener(new Tomcat.FixContextListener());
        Tomcat.addServlet(deployed, "shop", Webapp.class.getName()).setLoadOnStartup(1);
        deployed.addServletMappingDecoded("/*", "shop");
        tomcat.getHost().addChild(deployed);
        return "version " + NUMBER.incrementAndGet();
    }

    /** Answers /work with the web application's page, and /fault by deploying it anew. */
    private static final class Deployer extends HttpServlet {
        @Override
        protected void doGet(HttpServletRequest request, HttpServletResponse response) throws IOException {
            if (request.getRequestURI().equals("/fault")) {
                response.getWriter().write(deploy());
            } else {
                response.getWriter().write(page());
            }
        }

        private static String page() {
            StringBuilder text = new StringBuilder();
            for (int i = 0; i < 2000; i++) {
                text.append("<li>").append(i).append("</li>");
            }
            return text.toString();
        }
    }

    private RedeployApp() {}
}
