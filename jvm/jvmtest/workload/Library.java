/** Memory that native code allocates: workload.c. */
final class Library implements Workload.Kind {
    private static final String PATH = System.getProperty("jvmem.library");

    static {
        if (PATH != null) {
            System.load(PATH);
        }
    }

    @Override
    public String run(Command command) {
        switch (command.name()) {
            case "jni": return jni(command.number(1), command.number(2, 64 << 10));
            case "jnifree": require(); return reply(freeAll());
            case "jniretain": return jniretain(command.number(1), command.number(2));
            case "jniretainfree": return jniretainfree();
            case "jnifragment": return jnifragment(command.number(1));
            case "jnimmap": require(); return reply(map((long) command.number(1) * Workload.MIB));
            case "jnimunmap": require(); return reply(unmapAll());
            default: return null;
        }
    }

    static void require() {
        if (PATH == null) {
            throw new IllegalStateException("needs -Djvmem.library=.../libworkload.so");
        }
    }

    /** What glibc says of all that was malloced, as key=value words that end in a space; nothing without the library. */
    static String account(String prefix) {
        return PATH == null ? "" : prefix + "in_use_bytes=" + inUse() + " " + prefix + "retained_bytes=" + retained() + " ";
    }

    private static String reply(long bytes) {
        return "bytes=" + bytes + " " + account("");
    }

    private String jni(int mib, int chunk) {
        require();
        return reply(allocate((long) mib * Workload.MIB, chunk));
    }

    private String jniretain(int mib, int threads) {
        require();
        String before = account("before_");
        retain((long) mib * Workload.MIB, threads);
        return before + account("after_");
    }

    private String jnifragment(int mib) {
        require();
        String before = account("before_");
        fragment((long) mib * Workload.MIB);
        return before + account("after_");
    }

    private String jniretainfree() {
        require();
        String before = account("before_");
        release();
        return before + account("after_");
    }

    /** Adds touched chunks; returns the bytes of all. */
    private static native long allocate(long bytes, long chunk);

    private static native long freeAll();

    /** Threads malloc so much and free it, so that their arenas keep it. */
    private static native void retain(long bytes, int threads);

    /** Mallocs so much and frees it, in chunks that fit into none that were freed before. */
    private static native void fragment(long bytes);

    /** Ends these threads, and trims. */
    private static native void release();

    /** Adds an anonymous, touched mapping; returns the bytes of all. */
    private static native long map(long bytes);

    private static native long unmapAll();

    /** Looks up count names in a folder, none of which exists. */
    static native void lookUp(byte[] folder, long count);

    private static native long inUse();

    private static native long retained();
}
