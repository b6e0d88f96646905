import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;

/** Stacks of virtual threads, which are heap while the threads are parked. By reflection, as JDK 8 has none. */
final class VirtualThreads implements Workload.Kind {
    private final List<Thread> threads = new ArrayList<>();
    private volatile boolean stopping;

    @Override
    public String run(Command command) throws Exception {
        switch (command.name()) {
            case "vthreads": return vthreads(command.number(1), command.number(2));
            case "vthreadsfree": return vthreadsfree();
            default: return null;
        }
    }

    private String vthreads(int count, int kib) throws Exception {
        int frames = (int) (kib * 1024L / frameBytes());
        Runnable deep = () -> recurse(frames, () -> {
            while (!stopping) {
                LockSupport.park();
            }
        });
        int first = threads.size();
        for (int i = 0; i < count; i++) {
            threads.add((Thread) Thread.class.getMethod("startVirtualThread", Runnable.class).invoke(null, deep));
        }
        Deadline deadline = new Deadline("virtual threads do not park");
        for (Thread thread : threads.subList(first, threads.size())) {
            while (thread.getState() != Thread.State.WAITING) {
                if (!thread.isAlive()) {
                    throw new IllegalStateException("a virtual thread ended: KIB has to be less than -Xss");
                }
                deadline.sleep(1);
            }
        }
        return "virtual_threads=" + threads.size() + " " + Pools.heap("");
    }

    private static void recurse(int frames, Runnable bottom) {
        if (frames > 0) {
            recurse(frames - 1, bottom);
        } else {
            bottom.run();
        }
    }

    /** Measured by this thread: a virtual one has no task of its own to ask the kernel for. */
    private static long frameBytes() throws IOException {
        int frames = 1000;
        try (StackPointer pointer = new StackPointer()) {
            long top = pointer.read();
            long[] low = new long[1];
            recurse(frames, () -> low[0] = pointer.read());
            return (top - low[0]) / frames;
        }
    }

    private String vthreadsfree() throws InterruptedException {
        stopping = true;
        for (Thread thread : threads) {
            LockSupport.unpark(thread);
        }
        for (Thread thread : threads) {
            thread.join();
        }
        threads.clear();
        stopping = false;
        System.gc();
        return "virtual_threads=0 " + Pools.heap("");
    }
}
