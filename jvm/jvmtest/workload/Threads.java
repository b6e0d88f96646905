import java.io.File;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;

/** Stacks of threads. */
final class Threads implements Workload.Kind {
    private final List<Thread> threads = new ArrayList<>();
    private final Queue<String> tasks = new ConcurrentLinkedQueue<>();
    private volatile boolean stopping;

    @Override
    public String run(Command command) throws Exception {
        switch (command.name()) {
            case "threads": return threads(command.number(1), command.number(2), command.text(3, "workload"));
            case "threadfree": return threadfree();
            default: return null;
        }
    }

    void warmUp() throws Exception {
        threads(1, 0, "warm");
        threadfree();
    }

    private String threads(int count, int kib, String name) throws Exception {
        CountDownLatch deep = new CountDownLatch(count);
        AtomicLong bytes = new AtomicLong();
        AtomicReference<Throwable> failure = new AtomicReference<>();
        // 0 is the JVM's default size; a deeper descent gets the room that it needs.
        long stackSize = kib <= 512 ? 0 : (kib + 512) * 1024L;
        for (int i = 0; i < count; i++) {
            Thread thread = new Thread(null, () -> {
                try (StackPointer pointer = new StackPointer()) {
                    tasks.add(Files.readSymbolicLink(Paths.get("/proc/thread-self")).getFileName().toString());
                    long top = pointer.read();
                    bytes.addAndGet(top - descend(pointer, top - kib * 1024L, 0));
                } catch (Throwable t) {
                    failure.set(t);
                }
                deep.countDown();
                while (!stopping) {
                    try {
                        Thread.sleep(3_600_000);
                    } catch (InterruptedException e) {
                        // threadfree asks to look at stopping again
                    }
                }
            }, name + "-" + threads.size(), stackSize);
            thread.setDaemon(true);
            thread.start();
            threads.add(thread);
        }
        deep.await();
        if (failure.get() != null) {
            throw new IllegalStateException(failure.get());
        }
        return "threads=" + threads.size() + " depth_bytes=" + bytes.get();
    }

    /** Recurses until the stack pointer is at or below floor; returns the lowest one seen. */
    private static long descend(StackPointer pointer, long floor, int depth) {
        if (depth % 64 == 0) {
            long now = pointer.read();
            if (now <= floor) {
                return now;
            }
        }
        long deeper = descend(pointer, floor, depth + 1);
        return Math.min(deeper, Long.MAX_VALUE - depth); // not a tail call
    }

    private String threadfree() throws InterruptedException {
        stopping = true;
        for (Thread thread : threads) {
            thread.interrupt();
        }
        for (Thread thread : threads) {
            thread.join();
        }
        threads.clear();
        stopping = false;
        // join returns before the thread has given its stack back.
        Deadline deadline = new Deadline("threads do not end");
        for (String task; (task = tasks.peek()) != null; ) {
            if (new File("/proc/self/task/" + task).exists()) {
                deadline.sleep(1);
            } else {
                tasks.remove();
            }
        }
        return "threads=0";
    }
}
