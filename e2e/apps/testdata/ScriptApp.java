import groovy.lang.GroovyClassLoader;
import groovy.lang.Script;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.python.core.PySystemState;
import org.python.util.PythonInterpreter;

/**
 * Rules as scripts, each with a class loader of its own; those of Jython (bench.fault "jython")
 * with a new interpreter as well. The next collection that unloads classes frees them. The fault
 * of those of Groovy: they are kept, like by a cache of compiled rules.
 */
public final class ScriptApp {
    private static final boolean JYTHON = System.getProperty("bench.fault", "").equals("jython");
    private static final List<Object> COMPILED = Collections.synchronizedList(new ArrayList<>());
    private static final int RULES = 15;
    private static final AtomicInteger NUMBER = new AtomicInteger();

    public static void main(String[] args) throws Exception {
        Console.serve(Front.start(ScriptApp::work, ScriptApp::fault));
    }

    private static String work() {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < 2000; i++) {
            text.append(i).append(',');
        }
        return text.toString();
    }

    private static String fault() throws Exception {
        int n = NUMBER.incrementAndGet();
        return JYTHON ? python(n) : groovy(n);
    }

    private static String python(int n) {
        StringBuilder rule = new StringBuilder();
        for (int i = 0; i < RULES; i++) {
            rule.append("def price").append(i).append("(xs):\n    return sum([x * ").append(n).append(" for x in xs])\n");
        }
        rule.append("answer = price0(range(10))\n");
        try (PythonInterpreter interpreter = new PythonInterpreter(null, new PySystemState())) {
            interpreter.exec(rule.toString());
            return String.valueOf(interpreter.get("answer"));
        }
    }

    private static String groovy(int n) throws Exception {
        StringBuilder rule = new StringBuilder();
        for (int i = 0; i < RULES; i++) {
            rule.append("def price").append(i).append(" = { it * ").append(n).append(" }\n");
        }
        rule.append("(1..10).collect(price0)\n");
        try (GroovyClassLoader loader = new GroovyClassLoader()) {
            Script script = (Script) loader.parseClass(rule.toString()).getDeclaredConstructor().newInstance();
            if (Console.LEAKS) {
                COMPILED.add(script.getClass());
            }
            return String.valueOf(script.run());
        }
    }

    private ScriptApp() {}
}
