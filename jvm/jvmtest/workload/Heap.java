import java.util.ArrayList;
import java.util.List;

/** The Java heap, and what collectors keep beside it. */
final class Heap implements Workload.Kind {
    /** References of 4 bytes in 1 MiB with their header: the smallest that gets regions of its own in G1. */
    private static final int NODE = (Workload.MIB - 16) / 4;

    private final List<byte[]> arrays = new ArrayList<>();
    private final List<Object[]> nodes = new ArrayList<>();

    @Override
    public String run(Command command) {
        switch (command.name()) {
            case "heap": return heap(command.number(1));
            case "heapfree": arrays.clear(); return gc();
            case "refs": return refs(command.number(1));
            case "refsfree": nodes.clear(); return gc();
            case "gc": return gc();
            default: return null;
        }
    }

    private static String gc() {
        System.gc();
        return Pools.heap("");
    }

    /**
     * Arrays of 16 MiB with their header: in G1, ZGC and Shenandoah such an object gets regions of its own, which
     * are touched once. Small ones would be copied from eden and leave its pages resident too.
     */
    private String heap(int mib) {
        for (int left = mib; left > 0; left -= 16) {
            byte[] array = new byte[Math.min(left, 16) * Workload.MIB - 16];
            for (int i = 0; i < array.length; i += Workload.PAGE) {
                array[i] = 1;
            }
            arrays.add(array);
        }
        return Pools.heap("");
    }

    /** Each node refers to all others, and to some objects that are younger than it. */
    private String refs(int mib) {
        for (int i = 0; i < mib; i++) {
            nodes.add(new Object[NODE]);
        }
        Object[] references = nodes.get(nodes.size() - 1);
        for (int i = 0; i < NODE; i++) {
            references[i] = i % 4096 == 0 ? new Object() : nodes.get(i % nodes.size());
        }
        for (Object[] node : nodes) {
            System.arraycopy(references, 0, node, 0, NODE);
        }
        return Pools.heap("");
    }
}
