import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/** Memory that the class library mallocs: direct buffers and Unsafe. */
final class Buffers implements Workload.Kind {
    private final List<ByteBuffer> direct = new ArrayList<>();
    private final List<Long> unsafe = new ArrayList<>();
    private long unsafeBytes;

    @Override
    public String run(Command command) throws Exception {
        switch (command.name()) {
            case "direct": return direct(command.number(1));
            case "directfree": return directfree();
            case "unsafe": return unsafe(command.number(1), command.number(2, Workload.MIB));
            case "unsafeblocks": return unsafeblocks(command.number(1), command.number(2));
            case "unsafefree": return unsafefree();
            default: return null;
        }
    }

    private String direct(int mib) {
        for (int i = 0; i < mib; i++) {
            ByteBuffer buffer = ByteBuffer.allocateDirect(Workload.MIB);
            for (int k = 0; k < Workload.MIB; k += Workload.PAGE) {
                buffer.put(k, (byte) 1);
            }
            direct.add(buffer);
        }
        return "direct_bytes=" + Pools.directBytes();
    }

    private String directfree() throws InterruptedException {
        long kept = Pools.directBytes() - (long) direct.size() * Workload.MIB;
        direct.clear();
        // The collector enqueues the buffers; a thread of the JVM frees them later.
        for (Deadline deadline = new Deadline("direct buffers not freed"); Pools.directBytes() > kept; ) {
            System.gc();
            deadline.sleep(20);
        }
        return "direct_bytes=" + Pools.directBytes();
    }

    private String unsafe(int mib, int chunk) throws Exception {
        return unsafeblocks((int) ((long) mib * Workload.MIB / chunk), chunk);
    }

    private String unsafeblocks(int count, int chunk) throws Exception {
        Object instance = Reflection.unsafe();
        Method allocate = instance.getClass().getMethod("allocateMemory", long.class);
        Method fill = instance.getClass().getMethod("setMemory", long.class, long.class, byte.class);
        for (int i = 0; i < count; i++) {
            Long address = (Long) allocate.invoke(instance, (long) chunk);
            fill.invoke(instance, address, (long) chunk, (byte) 1);
            unsafe.add(address);
            unsafeBytes += chunk;
        }
        return "unsafe_bytes=" + unsafeBytes;
    }

    private String unsafefree() throws Exception {
        Object instance = Reflection.unsafe();
        Method free = instance.getClass().getMethod("freeMemory", long.class);
        for (Long address : unsafe) {
            free.invoke(instance, address);
        }
        unsafe.clear();
        unsafeBytes = 0;
        return "unsafe_bytes=0";
    }
}
