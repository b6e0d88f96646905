import java.lang.management.BufferPoolMXBean;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryUsage;

/** What the JVM itself says of its memory, as key=value words that end in a space. */
final class Pools {
    private static final BufferPoolMXBean DIRECT = direct();

    private Pools() {
    }

    static long directBytes() {
        return DIRECT.getMemoryUsed();
    }

    private static BufferPoolMXBean direct() {
        for (BufferPoolMXBean pool : ManagementFactory.getPlatformMXBeans(BufferPoolMXBean.class)) {
            if (pool.getName().equals("direct")) {
                return pool;
            }
        }
        throw new IllegalStateException("no pool of direct buffers");
    }

    static String heap(String prefix) {
        return usage(prefix + "heap", ManagementFactory.getMemoryMXBean().getHeapMemoryUsage());
    }

    /** HotSpot's pool Metaspace includes the class space. */
    static String metaspace(String prefix) {
        StringBuilder out = new StringBuilder();
        for (MemoryPoolMXBean pool : ManagementFactory.getMemoryPoolMXBeans()) {
            if (pool.getName().equals("Metaspace")) {
                out.append(usage(prefix + "metaspace", pool.getUsage()));
            } else if (pool.getName().equals("Compressed Class Space")) {
                out.append(usage(prefix + "class_space", pool.getUsage()));
            }
        }
        return out.toString();
    }

    static String code(String prefix) {
        return usage(prefix + "code", codeUsage());
    }

    /** Of one pool "Code Cache" (8), "CodeCache" or some "CodeHeap 'kind of code'". */
    static MemoryUsage codeUsage() {
        long used = 0;
        long committed = 0;
        for (MemoryPoolMXBean pool : ManagementFactory.getMemoryPoolMXBeans()) {
            if (pool.getName().startsWith("Code")) {
                used += pool.getUsage().getUsed();
                committed += pool.getUsage().getCommitted();
            }
        }
        return new MemoryUsage(0, used, committed, -1);
    }

    private static String usage(String name, MemoryUsage usage) {
        return name + "_used_bytes=" + usage.getUsed() + " " + name + "_committed_bytes=" + usage.getCommitted() + " ";
    }
}
