import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** Other processes. */
final class Children implements Workload.Kind {
    private final List<Process> children = new ArrayList<>();
    private long held; // by the newest

    @Override
    public String run(Command command) throws Exception {
        switch (command.name()) {
            case "child": return child(command.number(1));
            case "childgrow": return childgrow(command.number(1));
            case "childfree": return childfree();
            default: return null;
        }
    }

    /** tail keeps a line without an end in memory for as long as its input is open: an exact, tiny process. */
    private String child(int mib) throws Exception {
        children.add(new ProcessBuilder("tail", "-n", "1").start());
        held = 0;
        return childgrow(mib);
    }

    /** The newest child. */
    private String childgrow(int mib) throws Exception {
        Process child = children.get(children.size() - 1);
        OutputStream input = child.getOutputStream();
        byte[] buffer = new byte[64 << 10];
        for (int i = 0; i < mib * 16; i++) {
            input.write(buffer);
        }
        input.flush();
        held += (long) mib * Workload.MIB;
        // What the pipe still holds is not in tail's memory yet.
        long pid = Reflection.pid(child);
        long bytes;
        for (Deadline deadline = new Deadline("tail does not read"); (bytes = anonymous(pid)) < held; ) {
            deadline.sleep(10);
        }
        return "child_pid=" + pid + " child_anonymous_bytes=" + bytes;
    }

    /** From smaps_rollup, as the counters of statm lag by up to 32 pages a CPU. */
    private static long anonymous(long pid) throws IOException {
        try (BufferedReader in = new BufferedReader(new InputStreamReader(
                new FileInputStream("/proc/" + pid + "/smaps_rollup"), StandardCharsets.US_ASCII))) {
            for (String line; (line = in.readLine()) != null; ) {
                if (line.startsWith("Anonymous:")) {
                    return Long.parseLong(line.split(" +")[1]) * 1024;
                }
            }
        }
        return 0;
    }

    private String childfree() throws InterruptedException {
        for (Process child : children) {
            child.destroyForcibly().waitFor();
        }
        children.clear();
        return "children=0";
    }
}
