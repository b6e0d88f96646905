import com.google.common.cache.CacheBuilder;
import com.google.common.cache.CacheLoader;
import com.google.common.cache.LoadingCache;
import com.google.common.collect.ImmutableSortedMap;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;

/** A web application whose thread refreshes prices. Its fault: the thread does not end with the application. */
public final class Webapp extends HttpServlet {
    private static final int DEPTH = 1500;
    private Thread refresh;

    @Override
    public void init() {
        Refresh prices = new Refresh();
        prices.depth(DEPTH); // loads all classes, which a thread of an application that ended cannot
        refresh = new Thread(prices, "price-refresh");
        refresh.setDaemon(true);
        refresh.start();
    }

    @Override
    public void destroy() {
        if (!Boolean.getBoolean("bench.leak")) {
            refresh.interrupt();
        }
    }

    @Override
    protected void doGet(HttpServletRequest request, HttpServletResponse response) throws IOException {
        response.getWriter().write("ok");
    }

    private static final class Refresh implements Runnable {
        private final LoadingCache<Integer, String> prices =
                CacheBuilder.newBuilder().maximumSize(100).build(CacheLoader.from(n -> "price " + n));

        @Override
        public void run() {
            try {
                while (true) {
                    depth(DEPTH);
                    Thread.sleep(15_000);
                }
            } catch (InterruptedException e) {
                // The application ends.
            }
        }

        /** Touches some of the stack, like a parser. */
        private int depth(int n) {
            if (n == 0) {
                ImmutableSortedMap.Builder<Integer, String> sorted = ImmutableSortedMap.naturalOrder();
                for (int i = 0; i < 100; i++) {
                    sorted.put(i, prices.getUnchecked(i));
                }
                return sorted.build().size();
            }
            return depth(n - 1) + 1;
        }
    }
}
