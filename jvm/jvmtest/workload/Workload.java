import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;

/**
 * Grows one kind of memory at a time, by a known amount, on command.
 *
 * Reads a command a line on stdin and answers each with one line on stdout, "OK command key=value ..." or
 * "ERR command reason", when the growth is complete. Says "READY" when it listens; ends at the end of stdin.
 * doc.go lists the commands. Java 8 syntax and class library.
 */
public class Workload {
    static final int PAGE = 4096;
    static final int MIB = 1 << 20;

    /** Some commands of one kind of memory, and what they hold. */
    interface Kind {
        /** Returns the reply's key=value words, or null if the command is another kind's. */
        String run(Command command) throws Exception;
    }

    public static void main(String[] args) throws Exception {
        Threads threads = new Threads();
        Kind[] kinds = {
            new Heap(), new Objects(), new Classes(), new Tables(), threads, new VirtualThreads(), new Code(), new Buffers(), new Zlib(),
            new Library(), new FileMemory(), new Kernel(), new Children(), new Stalls(), new Report(),
        };
        // What answering needs is loaded before the first measurement.
        Pools.metaspace("warm_");
        threads.warmUp();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        System.out.println("READY");
        for (String line; (line = in.readLine()) != null; ) {
            String reply;
            try {
                reply = "OK " + line + " " + run(kinds, new Command(line));
            } catch (Throwable t) {
                reply = "ERR " + line + " " + t;
            }
            System.out.println(reply.trim());
        }
        // halt: a stopping JVM would wait for nothing, but runs shutdown hooks.
        Runtime.getRuntime().halt(0);
    }

    private static String run(Kind[] kinds, Command command) throws Exception {
        if (command.name().equals("exit")) {
            Runtime.getRuntime().halt(0);
        }
        for (Kind kind : kinds) {
            String reply = kind.run(command);
            if (reply != null) {
                return reply;
            }
        }
        throw new IllegalArgumentException("unknown command");
    }
}
