/** Leaks of C++ code, in shop.cpp. */
final class Shop {
    static {
        System.load(System.getProperty("leak.shop"));
    }

    private Shop() {}

    private static native long stored(int bytes);
    private static native long lost(int bytes);
    private static native long strings(int bytes);
    private static native long deleted(int count);

    /** Sessions in a map that is a global variable. */
    static long stored() { return stored(800); }

    /** Sessions that nobody refers to. */
    static long lost() { return lost(800); }

    /** A vector of strings that is a global variable. */
    static long strings() { return strings(300); }

    /** Blocks of sessions that were deleted have text. */
    static long deleted() { return deleted(1000); }
}
