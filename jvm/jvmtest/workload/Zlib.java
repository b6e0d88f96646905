import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.zip.DataFormatException;
import java.util.zip.Deflater;
import java.util.zip.Inflater;

/** Memory that the class library has zlib malloc. */
final class Zlib implements Workload.Kind {
    private static final int INPUT = 128 << 10; // more than zlib's window and buffers hold

    private final List<Deflater> deflaters = new ArrayList<>();
    private final List<Inflater> inflaters = new ArrayList<>();
    private final byte[] output = new byte[2 * INPUT];
    private byte[] input; // what can't be compressed, so that all of zlib's memory is used

    @Override
    public String run(Command command) throws Exception {
        switch (command.name()) {
            case "deflaters": return deflaters(command.number(1));
            case "deflatersfree": return deflatersfree();
            case "inflaters": return inflaters(command.number(1));
            case "inflatersfree": return inflatersfree();
            default: return null;
        }
    }

    private String deflaters(int count) {
        String before = Library.account("before_");
        for (int i = 0; i < count; i++) {
            Deflater deflater = new Deflater();
            deflate(deflater);
            deflaters.add(deflater);
        }
        return "deflaters=" + deflaters.size() + " " + before + Library.account("after_");
    }

    private int deflate(Deflater deflater) {
        if (input == null) {
            input = new byte[INPUT];
            new Random(1).nextBytes(input);
        }
        deflater.setInput(input);
        int length = deflater.deflate(output, 0, output.length, Deflater.SYNC_FLUSH);
        if (length < INPUT) {
            throw new IllegalStateException("deflated to " + length + " bytes");
        }
        return length;
    }

    private String deflatersfree() {
        String before = Library.account("before_");
        for (Deflater deflater : deflaters) {
            deflater.end();
        }
        deflaters.clear();
        return "deflaters=0 " + before + Library.account("after_");
    }

    private String inflaters(int count) throws DataFormatException {
        Deflater deflater = new Deflater();
        int length = deflate(deflater);
        deflater.end();
        String before = Library.account("before_");
        byte[] inflated = new byte[INPUT];
        for (int i = 0; i < count; i++) {
            Inflater inflater = new Inflater();
            inflater.setInput(output, 0, length);
            // In pieces, as zlib keeps a window only of what a later piece may refer to.
            for (int done = 0; done < INPUT; ) {
                int n = inflater.inflate(inflated, done, Math.min(INPUT / 4, INPUT - done));
                if (n == 0) {
                    throw new IllegalStateException("inflated only " + done + " bytes");
                }
                done += n;
            }
            inflaters.add(inflater);
        }
        return "inflaters=" + inflaters.size() + " " + before + Library.account("after_");
    }

    private String inflatersfree() {
        String before = Library.account("before_");
        for (Inflater inflater : inflaters) {
            inflater.end();
        }
        inflaters.clear();
        return "inflaters=0 " + before + Library.account("after_");
    }
}
