import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.List;

/**
 * Runs one leak: {@code java -Dleak.step=Zlib.deflater Leak}. A step is a static method that returns the
 * bytes that it leaked, or 0 if only malloc knows. "leak 32" on standard input repeats it
 * until 32 MiB are leaked, "leak 32 4" in four new threads, which stay.
 */
final class Leak {
    private static final int MIB = 1 << 20;
    private static final List<Object> HELD = new ArrayList<>();

    private Leak() {}

    /** Keeps an object reachable. */
    static synchronized <T> T hold(T object) {
        HELD.add(object);
        return object;
    }

    public static void main(String[] args) throws Exception {
        System.load(System.getProperty("leak.library"));
        String[] name = System.getProperty("leak.step").split("[.]");
        Method step = Class.forName(name[0]).getDeclaredMethod(name[1]);
        BufferedReader commands = new BufferedReader(new InputStreamReader(System.in));
        System.out.println("READY");
        for (String line; (line = commands.readLine()) != null; ) {
            try {
                System.out.println("OK " + run(step, line.split(" ")));
            } catch (Throwable problem) {
                System.out.println("ERR " + problem);
                problem.printStackTrace();
            }
        }
    }

    private static String run(Method step, String[] command) throws Exception {
        long bytes = Long.parseLong(command[1]) * MIB;
        int threads = command.length > 2 ? Integer.parseInt(command[2]) : 0;
        if (threads == 0) {
            return repeat(step, bytes);
        }
        long before = Native.inUse();
        List<Worker> workers = new ArrayList<>();
        for (int i = 0; i < threads; i++) {
            workers.add(new Worker(step, bytes / threads, "http-nio-8080-exec-" + i));
        }
        for (Worker worker : workers) {
            worker.await();
        }
        long grown = Native.inUse() - before;
        return "bytes=" + grown + " malloc_bytes=" + grown + " steps=0";
    }

    /** Returns the bytes that the steps leaked, and by how much glibc's malloc grew. */
    private static String repeat(Method step, long bytes) throws Exception {
        long before = Native.inUse();
        long own = 0;
        long steps = 0;
        try {
            while (own < bytes) {
                long one = (Long) step.invoke(null);
                steps++;
                own = one > 0 ? own + one : steps % 8 == 0 ? Native.inUse() - before : own;
            }
        } catch (InvocationTargetException problem) {
            throw new IllegalStateException("step " + steps, problem.getCause());
        }
        return "bytes=" + own + " malloc_bytes=" + (Native.inUse() - before) + " steps=" + steps;
    }

    /** A thread that leaks, and stays. */
    private static final class Worker extends Thread {
        private final Method step;
        private final long bytes;
        private boolean done;
        private Throwable problem;

        Worker(Method step, long bytes, String name) {
            super(name);
            this.step = step;
            this.bytes = bytes;
            setDaemon(true);
            start();
        }

        @Override
        public void run() {
            try {
                for (long own = 0; own < bytes; ) {
                    own += Math.max(16, (Long) step.invoke(null));
                }
            } catch (Throwable thrown) {
                problem = thrown;
            }
            synchronized (this) {
                done = true;
                notifyAll();
                while (true) {
                    try {
                        wait();
                    } catch (InterruptedException ignored) {
                        return;
                    }
                }
            }
        }

        synchronized void await() throws InterruptedException {
            while (!done) {
                wait();
            }
            if (problem != null) {
                throw new IllegalStateException(problem);
            }
        }
    }
}
