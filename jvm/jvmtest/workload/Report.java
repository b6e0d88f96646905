import java.lang.management.ManagementFactory;

/** All that the JVM and glibc know themselves. */
final class Report implements Workload.Kind {
    @Override
    public String run(Command command) {
        if (!command.name().equals("report")) {
            return null;
        }
        return Pools.heap("") + Pools.metaspace("") + Pools.code("") + "direct_bytes=" + Pools.directBytes()
            + " threads=" + ManagementFactory.getThreadMXBean().getThreadCount() + " " + Library.account("");
    }
}
