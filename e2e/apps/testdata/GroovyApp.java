import groovy.lang.GroovyShell;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Groovy scripts. Its fault: one shared shell, which keeps the classes of each script. With
 * a new shell for each script, the next collection that unloads classes frees them.
 */
public final class GroovyApp {
    private static final GroovyShell SHARED = new GroovyShell();
    private static final AtomicInteger NUMBER = new AtomicInteger();

    public static void main(String[] args) throws Exception {
        Console.serve(Front.start(GroovyApp::work, GroovyApp::fault));
    }

    private static String work() {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < 2000; i++) {
            text.append(i).append(',');
        }
        return text.toString();
    }

    private static String fault() {
        int n = NUMBER.incrementAndGet();
        String script = "def price = { it * " + n + " }\n"
                + "def tax = { x -> x + " + n + " }\n"
                + "def total(list) { list.sum { it + " + n + " } }\n"
                + "total((1..10).collect(price).findAll { it % 2 == 0 }.collect(tax))\n";
        if (Console.LEAKS) {
            synchronized (SHARED) {
                return String.valueOf(SHARED.evaluate(script));
            }
        }
        return String.valueOf(new GroovyShell().evaluate(script));
    }
}
