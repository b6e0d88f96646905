import java.io.File;
import java.io.RandomAccessFile;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.util.Arrays;
import java.util.concurrent.locks.LockSupport;

/** Measures in the application how long its frequent operations take. */
final class Stalls implements Workload.Kind {
    private static final long TURN_NANOS = 200_000;
    private static final long CHANGE_NANOS = 1_000_000;
    private static final int CHANGES_PER_THREAD = 10;
    private static final int MAPPED = 64 << 10;

    private Durations turn;
    private Durations map;
    private Durations unmap;
    private Durations start;

    @Override
    public String run(Command command) throws Exception {
        switch (command.name()) {
            case "stallstart": return begin();
            case "stalls": return turn.take("turn") + map.take("map") + unmap.take("unmap") + start.take("start");
            default: return null;
        }
    }

    private String begin() throws Exception {
        File file = File.createTempFile("stalls", null);
        try (RandomAccessFile mapped = new RandomAccessFile(file, "rw")) {
            mapped.setLength(MAPPED);
        }
        turn = new Durations();
        map = new Durations();
        unmap = new Durations();
        start = new Durations();
        FileChannel channel = new RandomAccessFile(file, "rw").getChannel();
        if (!file.delete()) {
            throw new IllegalStateException(file + " cannot be deleted");
        }
        daemon("turns", this::turns);
        daemon("changes", () -> changes(channel));
        return "";
    }

    private static void daemon(String name, Runnable body) {
        Thread thread = new Thread(body, name);
        thread.setDaemon(true);
        thread.start();
    }

    /** Feels whatever keeps a thread from running: safepoints, and a CPU that another process has. */
    private void turns() {
        for (long last = System.nanoTime(); ; ) {
            LockSupport.parkNanos(TURN_NANOS);
            long now = System.nanoTime();
            turn.add(now - last);
            last = now;
        }
    }

    /** Is delayed while another thread holds the lock of the process' mappings (mmap_lock). */
    private void changes(FileChannel channel) {
        try {
            for (int i = 0; ; i++) {
                long begun = System.nanoTime();
                MappedByteBuffer buffer = channel.map(FileChannel.MapMode.READ_WRITE, 0, MAPPED);
                long mapped = System.nanoTime();
                map.add(mapped - begun);
                Reflection.clean(buffer);
                unmap.add(System.nanoTime() - mapped);
                if (i % CHANGES_PER_THREAD == 0) {
                    begun = System.nanoTime();
                    Thread thread = new Thread(() -> { });
                    thread.start();
                    start.add(System.nanoTime() - begun);
                    thread.join();
                }
                LockSupport.parkNanos(CHANGE_NANOS);
            }
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    /** The last million durations that were not taken yet: enough for some minutes. */
    private static final class Durations {
        private final long[] nanos = new long[1 << 20];
        private int count;

        synchronized void add(long duration) {
            nanos[count++ % nanos.length] = duration;
        }

        synchronized String take(String name) {
            int n = Math.min(count, nanos.length);
            Arrays.sort(nanos, 0, n);
            String words = name + "_count=" + n;
            if (n > 0) {
                words += " " + name + "_p999_nanos=" + nanos[(int) ((n - 1) * 0.999)] + " " + name + "_max_nanos=" + nanos[n - 1];
            }
            count = 0;
            return words + " ";
        }
    }
}
