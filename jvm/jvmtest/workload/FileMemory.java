import java.io.File;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Pages of files: mapped, in tmpfs, in the page cache. */
final class FileMemory implements Workload.Kind {
    private final List<MappedByteBuffer> mappings = new ArrayList<>();

    @Override
    public String run(Command command) throws Exception {
        switch (command.name()) {
            case "mapfile": return mapfile(command.text(1), command.number(2));
            case "mapprivate": return map(command.text(1), command.number(2), FileChannel.MapMode.PRIVATE);
            case "mappings": return mappings(command.text(1), command.number(2));
            case "mapfree": return mapfree();
            case "shmfile": return write(command.text(1), command.number(2), false);
            case "pagecache": return write(command.text(1), command.number(2), true) + " " + read(command.text(1));
            case "unlink": return unlink(command.text(1));
            default: return null;
        }
    }

    private String mapfile(String path, int mib) throws IOException {
        if (!new File(path).createNewFile()) {
            // Pages already cached are charged to the cgroup that read them first.
            throw new IOException(path + " exists");
        }
        return map(path, mib, FileChannel.MapMode.READ_WRITE);
    }

    private String map(String path, int mib, FileChannel.MapMode mode) throws IOException {
        try (RandomAccessFile file = new RandomAccessFile(path, "rw")) {
            long size = (long) mib * Workload.MIB;
            if (file.length() < size) {
                file.setLength(size);
            }
            MappedByteBuffer mapping = file.getChannel().map(mode, 0, size);
            for (int i = 0; i < mapping.capacity(); i += Workload.PAGE) {
                mapping.put(i, (byte) 1);
            }
            mappings.add(mapping);
            return "mapped_bytes=" + mapping.capacity();
        }
    }

    /** Mappings of one and the same page: the kernel merges only neighbours in the file. */
    private String mappings(String path, int count) throws IOException {
        try (RandomAccessFile file = new RandomAccessFile(path, "rw")) {
            file.setLength(Workload.PAGE);
            for (int i = 0; i < count; i++) {
                MappedByteBuffer mapping = file.getChannel().map(FileChannel.MapMode.READ_WRITE, 0, Workload.PAGE);
                mapping.put(0, (byte) 1);
                mappings.add(mapping);
            }
        }
        return "mappings=" + mappings.size();
    }

    private String mapfree() throws Exception {
        for (MappedByteBuffer mapping : mappings) {
            Reflection.clean(mapping);
        }
        mappings.clear();
        return "mapped_bytes=0";
    }

    private static String write(String path, int mib, boolean sync) throws IOException {
        byte[] buffer = new byte[64 << 10];
        Arrays.fill(buffer, (byte) 7);
        try (FileOutputStream out = new FileOutputStream(path)) {
            for (int i = 0; i < mib * 16; i++) {
                out.write(buffer);
            }
            if (sync) {
                out.getFD().sync();
            }
        }
        return "written_bytes=" + (long) mib * Workload.MIB;
    }

    private static String read(String path) throws IOException {
        byte[] buffer = new byte[64 << 10];
        long total = 0;
        try (FileInputStream in = new FileInputStream(path)) {
            for (int n; (n = in.read(buffer)) > 0; ) {
                total += n;
            }
        }
        return "read_bytes=" + total;
    }

    private static String unlink(String path) throws IOException {
        Files.delete(Paths.get(path));
        return "";
    }
}
