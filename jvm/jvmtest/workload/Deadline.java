/** Ends a wait for what the JVM or the kernel does in its own time. */
final class Deadline {
    private static final long MILLIS = 60_000; // 20 ms usually; in a guest whose CPU is emulated seconds

    private final long end = System.nanoTime() + MILLIS * 1_000_000;
    private final String failure;

    Deadline(String failure) {
        this.failure = failure;
    }

    void sleep(int millis) throws InterruptedException {
        if (System.nanoTime() > end) {
            throw new IllegalStateException(failure);
        }
        Thread.sleep(millis);
    }
}
