import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;

/** Compiled code. */
final class Code implements Workload.Kind {
    private final Queue<Runnable> loaded = new ArrayDeque<>();
    private final List<Runnable> compiled = new ArrayList<>();
    private byte[] jit;

    @Override
    public String run(Command command) throws Exception {
        switch (command.name()) {
            case "jit": return jit(command.number(1));
            case "jitload": return jitload(command.number(1));
            case "jitrun": return jitrun(command.number(1));
            case "jitfree": return jitfree();
            default: return null;
        }
    }

    private String jit(int mib) throws Exception {
        template(); // what reading it takes is none of code's
        String before = Pools.code("before_");
        for (int i = 0; i < mib; i++) {
            load();
            compile();
        }
        return before + Pools.code("after_");
    }

    private String jitload(int mib) throws Exception {
        for (int i = 0; i < mib; i++) {
            load();
        }
        return "loaded=" + loaded.size();
    }

    private String jitrun(int mib) throws InterruptedException {
        String before = Pools.code("before_");
        for (int i = 0; i < mib; i++) {
            compile();
        }
        return before + Pools.code("after_");
    }

    private void load() throws Exception {
        loaded.add((Runnable) Reflection.instance(new Loader().define("Jit", template())));
    }

    private byte[] template() {
        if (jit == null) {
            jit = Loader.resource("Jit.class");
        }
        return jit;
    }

    /** Each method is compiled at some 200 invocations; a long queue raises that, so this waits for it. */
    private void compile() throws InterruptedException {
        Runnable methods = loaded.remove();
        compiled.add(methods);
        long used = Pools.codeUsage().getUsed();
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

    private String jitfree() {
        loaded.clear();
        compiled.clear();
        System.gc();
        System.gc();
        return Pools.code("after_");
    }
}
