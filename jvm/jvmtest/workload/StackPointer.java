import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;

/**
 * The stack pointer of the thread that makes and uses this, which the kernel reports: the size of Java frames
 * depends on the JIT. Makes no garbage, as that would grow the heap.
 */
final class StackPointer implements AutoCloseable {
    private final RandomAccessFile file = new RandomAccessFile("/proc/thread-self/syscall", "r");
    private final byte[] line = new byte[256];

    StackPointer() throws IOException {
    }

    /** The line: number, six arguments, 0x stack pointer, 0x program counter. */
    long read() {
        int n;
        try {
            file.seek(0);
            n = file.read(line);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
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
            throw new IllegalStateException("/proc/thread-self/syscall: unexpected content");
        }
        return pointer;
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}
