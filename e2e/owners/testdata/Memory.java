import java.lang.reflect.Field;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import sun.misc.Unsafe;

/** Memory of the class library that is not in the heap. */
final class Memory {
    private static final Unsafe UNSAFE;
    private static final ArrayDeque<Long> POOL = new ArrayDeque<>();
    private static long[] addresses = Leak.hold(new long[1 << 16]);
    private static int count;

    static {
        try {
            Field field = Unsafe.class.getDeclaredField("theUnsafe");
            field.setAccessible(true);
            UNSAFE = (Unsafe) field.get(null);
        } catch (ReflectiveOperationException problem) {
            throw new IllegalStateException(problem);
        }
    }

    private Memory() {}

    static long direct() {
        ByteBuffer buffer = Leak.hold(ByteBuffer.allocateDirect(20_000));
        for (int i = 0; i < buffer.capacity(); i += 1000) {
            buffer.putLong(i, i);
        }
        return buffer.capacity();
    }

    static long unsafe() {
        long address = UNSAFE.allocateMemory(4000);
        UNSAFE.setMemory(address, 4000, (byte) 7);
        addresses[count++] = address;
        return 4000;
    }

    /** No leak: at most 8 MiB, which a warm-up fills. */
    static long pool() {
        long address = POOL.size() < 2000 ? UNSAFE.allocateMemory(4000) : POOL.poll();
        UNSAFE.setMemory(address, 4000, (byte) count++);
        POOL.add(address);
        return 4000;
    }
}
