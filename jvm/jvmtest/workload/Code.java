import java.util.ArrayList;
import java.util.List;

/** Compiled code. */
final class Code implements Workload.Kind {
    private final List<Runnable> compiled = new ArrayList<>();
    private byte[] jit;

    @Override
    public String run(Command command) throws Exception {
        switch (command.name()) {
            case "jit": return jit(command.number(1));
            case "jitfree": return jitfree();
            default: return null;
        }
    }

    private String jit(int mib) throws Exception {
        if (jit == null) {
            jit = Loader.resource("Jit.class");
        }
        String before = Pools.code("before_");
        long used = Pools.codeUsage().getUsed();
        for (int i = 0; i < mib; i++) {
            Runnable methods = (Runnable) Reflection.instance(new Loader().define("Jit", jit));
            compiled.add(methods);
            // Each is compiled at some 200 invocations; a long queue raises that, so this waits for it.
            for (int rounds = 0, idle = 0; rounds < 6 || idle < 3; rounds++) {
                for (int n = 0; n < 50; n++) {
                    methods.run();
                }
                Thread.sleep(5);
                long now = Pools.codeUsage().getUsed();
                idle = now == used ? idle + 1 : 0;
                used = now;
            }
        }
        return before + Pools.code("after_");
    }

    private String jitfree() {
        compiled.clear();
        System.gc();
        System.gc();
        return Pools.code("after_");
    }
}
