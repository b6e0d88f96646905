import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.RandomAccessFile;
import java.lang.management.BufferPoolMXBean;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;

/**
 * Grows one kind of memory at a time, by a known amount, on command.
 *
 * Reads a command a line on stdin and answers each with one line on stdout, "OK command key=value ..." or
 * "ERR command reason", when the growth is complete. Says "READY" when it listens; ends at the end of stdin.
 * doc.go lists the commands. Java 8 syntax and class library.
 */
public class Workload {
    private static final int PAGE = 4096;
    private static final int MIB = 1 << 20;
    private static final long DEADLINE_MILLIS = 20_000;

    private final List<byte[]> heap = new ArrayList<>();
    private final List<Object> classes = new ArrayList<>();
    private final List<Thread> threads = new ArrayList<>();
    private final Queue<String> tasks = new ConcurrentLinkedQueue<>();
    private final List<ByteBuffer> direct = new ArrayList<>();
    private final List<Long> unsafe = new ArrayList<>();
    private final List<MappedByteBuffer> mappings = new ArrayList<>();
    private final List<Process> children = new ArrayList<>();
    private final byte[] template = resource("Workload$Template.class");
    private byte[] big;
    private final BufferPoolMXBean directPool = directPool();
    private long unsafeBytes;
    private volatile boolean stopping;

    public static void main(String[] args) throws Exception {
        Workload workload = new Workload();
        // What answering needs is loaded before the first measurement.
        workload.metaspace("warm_");
        workload.threads(1, 0, "warm");
        workload.threadfree();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        System.out.println("READY");
        for (String line; (line = in.readLine()) != null; ) {
            String reply;
            try {
                reply = "OK " + line + " " + workload.run(line.trim().split(" +"));
            } catch (Throwable t) {
                reply = "ERR " + line + " " + t;
            }
            System.out.println(reply.trim());
        }
        // halt: a stopping JVM would wait for nothing, but runs shutdown hooks.
        Runtime.getRuntime().halt(0);
    }

    private String run(String[] words) throws Exception {
        switch (words[0]) {
            case "heap": return heap(number(words, 1));
            case "heapfree": heap.clear(); System.gc(); return used();
            case "gc": System.gc(); return used();
            case "classes": return classes(number(words, 1));
            case "bigclasses": return bigclasses(number(words, 1));
            case "classfree": return classfree();
            case "threads": return threads(number(words, 1), number(words, 2), words.length > 3 ? words[3] : "workload");
            case "threadfree": return threadfree();
            case "direct": return direct(number(words, 1));
            case "directfree": return directfree();
            case "unsafe": return unsafe(number(words, 1), words.length > 2 ? number(words, 2) : MIB);
            case "unsafefree": return unsafefree();
            case "mapfile": return mapfile(words[1], number(words, 2));
            case "mapprivate": return mapprivate(words[1], number(words, 2));
            case "shmfile": return write(words[1], number(words, 2), false);
            case "pagecache": return write(words[1], number(words, 2), true) + " " + read(words[1]);
            case "child": return child(number(words, 1));
            case "childfree": return childfree();
            case "exit": Runtime.getRuntime().halt(0); return "";
            default: throw new IllegalArgumentException("unknown command");
        }
    }

    private static int number(String[] words, int index) {
        int n = Integer.parseInt(words[index]);
        if (n < 0) {
            throw new IllegalArgumentException("negative: " + n);
        }
        return n;
    }

    /**
     * Arrays of 16 MiB with their header: in G1, ZGC and Shenandoah such an object gets regions of its own, which
     * are touched once. Small ones would be copied from eden and leave its pages resident too.
     */
    private String heap(int mib) {
        for (int left = mib; left > 0; left -= 16) {
            byte[] array = new byte[Math.min(left, 16) * MIB - 16];
            for (int i = 0; i < array.length; i += PAGE) {
                array[i] = 1;
            }
            heap.add(array);
        }
        return used();
    }

    private static String used() {
        return "heap_used_bytes=" + ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
    }

    private String classes(int count) throws Exception {
        String before = metaspace("before_");
        for (int i = 0; i < count; i++) {
            classes.add(new Loader(template).define("Workload$Template").getDeclaredConstructor().newInstance());
        }
        return before + metaspace("after_") + "classes=" + classes.size();
    }

    /** Few but large classes: what they use is all but what is committed, and little else grows with it. */
    private String bigclasses(int count) throws Exception {
        if (big == null) {
            big = resource("Big.class"); // once: in ZGC it takes a page of up to 32 MiB
        }
        String before = metaspace("before_");
        for (int i = 0; i < count; i++) {
            classes.add(new Loader(big).define("Big"));
        }
        return before + metaspace("after_") + "classes=" + classes.size();
    }

    private String classfree() {
        classes.clear();
        System.gc();
        System.gc();
        return metaspace("after_");
    }

