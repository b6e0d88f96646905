import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.Random;
import java.util.zip.Deflater;
import java.util.zip.DeflaterOutputStream;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;
import java.util.zip.Inflater;

/** Compression of the JDK without end() or close(). */
final class Zlib {
    private static final byte[] DATA = new byte[65_536];
    private static final byte[] DEFLATED;
    private static final byte[] ZIPPED;
    private static final byte[] OUTPUT = new byte[70_000];

    static {
        Random random = new Random(1);
        for (int i = 0; i < DATA.length; i++) {
            DATA[i] = (byte) random.nextInt(20);
        }
        try {
            ByteArrayOutputStream deflated = new ByteArrayOutputStream();
            try (DeflaterOutputStream to = new DeflaterOutputStream(deflated)) {
                to.write(DATA);
            }
            DEFLATED = deflated.toByteArray();
            ByteArrayOutputStream zipped = new ByteArrayOutputStream();
            try (GZIPOutputStream to = new GZIPOutputStream(zipped)) {
                to.write(DATA);
            }
            ZIPPED = zipped.toByteArray();
        } catch (IOException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    private Zlib() {}

    static long deflater() {
        Deflater deflater = Leak.hold(new Deflater(9, true));
        deflater.setInput(DATA);
        deflater.deflate(OUTPUT);
        return 0;
    }

    static long inflater() throws Exception {
        Inflater inflater = Leak.hold(new Inflater());
        inflater.setInput(DEFLATED);
        inflater.inflate(OUTPUT, 0, 40_000);
        return 0;
    }

    static long stream() throws Exception {
        Leak.hold(new GZIPInputStream(new ByteArrayInputStream(ZIPPED))).read(OUTPUT, 0, 50_000);
        return 0;
    }

    /** No leak. */
    static long ended() {
        Deflater deflater = new Deflater(9, true);
        deflater.setInput(DATA);
        deflater.deflate(OUTPUT);
        deflater.end();
        return 1 << 17;
    }
}
