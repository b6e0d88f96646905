import java.io.BufferedReader;
import java.io.InputStreamReader;

/** Says READY and answers the benchmark, until its standard input ends. */
final class Console {
    static void serve(int port) throws Exception {
        System.out.println("READY");
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = in.readLine()) != null;) {
            System.out.println(line.equals("port") ? "OK port=" + port : "ERR " + line);
        }
        System.exit(0);
    }

    /** Whether requests to /fault leave something behind. */
    static final boolean LEAKS = Boolean.getBoolean("bench.leak");

    private Console() {}
}
