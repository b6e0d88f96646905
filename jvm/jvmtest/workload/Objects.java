import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;

/** Small objects of the heap, as applications make them: garbage, and what is kept by a list or by threads. */
final class Objects implements Workload.Kind {
    private static final int SIZE = 1024; // with its header; MIB has 1024 of them
    private static final int WORKERS = 8;
    private static final int PAUSES = 50; // of the churning thread in a second

    private static Object last; // of what is garbage

    private final List<byte[]> kept = new ArrayList<>();
    private final ThreadLocal<List<byte[]>> local = ThreadLocal.withInitial(ArrayList::new);
    private ExecutorService workers;
    private Thread churning;
    private volatile int rate; // MiB a second
    private volatile int live; // MiB

    @Override
    public String run(Command command) throws Exception {
        switch (command.name()) {
            case "churn": return churn(command.number(1), command.number(2, 0));
            case "objects": add(kept, command.number(1) * 1024); return Pools.heap("");
            case "objectsfree": kept.clear(); return Pools.heap("");
            case "stacks": return stacks(command.number(1));
            case "threadlocals": return threadlocals(command.number(1));
            default: return null;
        }
    }

    private static void add(List<byte[]> list, int count) {
        for (int i = 0; i < count; i++) {
            list.add(new byte[SIZE - 16]);
        }
    }

    private String churn(int newRate, int newLive) {
        rate = newRate;
        live = newLive;
        if (churning == null) {
            churning = new Thread(this::churn, "churn");
            churning.setDaemon(true);
            churning.start();
        }
        return Pools.heap("");
    }

    /** The oldest die first: with many alive they have been copied to the old generation by then. */
    private void churn() {
        Deque<byte[]> young = new ArrayDeque<>();
        try {
            for (;; Thread.sleep(1000 / PAUSES)) {
                for (int i = rate * 1024 / PAUSES; i > 0; i--) {
                    young.add(new byte[SIZE - 16]);
                }
                while (young.size() > live * 1024) {
                    young.remove();
                }
            }
        } catch (InterruptedException e) {
            throw new IllegalStateException(e); // nothing interrupts it
        }
    }

    /** Garbage too large for a thread's buffer, each allocated with another stack. */
    private static String stacks(int count) {
        for (int i = 0; i < count; i++) {
            left(i, 40);
        }
        return Pools.heap("");
    }

    private static void left(int path, int depth) {
        if (depth == 0) {
            last = new byte[64 << 10];
        } else if ((path & 1) == 0) {
            left(path >> 1, depth - 1);
        } else {
            right(path >> 1, depth - 1);
        }
    }

    private static void right(int path, int depth) {
        left(path, depth - 1);
    }

    /** Threads of a pool live on, and with them what they have in a ThreadLocal. */
    private String threadlocals(int mib) throws Exception {
        if (workers == null) {
            AtomicInteger number = new AtomicInteger();
            workers = Executors.newFixedThreadPool(WORKERS, task -> {
                Thread thread = new Thread(task, "worker-" + number.getAndIncrement());
                thread.setDaemon(true);
                return thread;
            });
        }
        List<Future<?>> tasks = new ArrayList<>();
        for (int i = 0; i < mib * WORKERS; i++) {
            tasks.add(workers.submit(() -> add(local.get(), 1024 / WORKERS)));
        }
        for (Future<?> task : tasks) {
            task.get();
        }
        return Pools.heap("");
    }
}