    /** HotSpot's pool Metaspace includes the class space. */
    private String metaspace(String prefix) {
        StringBuilder out = new StringBuilder();
        for (MemoryPoolMXBean pool : ManagementFactory.getMemoryPoolMXBeans()) {
            if (pool.getName().equals("Metaspace")) {
                out.append(prefix).append("metaspace_used_bytes=").append(pool.getUsage().getUsed()).append(' ');
                out.append(prefix).append("metaspace_committed_bytes=").append(pool.getUsage().getCommitted()).append(' ');
            } else if (pool.getName().equals("Compressed Class Space")) {
                out.append(prefix).append("class_space_used_bytes=").append(pool.getUsage().getUsed()).append(' ');
            }
        }
        return out.toString();
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
    private static long descend(StackPointer pointer, long floor, int depth) throws IOException {
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
        long end = System.currentTimeMillis() + DEADLINE_MILLIS;
        for (String task; (task = tasks.peek()) != null; ) {
            if (!new File("/proc/self/task/" + task).exists()) {
                tasks.remove();
            } else if (System.currentTimeMillis() > end) {
                throw new IllegalStateException("thread " + task + " does not end");
            } else {
                Thread.sleep(1);
            }
        }
        return "threads=0";
    }

    private String direct(int mib) {
        for (int i = 0; i < mib; i++) {
            ByteBuffer buffer = ByteBuffer.allocateDirect(MIB);
            for (int k = 0; k < MIB; k += PAGE) {
                buffer.put(k, (byte) 1);
            }
            direct.add(buffer);
        }
        return "direct_bytes=" + directPool.getMemoryUsed();
    }

    private String directfree() throws Exception {
        long kept = directPool.getMemoryUsed() - (long) direct.size() * MIB;
        direct.clear();
        // The collector enqueues the buffers; a thread of the JVM frees them later.
        for (long end = System.currentTimeMillis() + DEADLINE_MILLIS; directPool.getMemoryUsed() > kept; ) {
            if (System.currentTimeMillis() > end) {
                throw new IllegalStateException("direct buffers not freed");
            }
            System.gc();
            Thread.sleep(20);
        }
        return "direct_bytes=" + directPool.getMemoryUsed();
    }

    private static BufferPoolMXBean directPool() {
        for (BufferPoolMXBean pool : ManagementFactory.getPlatformMXBeans(BufferPoolMXBean.class)) {
            if (pool.getName().equals("direct")) {
                return pool;
            }
        }
        throw new IllegalStateException("no pool of direct buffers");
    }

    private String unsafe(int mib, int chunk) throws Exception {
        Class<?> type = Class.forName("sun.misc.Unsafe");
        Object instance = unsafeInstance(type);
        Method allocate = type.getMethod("allocateMemory", long.class);
        Method fill = type.getMethod("setMemory", long.class, long.class, byte.class);
        for (long i = 0; i < (long) mib * MIB / chunk; i++) {
            Long address = (Long) allocate.invoke(instance, (long) chunk);
            fill.invoke(instance, address, (long) chunk, (byte) 1);
            unsafe.add(address);
            unsafeBytes += chunk;
        }
        return "unsafe_bytes=" + unsafeBytes;
    }

    private String unsafefree() throws Exception {
        Class<?> type = Class.forName("sun.misc.Unsafe");
        Method free = type.getMethod("freeMemory", long.class);
        for (Long address : unsafe) {
            free.invoke(unsafeInstance(type), address);
        }
        unsafe.clear();
        unsafeBytes = 0;
        return "unsafe_bytes=0";
    }

    /** By reflection, as javac warns of the class by name and no option silences it. */
    private static Object unsafeInstance(Class<?> type) throws Exception {
        Field field = type.getDeclaredField("theUnsafe");
        field.setAccessible(true);
        return field.get(null);
    }

    private String mapfile(String path, int mib) throws IOException {
        if (!new File(path).createNewFile()) {
            // Pages already cached are charged to whoever read them first.
            throw new IOException(path + " exists");
        }
        return map(path, mib, FileChannel.MapMode.READ_WRITE);
    }

    private String mapprivate(String path, int mib) throws IOException {
        return map(path, mib, FileChannel.MapMode.PRIVATE);
    }

    private String map(String path, int mib, FileChannel.MapMode mode) throws IOException {
        try (RandomAccessFile file = new RandomAccessFile(path, "rw")) {
            long size = (long) mib * MIB;
            if (file.length() < size) {
                file.setLength(size);
            }
            MappedByteBuffer mapping = file.getChannel().map(mode, 0, size);
            for (int i = 0; i < mapping.capacity(); i += PAGE) {
                mapping.put(i, (byte) 1);
            }
            mappings.add(mapping);
            return "mapped_bytes=" + mapping.capacity();
        }
    }

    private static String write(String path, int mib, boolean sync) throws IOException {
        byte[] buffer = new byte[64 << 10];
        Arrays.fill(buffer, (byte) 7);
        try (FileOutputStream out = new FileOutputStream(path)) {
            for (int i = 0; i < mib * 16; i++) {
                out.write(buffer);
            }
            if (sync) {
                out.getFD().sync();
            }
        }
        return "written_bytes=" + (long) mib * MIB;
    }

    private static String read(String path) throws IOException {
        byte[] buffer = new byte[64 << 10];
        long total = 0;
        try (FileInputStream in = new FileInputStream(path)) {
            for (int n; (n = in.read(buffer)) > 0; ) {
                total += n;
            }
        }
        return "read_bytes=" + total;
    }

    /** tail keeps a line without an end in memory for as long as its input is open: an exact, tiny process. */
    private String child(int mib) throws Exception {
        Process child = new ProcessBuilder("tail", "-n", "1").start();
        children.add(child);
        OutputStream input = child.getOutputStream();
        byte[] buffer = new byte[64 << 10];
        for (int i = 0; i < mib * 16; i++) {
            input.write(buffer);
        }
        input.flush();
        // What the pipe still holds is not in tail's memory yet.
        long pid = pid(child);
        long bytes;
        for (long end = System.currentTimeMillis() + DEADLINE_MILLIS; (bytes = anonymous(pid)) < (long) mib * MIB; ) {
            if (System.currentTimeMillis() > end) {
                throw new IllegalStateException("tail holds " + bytes + " bytes");
            }
            Thread.sleep(10);
        }
        return "child_pid=" + pid + " child_anonymous_bytes=" + bytes;
    }

    private static long pid(Process process) throws Exception {
        try {
            return (Long) Process.class.getMethod("pid").invoke(process);
        } catch (NoSuchMethodException e) { // JDK 8
            Field field = process.getClass().getDeclaredField("pid");
            field.setAccessible(true);
            return field.getInt(process);
        }
    }

    /** From smaps_rollup, as the counters of statm lag by up to 32 pages a CPU. */
    private static long anonymous(long pid) throws IOException {
        try (BufferedReader in = new BufferedReader(new InputStreamReader(
                new FileInputStream("/proc/" + pid + "/smaps_rollup"), StandardCharsets.US_ASCII))) {
            for (String line; (line = in.readLine()) != null; ) {
                if (line.startsWith("Anonymous:")) {
                    return Long.parseLong(line.split(" +")[1]) * 1024;
                }
            }
        }
        return 0;
    }

    private String childfree() throws InterruptedException {
        for (Process child : children) {
            child.destroyForcibly().waitFor();
        }
        children.clear();
        return "children=0";
    }

    private static byte[] resource(String name) {
        try (InputStream in = Workload.class.getResourceAsStream(name)) {
            ByteArrayOutputStream out = new ByteArrayOutputStream();
            byte[] buffer = new byte[8192];
            for (int n; (n = in.read(buffer)) > 0; ) {
                out.write(buffer, 0, n);
            }
            return out.toByteArray();
        } catch (IOException e) {
            throw new IllegalStateException(name, e);
        }
    }

    /**
     * The stack pointer of the thread that makes and uses this, which the kernel tells: the size of Java frames
     * depends on the JIT. Makes no garbage, as that would grow the heap.
     */
    private static final class StackPointer implements AutoCloseable {
        private final RandomAccessFile file = new RandomAccessFile("/proc/thread-self/syscall", "r");
        private final byte[] line = new byte[256];

        StackPointer() throws IOException {
        }

        /** The line: number, six arguments, 0x stack pointer, 0x program counter. */
        long read() throws IOException {
            file.seek(0);
            int n = file.read(line);
            long pointer = 0;
            int spaces = 0;
            for (int i = 0; i < n && spaces < 8; i++) {
                if (line[i] == ' ') {
                    spaces++;
                } else if (spaces == 7 && line[i] != 'x') {
                    pointer = pointer << 4 | Character.digit(line[i], 16);
                }
            }
            if (spaces != 8) {
                throw new IOException("/proc/thread-self/syscall: unexpected content");
            }
            return pointer;
        }

        @Override
        public void close() throws IOException {
            file.close();
        }
    }

    private static final class Loader extends ClassLoader {
        private final byte[] code;

        Loader(byte[] code) {
            super(null);
            this.code = code;
        }

        Class<?> define(String name) {
            return defineClass(name, code, 0, code.length);
        }
    }

    /** Defined anew by every Loader: about 3 KiB of metaspace used and 6 KiB committed each (JDK 17, 25). */
    public static class Template {
        public Template() {
        }

        public int choose(int x) {
            switch (x) {
                case 1: return x * 31;
                case 2: return x ^ 0x5bd1e995;
                case 3: return x >>> 7;
                case 4: return x + 1013904223;
                default: return -x;
            }
        }

        public long mix(long x) {
            long h = x * 0x9e3779b97f4a7c15L;
            h ^= h >>> 32;
            h *= 0xd6e8feb86659fd93L;
            return h ^ (h >>> 29);
        }

        public int sum(int[] values) {
            int sum = 0;
            for (int value : values) {
                sum += value % 7 == 0 ? value : -value;
            }
            return sum;
        }

        public String words(int n) {
            StringBuilder out = new StringBuilder();
            for (int i = 0; i < n; i++) {
                out.append(i).append(choose(i)).append(mix(i)).append("first").append("second");
            }
            return out.toString();
        }

        public int greatestDivisor(int a, int b) {
            return b == 0 ? a : greatestDivisor(b, a % b);
        }
    }
}
