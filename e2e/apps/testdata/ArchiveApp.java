import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.zip.Deflater;
import java.util.zip.GZIPOutputStream;
import java.util.zip.Inflater;
import org.apache.catalina.Context;
import org.apache.catalina.startup.Tomcat;

/**
 * Embedded Tomcat with what a service does that keeps compressed documents. bench.fault names
 * what /fault does; one leaks ("zlib", with bench.leak), the others only look like it.
 */
public final class ArchiveApp {
    private static final AtomicInteger NUMBER = new AtomicInteger();

    public static void main(String[] args) throws Exception {
        Tomcat tomcat = new Tomcat();
        String dir = System.getProperty("bench.dir");
        tomcat.setBaseDir(dir);
        tomcat.setPort(0);
        tomcat.getConnector().setProperty("address", "127.0.0.1");
        tomcat.getConnector().setProperty("maxThreads", "16");
        Context context = tomcat.addContext("", Paths.get(dir).toString());
        Tomcat.addServlet(context, "app", new App(kind()));
        context.addServletMappingDecoded("/*", "app");
        tomcat.start();
        Console.serve(tomcat.getConnector().getLocalPort());
    }

    private interface Request {
        String answer(int n) throws Exception;
    }

    private static Request kind() throws Exception {
        switch (System.getProperty("bench.fault", "")) {
            case "zlib": return new Zlib();
            case "gzip": return ArchiveApp::unclosed;
            case "cache": return new BoundedCache();
            case "classes": return new Features();
            case "batch": return n -> Batch.start();
            default: throw new IllegalArgumentException("bench.fault");
        }
    }

    private static final class App extends HttpServlet {
        private final transient Request fault;

        App(Request fault) {
            this.fault = fault;
        }

        @Override
        protected void doGet(HttpServletRequest request, HttpServletResponse response) throws IOException {
            int n = NUMBER.incrementAndGet();
            try {
                response.getWriter().write(request.getRequestURI().equals("/fault") ? fault.answer(n) : document(n, 2000));
            } catch (Exception e) {
                throw new IOException(e);
            }
        }
    }

    static String document(int n, int lines) {
        Random random = new Random(n);
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < lines; i++) {
            text.append("line ").append(random.nextInt(100_000)).append('\n');
        }
        return text.toString();
    }

    /** A codec for each client, of which none is ended. */
    private static final class Zlib implements Request {
        private final List<Object> clients = Collections.synchronizedList(new ArrayList<>());

        @Override
        public String answer(int n) throws Exception {
            byte[] text = document(n, 12_000).getBytes(StandardCharsets.ISO_8859_1);
            byte[] packed = new byte[text.length];
            Deflater deflater = new Deflater();
            deflater.setInput(text);
            deflater.finish();
            int length = deflater.deflate(packed);
            Inflater inflater = new Inflater();
            inflater.setInput(packed, 0, length);
            int unpacked = inflater.inflate(text);
            if (Console.LEAKS) {
                deflater.reset(); // without their buffers, which are in the heap
                inflater.reset();
                clients.add(deflater);
                clients.add(inflater);
            } else {
                deflater.end();
                inflater.end();
            }
            return length + " of " + unpacked;
        }
    }

    /** The stream is not closed: its Deflater's memory is freed after a collection. */
    private static String unclosed(int n) throws IOException {
        ByteArrayOutputStream packed = new ByteArrayOutputStream();
        GZIPOutputStream stream = new GZIPOutputStream(packed);
        stream.write(document(n, 4000).getBytes(StandardCharsets.ISO_8859_1));
        stream.finish();
        return "packed " + packed.size();
    }

    /** Fills in a line to its bound, then the oldest entry goes. */
    private static final class BoundedCache implements Request {
        private static final int ENTRIES = 1500;
        private final Map<Integer, byte[]> entries = new LinkedHashMap<Integer, byte[]>() {
            @Override
            protected boolean removeEldestEntry(Map.Entry<Integer, byte[]> eldest) {
                return size() > ENTRIES;
            }
        };

        @Override
        public synchronized String answer(int n) {
            entries.put(n, new byte[32 << 10]);
            return "cached " + entries.size();
        }
    }

    /** Each request uses a feature by chance, whose classes are loaded with its first use. */
    private static final class Features implements Request {
        private static final int CLASSES_EACH = 15;
        private final List<String> names = new ArrayList<>();
        private final Random random = new Random(1);

        Features() throws IOException {
            for (String jar : System.getProperty("java.class.path").split(":")) {
                if (!jar.endsWith(".jar")) {
                    continue;
                }
                try (JarFile file = new JarFile(jar)) {
                    for (JarEntry entry : Collections.list(file.entries())) {
                        if (entry.getName().endsWith(".class") && !entry.getName().startsWith("META-INF")) {
                            names.add(entry.getName().replace(".class", "").replace('/', '.'));
                        }
                    }
                }
            }
        }

        @Override
        public synchronized String answer(int n) {
            int first = random.nextInt(names.size() / CLASSES_EACH) * CLASSES_EACH;
            int loaded = 0;
            for (String name : names.subList(first, first + CLASSES_EACH)) {
                try {
                    loaded += Class.forName(name, false, ArchiveApp.class.getClassLoader()).getDeclaredMethods().length;
                } catch (ClassNotFoundException | LinkageError e) {
                    // It needs a library that is not there.
                }
            }
            return "methods " + loaded;
        }
    }

    /** The job of a night: threads, much heap, compression; after some 40 seconds all is freed. */
    private static final class Batch {
        static String start() {
            new Thread(Batch::run, "night-batch").start();
            return "started";
        }

        private static void run() {
            ExecutorService pool = Executors.newFixedThreadPool(24, task -> new Thread(task, "batch-worker"));
            List<byte[]> rows = Collections.synchronizedList(new ArrayList<>());
            for (int i = 0; i < 400; i++) {
                int n = i;
                pool.execute(() -> {
                    byte[] text = document(n, 6000).getBytes(StandardCharsets.ISO_8859_1);
                    Deflater deflater = new Deflater();
                    deflater.setInput(text);
                    deflater.finish();
                    deflater.deflate(new byte[text.length]);
                    rows.add(text);
                    deflater.end();
                });
                try {
                    Thread.sleep(100);
                } catch (InterruptedException e) {
                    break;
                }
            }
            pool.shutdown();
            try {
                pool.awaitTermination(1, TimeUnit.MINUTES);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private ArchiveApp() {}
}
