import java.util.ArrayList;
import java.util.List;

/** Metaspace. */
final class Classes implements Workload.Kind {
    private final List<Class<?>> classes = new ArrayList<>();
    private int run; // of the first so many the methods have been called
    private final byte[] template = Loader.resource("Classes$Template.class");
    private byte[] big;

    @Override
    public String run(Command command) throws Exception {
        switch (command.name()) {
            case "classes": return classes(command.number(1));
            case "bigclasses": return bigclasses(command.number(1));
            case "classrun": return classrun(command.number(1));
            case "classdrop": return classdrop(command.number(1));
            case "classfree": return classfree();
            default: return null;
        }
    }

    private String classes(int count) throws Exception {
        String before = Pools.metaspace("before_");
        for (int i = 0; i < count; i++) {
            Class<?> defined = new Loader().define("Classes$Template", template);
            classes.add(Class.forName(defined.getName(), true, defined.getClassLoader())); // links and initializes it
        }
        return before + Pools.metaspace("after_") + "classes=" + classes.size();
    }

    /** Few but large classes: what they use is all but what is committed, and little else grows with it. */
    private String bigclasses(int count) {
        if (big == null) {
            big = Loader.resource("Big.class"); // once: in ZGC it takes a page of up to 32 MiB
        }
        String before = Pools.metaspace("before_");
        for (int i = 0; i < count; i++) {
            classes.add(new Loader().define("Big", big));
        }
        return before + Pools.metaspace("after_") + "classes=" + classes.size();
    }

    /** What a method's profile takes comes when it is called often, long after the class was loaded. */
    private String classrun(int count) throws Exception {
        String before = Pools.metaspace("before_");
        for (int i = 0; i < count; i++) {
            Runnable methods = (Runnable) Reflection.instance(classes.get(run++));
            for (int n = 0; n < 300; n++) {
                methods.run();
            }
        }
        return before + Pools.metaspace("after_") + "run=" + run;
    }

    /** The oldest of them; when the JVM unloads them is up to it. */
    private String classdrop(int count) {
        classes.subList(0, count).clear();
        run = Math.max(0, run - count);
        return "classes=" + classes.size();
    }

    private String classfree() {
        classes.clear();
        run = 0;
        System.gc();
        System.gc();
        return Pools.metaspace("after_");
    }

    /** Defined anew by every Loader: about 3 KiB of metaspace used and 6 KiB committed each (JDK 17, 25). */
    public static class Template implements Runnable {
        public Template() {
        }

        @Override
        public void run() {
            mix(choose(greatestDivisor(12, 8)) + sum(new int[] {1, 2, 7}));
        }

        public int choose(int x) {
            switch (x) {
                case 1: return x * 31;
                case 2: return x ^ 0x5bd1e995;
                case 3: return x >>> 7;
                case 4: return x + 1013904223;
                default: return -x;
            }
        }

        public long mix(long x) {
            long h = x * 0x9e3779b97f4a7c15L;
            h ^= h >>> 32;
            h *= 0xd6e8feb86659fd93L;
            return h ^ (h >>> 29);
        }

        public int sum(int[] values) {
            int sum = 0;
            for (int value : values) {
                sum += value % 7 == 0 ? value : -value;
            }
            return sum;
        }

        public String words(int n) {
            StringBuilder out = new StringBuilder();
            for (int i = 0; i < n; i++) {
                out.append(i).append(choose(i)).append(mix(i)).append("first").append("second");
            }
            return out.toString();
        }

        public int greatestDivisor(int a, int b) {
            return b == 0 ? a : greatestDivisor(b, a % b);
        }
    }
}
