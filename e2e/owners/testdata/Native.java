import java.util.Random;

/** Leaks of C code, in native.c. */
final class Native {
    private static final Random RANDOM = new Random(1);
    private static final byte[] ARRAY = new byte[2000];

    private Native() {}

    /** Bytes of all blocks of glibc's malloc that are in use. */
    static native long inUse();

    private static native long handler(int bytes);
    private static native long list(int bytes);
    private static native long table(int bytes);
    private static native long grow(int bytes);
    private static native long random(int bytes);
    private static native long text(int bytes);
    private static native long peer(int bytes);
    private static native long untouched(int bytes);
    private static native long map(int bytes, boolean callback);
    private static native long thread(int bytes);
    private static native long reused(int bytes);
    private static native long pointers(int bytes, Object object);
    private static native long retained(int bytes);
    private static native void characters(String text);
    private static native void elements(byte[] array);
    private static native void global(Object object);
    private static native void weak(Object object);
    private static native int sizeOf(long address);

    static long handler() { return handler(1100); }
    static long list() { return list(900); }
    static long table() { return table(1300); }
    static long grow() { return grow(1 << 20); }
    static long random() { return random(1000); }
    static long text() { return text(700); }
    static long peer() {
        Image image = Leak.hold(new Image(peer(3000)));
        return sizeOf(image.handle);
    }
    static long untouched() { return untouched(100_000); }
    static long map() { return map(200_000, false); }
    static long mapWithCallbacks() { return map(200_000, true); }
    static long thread() { return thread(100_000); }
    static long reused() { return reused(1 << 20); }
    static long pointers() { return pointers(1000, Leak.hold(new Object())); }
    static long retained() { return retained(1 << 20); }
    static long characters() {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < 50; i++) {
            text.append("order ").append(RANDOM.nextInt(1000));
        }
        characters(text.toString());
        return 0;
    }
    static long elements() {
        elements(ARRAY);
        return 0;
    }
    static long globals() {
        for (int i = 0; i < 64; i++) {
            global(ARRAY);
        }
        return 0;
    }
    static long weaks() {
        for (int i = 0; i < 64; i++) {
            weak(ARRAY);
        }
        return 0;
    }

    /** A Java object with the address of its native peer. */
    private static final class Image {
        private final long handle;

        Image(long handle) { this.handle = handle; }
    }
}
