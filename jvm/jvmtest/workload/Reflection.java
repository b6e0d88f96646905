import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.nio.ByteBuffer;

/** What differs by version of the class library, or what javac would warn of by name. */
final class Reflection {
    private Reflection() {
    }

    /** The sun.misc.Unsafe. */
    static Object unsafe() throws Exception {
        Field field = Class.forName("sun.misc.Unsafe").getDeclaredField("theUnsafe");
        field.setAccessible(true);
        return field.get(null);
    }

    /** An instance whose constructor did not run: from 18 on, each new constructor called leaves much garbage. */
    static Object instance(Class<?> type) throws Exception {
        Object unsafe = unsafe();
        return unsafe.getClass().getMethod("allocateInstance", Class.class).invoke(unsafe, type);
    }

    /** Frees a direct buffer, or unmaps a mapped one, at once. */
    static void clean(ByteBuffer buffer) throws Exception {
        Object unsafe = unsafe();
        try {
            unsafe.getClass().getMethod("invokeCleaner", ByteBuffer.class).invoke(unsafe, buffer);
        } catch (NoSuchMethodException e) { // JDK 8
            Method method = buffer.getClass().getMethod("cleaner");
            method.setAccessible(true);
            Object cleaner = method.invoke(buffer);
            cleaner.getClass().getMethod("clean").invoke(cleaner);
        }
    }

    static long pid(Process process) throws Exception {
        try {
            return (Long) Process.class.getMethod("pid").invoke(process);
        } catch (NoSuchMethodException e) { // JDK 8
            Field field = process.getClass().getDeclaredField("pid");
            field.setAccessible(true);
            return field.getInt(process);
        }
    }
}
